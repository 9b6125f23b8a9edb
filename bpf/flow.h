/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What is remembered of a flow between its packets, and the order of a TCP stream. */
#ifndef BPF_FLOW_H_
#define BPF_FLOW_H_

#include "cadence.h"
#include "capture_abi.h"
#include "capture_layout.h"
#include "parse.h"
#include "platform.h"
#include "rtp.h"
#include "signature.h"

/* A 5-tuple in one direction at one interface; for RTP also the SSRC. */
struct flow_key {
	__u8 source_address[16];
	__u8 destination_address[16];
	__u16 source_port;
	__u16 destination_port;
	__u32 interface_index;
	__u32 rtp_ssrc;
	__u8 direction;
	__u8 transport;
	__u16 kind; /* FLOW_KEY_* */
};

#define FLOW_KEY_STREAM 0
#define FLOW_KEY_CANDIDATES 1 /* no stream: the 5-tuple's sources that are not yet believed */

CAPTURE_STATIC_ASSERT(sizeof(struct flow_key) == 48, "flow_key has no holes");

#define FLOW_STARTED (1u << 0)
#define FLOW_INITIAL_SEQUENCE_KNOWN (1u << 1)
#define FLOW_AUDIO (1u << 2) /* its cadence was audio's */
#define FLOW_BULK (1u << 3) /* it is faster than audio */
#define FLOW_GAP (1u << 4) /* gap_* hold: a late segment is waited for */
#define FLOW_GAP_END_KEPT (1u << 5) /* the piece `gap_end` of the history holds */
#define FLOW_STEADY (1u << 6) /* the full bins of its cadence are audio's */
#define FLOW_SAMPLED (1u << 7) /* a packet of the bin in work was looked at and said something */

/* Where the pieces of flow_state.history begin, in units of capture_tail_room(). */
#define HISTORY_TAIL 0 /* the stream's last raw bytes */
#define HISTORY_GAP_TAIL 1 /* those before the gap */
#define HISTORY_GAP_END 2 /* the first ones behind it */

/*
 * A gap in a TCP stream is not waited out: what comes behind it is signed at once, and what was
 * before and behind it is kept, so that the late segment is signed when it comes. Skipping it would
 * lose just the slow packets.
 */
struct flow_state {
	__u64 busy; /* 1 while a CPU works on it */
	__u32 next_sequence;
	__u32 initial_sequence;
	__u32 flags;
	/* Bytes of history, right-aligned at the end of the tail's room. */
	__u32 tail_bytes;
	struct rtp_source rtp;
	__u32 gap_sequence; /* the first byte that is missing */
	__u32 gap_end_sequence; /* the first one behind the gap */
	__u32 gap_tail_bytes;
	struct cadence cadence;
	__u32 audio_samples; /* packets that looked like audio, less those that did not */
	/* The loader cuts the map's value after three times tail_room() of it. */
	__u8 history[CAPTURE_FLOW_HISTORIES * CAPTURE_TAIL_MAX_BYTES];
};

CAPTURE_STATIC_ASSERT(RTP_CANDIDATES * sizeof(struct rtp_candidate) <=
			      CAPTURE_FLOW_HISTORIES * ((CAPTURE_WINDOW_MIN_BYTES + 3 + 7) & ~7),
		      "the history of the smallest window holds the candidates");
CAPTURE_STATIC_ASSERT(__builtin_offsetof(struct flow_state, history) == CAPTURE_FLOW_HEADER_BYTES,
		      "the loader sizes the map by this");

/* Back or ahead by more than this, the 5-tuple is used by a new connection. */
#define TCP_REUSE_BYTES (1 << 24)
/* So far behind a gap, the segment that would fill it went another way or was never sent. */
#define TCP_GAP_PATIENCE_BYTES (1 << 18)

/* Where the bytes of a segment belong. */
struct tcp_order {
	__u32 late_skip_bytes; /* of the payload, before the part that fills the gap */
	__u32 late_bytes; /* of the part that fills the gap; 0: none */
	__u32 new_skip_bytes; /* of the payload, before the part that goes on with the stream */
	__u32 new_bytes; /* of that part; 0: none */
	__u8 opens_gap; /* the part begins behind a gap: the tail is the gap's now */
	__u8 gap_given_up; /* bytes that were waited for will not be signed */
};

static __always_inline void tcp_begin(struct flow_state *flow, __u32 sequence)
{
	flow->next_sequence = sequence;
	flow->tail_bytes = 0;
	flow->flags &= ~(__u32)(FLOW_GAP | FLOW_GAP_END_KEPT);
	flow->flags |= FLOW_STARTED;
}

/* The connection's begin, which also tells it from an older one on the same ports. */
static __always_inline void tcp_accept_syn(struct flow_state *flow, __u32 sequence)
{
	int i;

	tcp_begin(flow, sequence);
	flow->initial_sequence = sequence;
	flow->flags |= FLOW_INITIAL_SEQUENCE_KNOWN;
	/* What the connection before it carried says nothing. */
	flow->flags &= ~(__u32)(FLOW_AUDIO | FLOW_BULK | FLOW_STEADY | FLOW_SAMPLED);
	flow->audio_samples = 0;
	for (i = 0; i <= CADENCE_BINS; i++)
		flow->cadence.bytes[i] = 0;
}

/* What of a segment from before next_sequence fills the open gap. */
static __always_inline void tcp_accept_late(struct flow_state *flow, __u32 sequence,
					    __u32 payload_bytes, struct tcp_order *order)
{
	__s32 gap_bytes = (__s32)(flow->gap_end_sequence - flow->gap_sequence);
	__s32 from = (__s32)(sequence - flow->gap_sequence);
	__s32 to = from + (__s32)payload_bytes;

	if (to <= 0 || from >= gap_bytes)
		return;
	if (from < 0) {
		order->late_skip_bytes = (__u32)-from;
		from = 0;
	} else if (from > 0) {
		/* What lies before it is given up: one gap is remembered, not two. */
		order->gap_given_up = 1;
		flow->gap_sequence = sequence;
		flow->gap_tail_bytes = 0;
	}
	order->late_bytes = (__u32)((to < gap_bytes ? to : gap_bytes) - from);
}

/* Takes a segment with payload into the stream's order. */
static __always_inline void tcp_accept(struct flow_state *flow, __u32 sequence, __u32 payload_bytes,
				       struct tcp_order *order)
{
	__s32 ahead;

	order->late_skip_bytes = 0;
	order->late_bytes = 0;
	order->new_skip_bytes = 0;
	order->new_bytes = 0;
	order->opens_gap = 0;
	order->gap_given_up = 0;
	if (!(flow->flags & FLOW_STARTED))
		tcp_begin(flow, sequence);
	ahead = (__s32)(sequence - flow->next_sequence);
	if (ahead > TCP_REUSE_BYTES || ahead < -TCP_REUSE_BYTES) {
		order->gap_given_up = (flow->flags & FLOW_GAP) != 0;
		tcp_begin(flow, sequence);
		flow->flags &= ~(__u32)FLOW_INITIAL_SEQUENCE_KNOWN;
		ahead = 0;
	}
	if (ahead > 0) {
		order->gap_given_up = (flow->flags & FLOW_GAP) != 0;
		order->opens_gap = 1;
		flow->gap_sequence = flow->next_sequence;
		flow->gap_end_sequence = sequence;
		flow->gap_tail_bytes = flow->tail_bytes;
		flow->tail_bytes = 0;
		flow->flags |= FLOW_GAP;
		flow->flags &= ~(__u32)FLOW_GAP_END_KEPT;
	} else if (ahead < 0) {
		if (flow->flags & FLOW_GAP)
			tcp_accept_late(flow, sequence, payload_bytes, order);
		if ((__u32)-ahead >= payload_bytes)
			return;
		order->new_skip_bytes = (__u32)-ahead;
	}
	order->new_bytes = payload_bytes - order->new_skip_bytes;
	flow->next_sequence = sequence + payload_bytes;
	if ((flow->flags & FLOW_GAP) &&
	    flow->next_sequence - flow->gap_end_sequence > TCP_GAP_PATIENCE_BYTES) {
		order->gap_given_up = 1;
		flow->flags &= ~(__u32)(FLOW_GAP | FLOW_GAP_END_KEPT);
	}
}

#endif /* BPF_FLOW_H_ */
