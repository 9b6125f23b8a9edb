/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* TCP: from a segment to the windows that it completes. Part of capture_core.h. */
#ifndef BPF_TCP_H_
#define BPF_TCP_H_

#include "audio.h"
#include "flow.h"
#include "windows.h"

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
		flow->tail_bytes = sign_stream(packet, scratch, flow, HISTORY_TAIL,
					       flow->tail_bytes,
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

#endif /* BPF_TCP_H_ */
