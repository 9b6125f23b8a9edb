/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Content-defined windows of a stream: where they are, and their signatures. Part of
 * capture_core.h.
 *
 * The shape is what the verifier takes cheaply: anchors are first only recorded, a block at a time,
 * then signed in a second loop, and every loop over bytes is a function that it looks at once.
 * Counts live in memory, not in registers, so that its states meet again after each branch.
 */
#ifndef BPF_WINDOWS_H_
#define BPF_WINDOWS_H_

#include "gates.h"
#include "sampling.h"
#include "scratch.h"
#include "signature.h"

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
	if (!sampling_keeps(scratch->event.signature, capture_sampling_threshold(scratch))) {
		capture_count(scratch, CAPTURE_COUNTER_SAMPLED_OUT);
		return 0;
	}
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
 * Signs scratch->part: chunk after chunk of the packet, behind the tail that lies in the first
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

#endif /* BPF_WINDOWS_H_ */
