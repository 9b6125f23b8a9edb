/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The way of one packet, from its first byte to its signature events: the same code in the kernel
 * and in user space. Who includes this provides, before it:
 *
 *   capture_packet                   the type of a packet
 *   capture_configuration            struct capture_config, constant while the program runs
 *   capture_count(scratch, cause)    counts an enum capture_counter
 *   capture_data, _end, _bytes(packet)  its first bytes, their end, and its length in all
 *   capture_load(packet, …)          copies bytes of the packet; 0 when it could
 *   capture_segment_bytes(packet)    payload of each of the datagrams in it (UDP GSO); 0: it is one
 *   capture_flow(scratch)            the state of scratch->key, made if need be; NULL: no room
 *   capture_flow_if_known(scratch)   the same, NULL when there is none yet
 *   capture_flow_lock/unlock(flow)   lock gives 0 when another CPU holds it
 *   capture_emit(scratch)            puts scratch->event out
 *   capture_port_wanted(scratch, s, d)  the port filter
 *
 * The shape is what the verifier takes cheaply: anchors are first only recorded, a block at a time,
 * then signed in a second loop, and every loop over bytes is a function that it looks at once.
 * Counts live in memory, not in registers, so that its states meet again after each branch.
 */
#ifndef BPF_CAPTURE_CORE_H_
#define BPF_CAPTURE_CORE_H_

#include "scratch.h"
#include "tunnel.h"

/* Records the anchors among the 32 windows that begin at buffer[from …]. */
CAPTURE_FUNCTION int scan_block(struct capture_scratch *scratch, __u32 from)
{
	__u64 limit, key;
	const __u8 *b;
	int i;

	if (!scratch)
		return 0;
	limit = 1ULL << (64 - capture_configuration.rate_bits);
	key = capture_configuration.anchor_key;
	from &= BUFFER_MASK;
	b = scratch->buffer + from;
	CAPTURE_UNROLL
	for (i = 0; i < SCAN_BLOCK_BYTES; i++) {
		if (anchor_mix(difference64(b + i), key) < limit) {
			__u32 count = scratch->anchor_count;

			if (from + i <= scratch->scan_to) {
				scratch->anchors[count & ANCHORS_MASK] = (__u16)(from + i);
				scratch->anchor_count = count + 1;
			}
		}
	}
	return 0;
}

/* Records the anchors of all windows from scan_from to scan_to. */
CAPTURE_FUNCTION int scan_chunk(struct capture_scratch *scratch)
{
	__u32 from, to;
	int i;

	if (!scratch)
		return 0;
	scratch->anchor_count = 0;
	from = scratch->scan_from;
	to = scratch->scan_to;
	for (i = 0; i < (CHUNK_BYTES + CAPTURE_TAIL_MAX_BYTES) / SCAN_BLOCK_BYTES + 1; i++) {
		if (from > to)
			break;
		scan_block(scratch, from);
		from += SCAN_BLOCK_BYTES;
	}
	return 0;
}

/* Counts new values among up to 64 bytes from buffer[at] on: 1 when the gate is passed. */
CAPTURE_FUNCTION int distinct_block(struct capture_scratch *scratch, __u32 at, __u32 bytes,
				    int is_difference)
{
	const __u8 *b;
	__u32 i;

	if (!scratch)
		return 0;
	b = scratch->buffer + (at & BUFFER_MASK);
	for (i = 0; i < GATE_BLOCK_BYTES; i++) {
		volatile __u32 *count;
		__u64 bit, *word;
		__u8 value;

		if (i >= bytes)
			break;
		value = is_difference ? difference8(b + i) : b[i];
		bit = 1ULL << (value & 63);
		word = &scratch->distinct[value >> 6];
		if (!(*word & bit)) {
			*word |= bit;
			/* Volatile: the count must not become a register that the verifier knows. */
			count = (volatile __u32 *)&scratch->distinct_count;
			*count = *count + 1;
			if (*count > DISTINCT_GATE)
				return 1;
		}
	}
	return 0;
}

/* 1 when `bytes` bytes from buffer[at] on (of the difference stream, or plain) are of few values. */
CAPTURE_FUNCTION int has_few_distinct(struct capture_scratch *scratch, __u32 at, __u32 bytes,
				      int is_difference)
{
	__u32 i;

	if (!scratch)
		return 1;
	scratch->distinct[0] = 0;
	scratch->distinct[1] = 0;
	scratch->distinct[2] = 0;
	scratch->distinct[3] = 0;
	scratch->distinct_count = 0;
	for (i = 0; i < READ_MAX_BYTES; i += GATE_BLOCK_BYTES) {
		if (i >= bytes)
			break;
		if (distinct_block(scratch, at + i, bytes - i, is_difference))
			return 0;
	}
	return 1;
}

/* Adds the power of up to 64 bytes from buffer[at] on to power_sum: 1 when the limit is reached. */
CAPTURE_FUNCTION int power_block(struct capture_scratch *scratch, __u32 at, __u32 bytes,
				 __u32 reading)
{
	__u64 limit, sum;
	const __u8 *b;
	__u32 i;

	if (!scratch)
		return 1;
	b = scratch->buffer + (at & BUFFER_MASK);
	limit = scratch->power_limit;
	sum = scratch->power_sum;
	if (reading == LEVEL_PCM16) {
		for (i = 0; i < GATE_BLOCK_BYTES; i += 2) {
			if (i + 2 > bytes)
				break;
			sum += square(pcm16_magnitude(load16(b + i)));
			if (sum >= limit)
				return 1;
		}
	} else if (reading == LEVEL_MU_LAW) {
		for (i = 0; i < GATE_BLOCK_BYTES; i++) {
			if (i >= bytes)
				break;
			sum += square(mu_law_magnitude(b[i]));
			if (sum >= limit)
				return 1;
		}
	} else {
		for (i = 0; i < GATE_BLOCK_BYTES; i++) {
			if (i >= bytes)
				break;
			sum += square(a_law_magnitude(b[i]));
			if (sum >= limit)
				return 1;
		}
	}
	scratch->power_sum = sum;
	return 0;
}

/* 1 when the root mean square of `bytes` bytes from buffer[at] on is below the threshold. */
CAPTURE_FUNCTION int is_quiet(struct capture_scratch *scratch, __u32 at, __u32 bytes, __u32 reading)
{
	__u64 threshold = capture_configuration.silence_threshold;
	__u32 i;

	if (!scratch)
		return 1;
	scratch->power_limit =
		threshold * threshold * (reading == LEVEL_PCM16 ? bytes / 2 : bytes);
	scratch->power_sum = 0;
	/* Stops at the first samples that settle it: loud audio costs next to nothing. */
	for (i = 0; i < READ_MAX_BYTES; i += GATE_BLOCK_BYTES) {
		if (i >= bytes)
			break;
		if (power_block(scratch, at + i, bytes - i, reading))
			return 0;
	}
	return 1;
}

/* 1 when the raw bytes from buffer[at] on are silence in any reading of them. */
static __always_inline int is_silence(struct capture_scratch *scratch, __u32 at, __u32 bytes)
{
	if (capture_configuration.silence_threshold == 0)
		return 0;
	return is_quiet(scratch, at, bytes, LEVEL_PCM16) ||
	       is_quiet(scratch, at + 1, bytes - 1, LEVEL_PCM16) ||
	       is_quiet(scratch, at, bytes, LEVEL_MU_LAW) ||
	       is_quiet(scratch, at, bytes, LEVEL_A_LAW);
}

/* Gates of the window at buffer[at]: 0 when it may be signed, else it is counted why not. */
static __always_inline int gate_window(struct capture_scratch *scratch, __u32 at)
{
	__u32 window_bytes = capture_configuration.window_bytes;

	if (anchor_is_flat(difference64(scratch->buffer + (at & BUFFER_MASK))) ||
	    has_few_distinct(scratch, at, window_bytes, 1)) {
		capture_count(scratch, CAPTURE_COUNTER_GATE_DISTINCT);
		return 1;
	}
	if (is_silence(scratch, at + DIFFERENCE_BYTES, window_bytes)) {
		capture_count(scratch, CAPTURE_COUNTER_GATE_SILENCE);
		return 1;
	}
	return 0;
}

/* Signs the window at buffer[at] and puts the event out. */
CAPTURE_FUNCTION int sign_window(struct capture_scratch *scratch, __u32 at)
{
	const __u8 *b;

	if (!scratch)
		return 0;
	at &= BUFFER_MASK;
	if (gate_window(scratch, at))
		return 0;
	b = scratch->buffer + at;
	scratch->event.signature =
		signature_of(b, capture_configuration.window_bytes, CAPTURE_WINDOW_MAX_BYTES,
			     capture_configuration.algorithm, capture_configuration.seed, 1);
	/* In RTP the packet's sequence number is the position. */
	if (scratch->event.kind == CAPTURE_SIGNATURE_CONTENT)
		scratch->event.position = scratch->buffer_sequence + at + DIFFERENCE_BYTES;
	capture_emit(scratch);
	return 0;
}

/* Signs all windows that scan_chunk recorded. */
CAPTURE_FUNCTION int sign_anchors(struct capture_scratch *scratch)
{
	__u32 i;

	if (!scratch)
		return 0;
	if (scratch->anchor_count > ANCHORS_MAX) {
		capture_count(scratch, CAPTURE_COUNTER_ANCHORS_OVERFLOW);
		scratch->anchor_count = ANCHORS_MAX;
	}
	for (i = 0; i < ANCHORS_MAX; i++) {
		if (i >= scratch->anchor_count)
			break;
		sign_window(scratch, scratch->anchors[i & ANCHORS_MASK]);
	}
	return 0;
}

/* Copies `room` bytes (a multiple of 8) by words. */
static __always_inline void copy_words(__u8 *to, const __u8 *from, __u32 room)
{
	__u32 i;

	for (i = 0; i < CAPTURE_TAIL_MAX_BYTES; i += 8) {
		if (i >= room)
			break;
		store64(to + i, load64(from + i));
	}
}

/*
 * Signs scratch->stream: chunk after chunk of the packet, behind the tail that lies in the first
 * `room` bytes of the buffer, and leaves the new tail there. 0 when all could be read.
 */
CAPTURE_FUNCTION int sign_chunks(capture_packet *packet, struct capture_scratch *scratch)
{
	const __u32 room = capture_tail_room(capture_configuration.window_bytes);
	const __u32 raw_window_bytes = capture_configuration.window_bytes + DIFFERENCE_BYTES;
	struct stream_part *part;
	__u32 chunk_bytes, from;
	int i;

	if (!packet || !scratch)
		return 1;
	part = &scratch->part;
	for (i = 0; i < CHUNKS_MAX; i++) {
		if (part->bytes == 0)
			break;
		chunk_bytes = part->bytes < CHUNK_BYTES ? part->bytes : CHUNK_BYTES;
		if (!(part->flags & PART_LOADED) &&
		    capture_load(packet, part->offset, scratch->buffer + room, chunk_bytes))
			return 1;
		if (part->flags & PART_KEEP_BEGIN) {
			from = (room - part->tail_bytes) & BUFFER_MASK;
			copy_words(scratch->stream_begin, scratch->buffer + from, room);
		}
		if (part->tail_bytes + chunk_bytes >= raw_window_bytes) {
			/* Windows that end in the chunk: the tail alone holds one byte too few. */
			scratch->scan_from = room - (part->tail_bytes < raw_window_bytes - 1 ?
							     part->tail_bytes :
							     raw_window_bytes - 1);
			scratch->scan_to = room + chunk_bytes - raw_window_bytes;
			scratch->buffer_sequence = part->sequence - room;
			scan_chunk(scratch);
			sign_anchors(scratch);
		}
		part->flags = 0;
		part->offset += chunk_bytes;
		part->sequence += chunk_bytes;
		part->bytes -= chunk_bytes;
		part->tail_bytes += chunk_bytes;
		if (part->tail_bytes > room)
			part->tail_bytes = room;
		from = chunk_bytes & BUFFER_MASK;
		copy_words(scratch->buffer, scratch->buffer + from, room);
	}
	if (part->bytes > 0) {
		/* The rest is a hole in the stream: nothing may be signed across it. */
		part->tail_bytes = 0;
		capture_count(scratch, CAPTURE_COUNTER_PACKET_TOO_LONG);
	}
	return 0;
}

/*
 * Signs `bytes` bytes of the packet from `offset` on, which follow `tail_bytes` bytes of the flow's
 * piece of history `piece`; `sequence` is the first one's. Leaves the new tail there and returns how
 * long it is.
 */
static __always_inline __u32 sign_stream(capture_packet *packet, struct capture_scratch *scratch,
					 struct flow_state *flow, const __u32 piece,
					 __u32 tail_bytes, __u32 offset, __u32 bytes,
					 __u32 sequence, __u32 part_flags)
{
	const __u32 room = capture_tail_room(capture_configuration.window_bytes);

	copy_words(scratch->buffer, flow->history + piece * room, room);
	scratch->part.offset = offset;
	scratch->part.bytes = bytes;
	scratch->part.sequence = sequence;
	scratch->part.tail_bytes = tail_bytes;
	scratch->part.flags = part_flags;
	if (sign_chunks(packet, scratch)) {
		capture_count(scratch, CAPTURE_COUNTER_LOAD_FAILED);
		/* What was kept at an open gap no longer fits together. */
		flow->flags &= ~(__u32)(FLOW_GAP | FLOW_GAP_END_KEPT);
		return 0;
	}
	copy_words(flow->history + piece * room, scratch->buffer, room);
	return scratch->part.tail_bytes;
}

/*
 * The gap is filled: signs the windows that begin before its end and end behind it, and makes what
 * was kept on both sides one stream again.
 */
static __always_inline void join_gap(struct capture_scratch *scratch, struct flow_state *flow)
{
	const __u32 room = capture_tail_room(capture_configuration.window_bytes);
	const __u32 raw_window_bytes = capture_configuration.window_bytes + DIFFERENCE_BYTES;
	const int is_kept = (flow->flags & FLOW_GAP_END_KEPT) != 0;
	/* Bytes behind the gap, right-aligned before buffer[2 * room]. Few are the tail itself. */
	__u32 bytes = is_kept ? room : flow->tail_bytes;
	__u32 joint = 2 * room - bytes;

	if (is_kept)
		copy_words(scratch->buffer + room, flow->history + HISTORY_GAP_END * room, room);
	else
		copy_words(scratch->buffer + room, flow->history + HISTORY_TAIL * room, room);
	copy_words(scratch->buffer + ((joint - room) & BUFFER_MASK),
		   flow->history + HISTORY_GAP_TAIL * room, room);
	scratch->scan_from = joint - (flow->gap_tail_bytes < raw_window_bytes - 1 ?
					      flow->gap_tail_bytes :
					      raw_window_bytes - 1);
	scratch->scan_to = 2 * room - raw_window_bytes;
	if (scratch->scan_to > joint - 1)
		scratch->scan_to = joint - 1;
	scratch->buffer_sequence = flow->gap_end_sequence - joint;
	scan_chunk(scratch);
	sign_anchors(scratch);
	if (!is_kept) {
		copy_words(flow->history + HISTORY_TAIL * room, scratch->buffer + room, room);
		bytes += flow->gap_tail_bytes;
		flow->tail_bytes = bytes < room ? bytes : room;
	}
	flow->flags &= ~(__u32)(FLOW_GAP | FLOW_GAP_END_KEPT);
}

/* Counts text among up to 64 bytes at the buffer's begin: 1 when there is little else. */
CAPTURE_FUNCTION int is_text(struct capture_scratch *scratch, __u32 bytes)
{
	volatile __u32 *count;
	__u32 i;

	if (!scratch)
		return 1;
	scratch->distinct_count = 0;
	count = (volatile __u32 *)&scratch->distinct_count;
	for (i = 0; i < CADENCE_SAMPLE_BYTES; i++) {
		if (i >= bytes)
			break;
		*count = *count + (__u32)is_text_byte(scratch->buffer[i]);
	}
	return *count * CADENCE_TEXT_DIVISOR >= bytes * CADENCE_TEXT_SHARE;
}

/* 1 when the packet's first bytes speak for audio, -1 against it; 0: silence, which says nothing. */
static __always_inline int judge_sample(capture_packet *packet, struct capture_scratch *scratch)
{
	__u32 bytes = scratch->transport.payload_bytes;

	if (bytes > CADENCE_SAMPLE_BYTES)
		bytes = CADENCE_SAMPLE_BYTES;
	if (bytes < CADENCE_SAMPLE_MIN_BYTES ||
	    capture_load(packet, scratch->transport.payload_offset, scratch->buffer, bytes))
		return -1;
	if (has_few_distinct(scratch, 0, bytes, 0))
		return 0;
	return is_text(scratch, bytes) ? -1 : 1;
}

/* Keeps FLOW_AUDIO and FLOW_BULK: once audio, pauses do not end it, only the speed of bulk does. */
static __always_inline void judge_cadence(capture_packet *packet, struct capture_scratch *scratch,
					  struct flow_state *flow)
{
	int sample, verdict = cadence_accept(&flow->cadence, scratch->event.time_ns,
					     scratch->transport.payload_bytes);

	if (verdict == CADENCE_UNCHANGED)
		return;
	if (verdict == CADENCE_BULK) {
		flow->flags |= FLOW_BULK;
		flow->flags &= ~(__u32)FLOW_AUDIO;
		return;
	}
	flow->flags &= ~(__u32)FLOW_BULK;
	if (flow->flags & FLOW_AUDIO)
		return;
	/* One packet may look like anything: several, a bin apart, must look like audio. */
	sample = judge_sample(packet, scratch);
	if (sample < 0)
		flow->audio_samples -= flow->audio_samples > 0;
	else if (sample > 0 && flow->audio_samples < CADENCE_BINS)
		flow->audio_samples++;
	if (verdict == CADENCE_STEADY && flow->audio_samples == CADENCE_BINS)
		flow->flags |= FLOW_AUDIO;
}

/* Signs what is new of a segment, and what of it fills a gap. */
static __always_inline void sign_segment(capture_packet *packet, struct capture_scratch *scratch,
					 struct flow_state *flow, const struct tcp_order *order)
{
	const __u32 room = capture_tail_room(capture_configuration.window_bytes);
	const struct transport *transport = &scratch->transport;
	int keeps;

	if (order->gap_given_up)
		capture_count(scratch, CAPTURE_COUNTER_TCP_GAP_UNFILLED);
	if (order->late_bytes) {
		capture_count(scratch, CAPTURE_COUNTER_TCP_LATE);
		flow->gap_tail_bytes =
			sign_stream(packet, scratch, flow, HISTORY_GAP_TAIL, flow->gap_tail_bytes,
				    transport->payload_offset + order->late_skip_bytes,
				    order->late_bytes, flow->gap_sequence, 0);
		flow->gap_sequence += order->late_bytes;
		if ((flow->flags & FLOW_GAP) && flow->gap_sequence == flow->gap_end_sequence)
			join_gap(scratch, flow);
	}
	if (order->new_bytes) {
		if (order->opens_gap) {
			capture_count(scratch, CAPTURE_COUNTER_TCP_GAP);
			copy_words(flow->history + HISTORY_GAP_TAIL * room,
				   flow->history + HISTORY_TAIL * room, room);
		}
		/* The tail holds all that is behind the gap until it is full. */
		keeps = (flow->flags & FLOW_GAP) && !(flow->flags & FLOW_GAP_END_KEPT) &&
			flow->tail_bytes + order->new_bytes >= room;
		flow->tail_bytes =
			sign_stream(packet, scratch, flow, HISTORY_TAIL, flow->tail_bytes,
				    transport->payload_offset + order->new_skip_bytes,
				    order->new_bytes,
				    transport->tcp_sequence + order->new_skip_bytes,
				    keeps ? PART_KEEP_BEGIN : 0);
		if (keeps && (flow->flags & FLOW_GAP)) {
			copy_words(flow->history + HISTORY_GAP_END * room, scratch->stream_begin,
				   room);
			flow->flags |= FLOW_GAP_END_KEPT;
		}
	} else if (!order->late_bytes) {
		capture_count(scratch, CAPTURE_COUNTER_TCP_RETRANSMISSION);
	}
}

static __always_inline void capture_tcp(capture_packet *packet, struct capture_scratch *scratch)
{
	const struct transport *transport = &scratch->transport;
	struct flow_state *flow;
	struct tcp_order order;
	__u32 sequence = transport->tcp_sequence;

	if (transport->payload_bytes == 0 && !(transport->tcp_flags & TCP_FLAG_SYN)) {
		capture_count(scratch, CAPTURE_COUNTER_NO_PAYLOAD);
		return;
	}
	flow = capture_flow(scratch);
	if (!flow) {
		capture_count(scratch, CAPTURE_COUNTER_FLOW_TABLE_FULL);
		return;
	}
	if (!capture_flow_lock(flow)) {
		capture_count(scratch, CAPTURE_COUNTER_FLOW_BUSY);
		return;
	}
	if (transport->tcp_flags & TCP_FLAG_SYN) {
		if (flow->flags & FLOW_GAP)
			capture_count(scratch, CAPTURE_COUNTER_TCP_GAP_UNFILLED);
		sequence += 1;
		scratch->transport.tcp_sequence = sequence;
		tcp_accept_syn(flow, sequence);
	}
	if (transport->payload_bytes == 0) {
		capture_count(scratch, CAPTURE_COUNTER_NO_PAYLOAD);
		goto unlock;
	}
	if (capture_configuration.detect_cadence) {
		judge_cadence(packet, scratch, flow);
		if (!(flow->flags & FLOW_AUDIO)) {
			capture_count(scratch, CAPTURE_COUNTER_NOT_AUDIO);
			flow->flags &= ~(__u32)FLOW_STARTED;
			goto unlock;
		}
	}
	tcp_accept(flow, sequence, transport->payload_bytes, &order);
	scratch->event.kind = CAPTURE_SIGNATURE_CONTENT;
	scratch->event.flags = CAPTURE_EVENT_SIGNED;
	scratch->event.initial_sequence = 0;
	if (flow->flags & FLOW_INITIAL_SEQUENCE_KNOWN) {
		scratch->event.flags |= CAPTURE_EVENT_INITIAL_SEQUENCE_KNOWN;
		scratch->event.initial_sequence = flow->initial_sequence;
	}
	scratch->event.rtp_ssrc = 0;
	scratch->event.rtp_timestamp = 0;
	scratch->event.rtp_payload_type = 0;
	scratch->event.payload_bytes = 0;
	scratch->event.level = CAPTURE_LEVEL_UNKNOWN;
	sign_segment(packet, scratch, flow, &order);
unlock:
	capture_flow_unlock(flow);
}

/* Of its own, so that the verifier looks at it once, not at every end of the loop below. */
CAPTURE_FUNCTION int mean_level(__u64 sum, __u32 count)
{
	return level_of_mean_square(count ? sum / count : 0);
}

/*
 * An RTP payload is loaded to where the windows across payloads want it: behind the room for the
 * tail.
 */
#define RTP_PAYLOAD_AT capture_tail_room(capture_configuration.window_bytes)

/* Level of the G.711 payload in the buffer, from every fourth of its first 512 samples. */
CAPTURE_FUNCTION int g711_level(struct capture_scratch *scratch, __u32 bytes, int is_mu_law)
{
	const __u32 read_bytes = bytes < G711_LEVEL_MAX_BYTES ? bytes : G711_LEVEL_MAX_BYTES;
	const __u32 count = (read_bytes + 3) / 4;
	const __u8 *payload;
	__u64 sum = 0;
	__u32 i;

	if (!scratch)
		return CAPTURE_LEVEL_UNKNOWN;
	payload = scratch->buffer + RTP_PAYLOAD_AT;
	for (i = 0; i < G711_LEVEL_MAX_BYTES; i += 4) {
		if (i >= bytes)
			break;
		sum += square(is_mu_law ? mu_law_magnitude(payload[i]) :
					  a_law_magnitude(payload[i]));
	}
	return mean_level(sum, count);
}

/* Signature of the RTP payload in the buffer. */
CAPTURE_FUNCTION int hash_payload(struct capture_scratch *scratch, __u32 bytes)
{
	if (!scratch)
		return 0;
	scratch->event.signature =
		signature_of(scratch->buffer + RTP_PAYLOAD_AT, bytes, READ_MAX_BYTES, capture_configuration.algorithm,
			     capture_configuration.seed ^ RTP_PAYLOAD_SEED, 0);
	return 0;
}

/* Signs the RTP payload in the buffer; every packet gives an event, for the stream's quality. */
CAPTURE_FUNCTION int sign_rtp_payload(struct capture_scratch *scratch)
{
	__u8 payload_type;
	__u32 bytes;

	if (!scratch)
		return 0;
	bytes = scratch->event.payload_bytes;
	payload_type = scratch->event.rtp_payload_type;
	/* The level of other codecs is not to be had without decoding. */
	scratch->event.level = CAPTURE_LEVEL_UNKNOWN;
	if (payload_type == RTP_PAYLOAD_TYPE_PCMU || payload_type == RTP_PAYLOAD_TYPE_PCMA)
		scratch->event.level = (__u8)g711_level(scratch, bytes,
							payload_type == RTP_PAYLOAD_TYPE_PCMU);
	if (bytes < RTP_PAYLOAD_MIN_BYTES) {
		capture_count(scratch, CAPTURE_COUNTER_RTP_TOO_SHORT);
	} else if (has_few_distinct(scratch, RTP_PAYLOAD_AT, bytes, 0)) {
		capture_count(scratch, CAPTURE_COUNTER_GATE_DISTINCT);
	} else if (is_silence(scratch, RTP_PAYLOAD_AT, bytes)) {
		capture_count(scratch, CAPTURE_COUNTER_GATE_SILENCE);
	} else {
		scratch->event.flags |= CAPTURE_EVENT_SIGNED;
		hash_payload(scratch, bytes);
	}
	capture_emit(scratch);
	return 0;
}

/*
 * Finds the RTP payload in the datagram at scratch->transport, whose place it takes there, with
 * header, extension and padding left out. 0, or the cause for leaving it alone.
 */
static __always_inline int find_rtp_payload(capture_packet *packet, struct capture_scratch *scratch,
					    struct rtp_header *rtp)
{
	struct transport *transport = &scratch->transport;
	__u32 header_bytes, bytes;
	__u8 bounds[4];

	if (transport->payload_bytes < RTP_HEADER_BYTES ||
	    capture_load(packet, transport->payload_offset, scratch->buffer, RTP_HEADER_BYTES) ||
	    !rtp_parse(scratch->buffer, transport->payload_bytes, rtp))
		return CAPTURE_COUNTER_NOT_RTP;
	header_bytes = rtp->header_bytes;
	if (rtp->has_extension) {
		if (header_bytes + 4 > transport->payload_bytes ||
		    capture_load(packet, transport->payload_offset + header_bytes, bounds, 4))
			return CAPTURE_COUNTER_NOT_RTP;
		header_bytes += 4 + capture_ntohs(load16(bounds + 2)) * 4;
		if (header_bytes > transport->payload_bytes)
			return CAPTURE_COUNTER_NOT_RTP;
	}
	bytes = transport->payload_bytes - header_bytes;
	if (rtp->has_padding) {
		if (capture_load(packet, transport->payload_offset + transport->payload_bytes - 1,
				 bounds, 1) ||
		    bounds[0] == 0 || bounds[0] > bytes)
			return CAPTURE_COUNTER_NOT_RTP;
		bytes -= bounds[0];
	}
	if (bytes > CHUNK_BYTES)
		return CAPTURE_COUNTER_PACKET_TOO_LONG;
	transport->payload_offset += header_bytes;
	transport->payload_bytes = bytes;
	return 0;
}

/* Signs the windows of the payload, behind those of the packet before where it follows it. */
static __always_inline void sign_rtp_content(capture_packet *packet, struct capture_scratch *scratch,
					     struct flow_state *flow, int verdict)
{
	const struct transport *transport = &scratch->transport;
	__u32 tail_bytes;

	scratch->event.kind = CAPTURE_SIGNATURE_RTP_CONTENT;
	scratch->event.flags = CAPTURE_EVENT_SIGNED;
	scratch->event.level = CAPTURE_LEVEL_UNKNOWN;
	if (verdict == RTP_LATE) {
		/* Alone: the tail is that of a packet behind it. */
		scratch->part.offset = transport->payload_offset;
		scratch->part.bytes = transport->payload_bytes;
		scratch->part.tail_bytes = 0;
		scratch->part.flags = PART_LOADED;
		if (sign_chunks(packet, scratch))
			capture_count(scratch, CAPTURE_COUNTER_LOAD_FAILED);
		return;
	}
	tail_bytes = verdict == RTP_NEXT ? flow->tail_bytes : 0;
	flow->tail_bytes = sign_stream(packet, scratch, flow, HISTORY_TAIL, tail_bytes,
				       transport->payload_offset, transport->payload_bytes, 0,
				       PART_LOADED);
}

/* 1 when the source has now shown that its sequence advances; else it is counted why not. */
static __always_inline int rtp_is_believed(struct capture_scratch *scratch,
					   const struct rtp_header *rtp)
{
	struct rtp_candidate *candidates;
	struct flow_state *flow;
	int is_believed;

	scratch->key.rtp_ssrc = 0;
	scratch->key.kind = FLOW_KEY_CANDIDATES;
	flow = capture_flow(scratch);
	scratch->key.rtp_ssrc = rtp->ssrc;
	scratch->key.kind = FLOW_KEY_STREAM;
	if (!flow) {
		capture_count(scratch, CAPTURE_COUNTER_FLOW_TABLE_FULL);
		return 0;
	}
	if (!capture_flow_lock(flow)) {
		capture_count(scratch, CAPTURE_COUNTER_FLOW_BUSY);
		return 0;
	}
	candidates = (struct rtp_candidate *)flow->history;
	is_believed = rtp_is_second(&candidates[rtp_candidate_place(rtp->ssrc)], rtp->ssrc,
				    rtp->sequence, scratch->event.time_ns);
	capture_flow_unlock(flow);
	if (!is_believed)
		capture_count(scratch, CAPTURE_COUNTER_RTP_PROBATION);
	return is_believed;
}

/* Looks the datagram at scratch->transport through. */
CAPTURE_FUNCTION int capture_rtp(capture_packet *packet, struct capture_scratch *scratch)
{
	struct rtp_header rtp;
	struct flow_state *flow;
	int verdict, cause, is_new;

	if (!packet || !scratch)
		return 0;
	cause = find_rtp_payload(packet, scratch, &rtp);
	if (cause) {
		capture_count(scratch, cause);
		return 0;
	}
	scratch->key.rtp_ssrc = rtp.ssrc;
	flow = capture_flow_if_known(scratch);
	is_new = !flow;
	if (is_new) {
		if (!rtp_is_believed(scratch, &rtp))
			return 0;
		flow = capture_flow(scratch);
	}
	if (!flow) {
		capture_count(scratch, CAPTURE_COUNTER_FLOW_TABLE_FULL);
		return 0;
	}
	if (!capture_flow_lock(flow)) {
		capture_count(scratch, CAPTURE_COUNTER_FLOW_BUSY);
		return 0;
	}
	if (is_new) {
		rtp_begin(&flow->rtp, rtp.sequence);
		verdict = RTP_BEGINS;
	} else {
		verdict = rtp_accept(&flow->rtp, rtp.sequence);
	}
	if (verdict == RTP_REPEATED || verdict == RTP_ON_PROBATION) {
		capture_count(scratch, verdict == RTP_REPEATED ? CAPTURE_COUNTER_RTP_DUPLICATE :
								 CAPTURE_COUNTER_RTP_PROBATION);
		goto unlock;
	}
	if (capture_configuration.detect_cadence) {
		/* Its headers say that it is RTP; only video is still to be told from audio. */
		judge_cadence(packet, scratch, flow);
		if (flow->flags & FLOW_BULK) {
			capture_count(scratch, CAPTURE_COUNTER_NOT_AUDIO);
			goto unlock;
		}
	}
	if (verdict == RTP_AHEAD)
		capture_count(scratch, CAPTURE_COUNTER_RTP_GAP);
	if (verdict == RTP_LATE)
		capture_count(scratch, CAPTURE_COUNTER_RTP_LATE);
	if (scratch->transport.payload_bytes &&
	    capture_load(packet, scratch->transport.payload_offset,
			 scratch->buffer + RTP_PAYLOAD_AT, scratch->transport.payload_bytes)) {
		capture_count(scratch, CAPTURE_COUNTER_LOAD_FAILED);
		flow->tail_bytes = 0;
		goto unlock;
	}
	scratch->event.signature = 0;
	scratch->event.kind = CAPTURE_SIGNATURE_RTP_PAYLOAD;
	scratch->event.flags = rtp.marker ? CAPTURE_EVENT_RTP_MARKER : 0;
	scratch->event.position = rtp.sequence;
	scratch->event.initial_sequence = 0;
	scratch->event.rtp_ssrc = rtp.ssrc;
	scratch->event.rtp_timestamp = rtp.timestamp;
	scratch->event.rtp_payload_type = rtp.payload_type;
	scratch->event.payload_bytes = (__u16)scratch->transport.payload_bytes;
	sign_rtp_payload(scratch);
	/* Comfort noise and dialled digits are between the words, not of them: gateways leave them out. */
	if (rtp.payload_type == RTP_PAYLOAD_TYPE_COMFORT_NOISE ||
	    rtp.payload_type == RTP_PAYLOAD_TYPE_COMFORT_NOISE_OLD ||
	    scratch->transport.payload_bytes < RTP_PAYLOAD_MIN_BYTES) {
		if (verdict == RTP_AHEAD || verdict == RTP_BEGINS)
			flow->tail_bytes = 0;
		goto unlock;
	}
	sign_rtp_content(packet, scratch, flow, verdict);
unlock:
	capture_flow_unlock(flow);
	return 0;
}

/* One datagram, or as many as segmentation offload has put into one packet. */
static __always_inline void capture_udp(capture_packet *packet, struct capture_scratch *scratch)
{
	__u32 offset = scratch->transport.payload_offset;
	__u32 bytes = scratch->transport.payload_bytes;
	__u32 segment_bytes = capture_segment_bytes(packet);
	int i;

	if (segment_bytes == 0 || segment_bytes >= bytes) {
		capture_rtp(packet, scratch);
		return;
	}
	for (i = 0; i < UDP_SEGMENTS_MAX; i++) {
		if (bytes == 0)
			break;
		scratch->transport.payload_offset = offset;
		scratch->transport.payload_bytes = bytes < segment_bytes ? bytes : segment_bytes;
		offset += scratch->transport.payload_bytes;
		bytes -= scratch->transport.payload_bytes;
		capture_rtp(packet, scratch);
	}
	if (bytes)
		capture_count(scratch, CAPTURE_COUNTER_PACKET_TOO_LONG);
}

/* 1 when the part of the packet that can be read directly holds all headers it may have. */
static __always_inline int are_headers_linear(capture_packet *packet)
{
	__u32 linear_bytes = capture_end(packet) - capture_data(packet);

	return linear_bytes >= HEADERS_MAX_BYTES || linear_bytes >= capture_bytes(packet);
}

/*
 * Puts the packet that scratch->network carries in its stead. PARSE_OK, or the cause for not doing
 * so: CAPTURE_COUNTER_MALFORMED when there is none, or when its headers are not all to be seen.
 */
CAPTURE_FUNCTION int enter_tunnel(capture_packet *packet, struct capture_scratch *scratch)
{
	struct network outer, inner;
	int result;

	if (!packet || !scratch)
		return CAPTURE_COUNTER_MALFORMED;
	outer = scratch->network;
	result = parse_tunnel(capture_data(packet), capture_end(packet), &outer, &inner);
	if (result != PARSE_OK)
		return result;
	if (is_ip_in_ip(inner.transport))
		return CAPTURE_COUNTER_NOT_TCP_OR_UDP;
	scratch->network = inner;
	return PARSE_OK;
}

/*
 * Finds the payload of a packet of a device of `link_layer` (enum capture_link_layer) into
 * scratch->network and scratch->transport. PARSE_OK, or the cause for leaving the packet alone.
 */
CAPTURE_FUNCTION int find_payload(capture_packet *packet, struct capture_scratch *scratch,
				  __u32 link_layer)
{
	const __u8 *data, *end;
	int result, may_enter = 1;

	if (!packet || !scratch)
		return CAPTURE_COUNTER_MALFORMED;
	data = capture_data(packet);
	end = capture_end(packet);
	result = parse_network(data, end, capture_bytes(packet), link_layer, &scratch->network);
	if (result != PARSE_OK)
		return result;
	if (is_ip_in_ip(scratch->network.transport)) {
		result = enter_tunnel(packet, scratch);
		if (result != PARSE_OK)
			return result;
		may_enter = 0;
	}
	result = parse_ports(data, end, &scratch->network, &scratch->transport);
	if (result != PARSE_OK)
		return result;
	if (may_enter && scratch->network.transport == TRANSPORT_UDP &&
	    is_tunnel_port(scratch->transport.destination_port)) {
		result = enter_tunnel(packet, scratch);
		if (result == PARSE_OK)
			result = parse_ports(data, end, &scratch->network, &scratch->transport);
		/* What is no tunnel is ordinary UDP; but first all headers must have been seen. */
		if (result != PARSE_OK &&
		    (result != CAPTURE_COUNTER_MALFORMED || !are_headers_linear(packet)))
			return result;
	}
	if (!capture_port_wanted(scratch, scratch->transport.source_port,
				 scratch->transport.destination_port))
		return CAPTURE_COUNTER_PORT_FILTERED;
	result = parse_transport(data, end, &scratch->network, &scratch->transport);
	if (result != PARSE_OK)
		return result;
	return parse_addresses(data, end, &scratch->network, scratch->key.source_address,
			       scratch->key.destination_address);
}

/* Looks one packet through; `time_ns` is when it passed. */
static __always_inline void capture_packet_payload(capture_packet *packet,
						   struct capture_scratch *scratch, __u64 time_ns,
						   __u32 interface_index, __u8 direction)
{
	struct transport *transport = &scratch->transport;

	scratch->key.source_port = transport->source_port;
	scratch->key.destination_port = transport->destination_port;
	scratch->key.interface_index = interface_index;
	scratch->key.rtp_ssrc = 0;
	scratch->key.direction = direction;
	scratch->key.transport = scratch->network.transport;
	scratch->key.kind = FLOW_KEY_STREAM;
	copy_words(scratch->event.source_address, scratch->key.source_address, 32);
	scratch->event.source_port = transport->source_port;
	scratch->event.destination_port = transport->destination_port;
	scratch->event.time_ns = time_ns;
	scratch->event.interface_index = interface_index;
	scratch->event.direction = direction;
	scratch->event.transport = scratch->network.transport;
	scratch->event.reserved = 0;
	if (scratch->network.transport == TRANSPORT_TCP)
		capture_tcp(packet, scratch);
	else
		capture_udp(packet, scratch);
}

#endif /* BPF_CAPTURE_CORE_H_ */
