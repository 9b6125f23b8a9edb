/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * RTP: from a datagram to its packet's event and the windows that it completes. Part of
 * capture_core.h.
 */
#ifndef BPF_MEDIA_H_
#define BPF_MEDIA_H_

#include "audio.h"
#include "flow.h"
#include "rtp.h"
#include "sampling.h"
#include "windows.h"

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
	scratch->event.signature = signature_of(scratch->buffer + RTP_PAYLOAD_AT, bytes,
						READ_MAX_BYTES, capture_configuration.algorithm,
						capture_configuration.seed ^ RTP_PAYLOAD_SEED, 0);
	return 0;
}

/*
 * Signs the RTP payload in the buffer. Every packet gives an event, for the stream's quality; while
 * signatures are sampled, every packet of the share of the streams that their SSRC selects (quality
 * needs all of a stream or nothing), and of the others those whose signature is kept.
 */
CAPTURE_FUNCTION int sign_rtp_payload(struct capture_scratch *scratch)
{
	__u32 threshold;
	__u8 payload_type;
	__u32 bytes;

	if (!scratch)
		return 0;
	bytes = scratch->event.payload_bytes;
	payload_type = scratch->event.rtp_payload_type;
	/* The level of other codecs is not to be had without decoding. */
	scratch->event.level = CAPTURE_LEVEL_UNKNOWN;
	if (payload_type == RTP_PAYLOAD_TYPE_PCMU || payload_type == RTP_PAYLOAD_TYPE_PCMA)
		scratch->event.level =
			(__u8)g711_level(scratch, bytes, payload_type == RTP_PAYLOAD_TYPE_PCMU);
	if (bytes < RTP_PAYLOAD_MIN_BYTES) {
		capture_count(scratch, CAPTURE_COUNTER_RTP_TOO_SHORT);
	} else if (has_few_distinct(scratch, RTP_PAYLOAD_AT, bytes, 0)) {
		capture_count(scratch, CAPTURE_COUNTER_GATE_DISTINCT);
	} else if (is_silence(scratch, RTP_PAYLOAD_AT, bytes)) {
		capture_count(scratch, CAPTURE_COUNTER_GATE_SILENCE);
	} else {
		hash_payload(scratch, bytes);
		scratch->event.flags |= CAPTURE_EVENT_SIGNED;
	}
	threshold = capture_sampling_threshold(scratch);
	if ((scratch->event.flags & CAPTURE_EVENT_SIGNED) &&
	    !sampling_keeps(scratch->event.signature, threshold)) {
		capture_count(scratch, CAPTURE_COUNTER_SAMPLED_OUT);
		scratch->event.flags &= ~CAPTURE_EVENT_SIGNED;
		scratch->event.signature = 0;
	}
	if ((scratch->event.flags & CAPTURE_EVENT_SIGNED) ||
	    sampling_keeps(scratch->event.rtp_ssrc, threshold))
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
static __always_inline void sign_rtp_content(capture_packet *packet,
					     struct capture_scratch *scratch,
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
		judge_speed(scratch, flow);
		if (flow->flags & FLOW_BULK) {
			capture_count(scratch, CAPTURE_COUNTER_NOT_AUDIO);
			/* What comes after the bulk does not follow what was before it. */
			flow->tail_bytes = 0;
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
	    scratch->transport.payload_bytes < RTP_CONTENT_MIN_BYTES) {
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

#endif /* BPF_MEDIA_H_ */
