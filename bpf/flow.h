/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What is remembered of a flow between its packets, and the order of a TCP stream. */
#ifndef BPF_FLOW_H_
#define BPF_FLOW_H_

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
	__u16 reserved;
};

CAPTURE_STATIC_ASSERT(sizeof(struct flow_key) == 48, "flow_key has no holes");

#define FLOW_STARTED (1u << 0)
#define FLOW_INITIAL_SEQUENCE_KNOWN (1u << 1)

struct flow_state {
	__u64 busy; /* 1 while a CPU works on it */
	__u32 next_sequence;
	__u32 initial_sequence;
	__u32 flags;
	/* Bytes of history, right-aligned at the end of tail's used part. */
	__u32 tail_bytes;
	struct rtp_source rtp;
	/* The stream's last raw bytes; the loader cuts the map's value after tail_room() of them. */
	__u8 tail[CAPTURE_TAIL_MAX_BYTES];
};

CAPTURE_STATIC_ASSERT(__builtin_offsetof(struct flow_state, tail) == CAPTURE_FLOW_HEADER_BYTES,
		      "the loader sizes the map by this");

/* Back by more than this is no retransmission: the 5-tuple is used by a new connection. */
#define TCP_REUSE_BYTES (1 << 24)

#define TCP_IN_ORDER (-1)

/*
 * Takes a segment into the stream's order. Returns TCP_IN_ORDER, with `skip_bytes` of the payload
 * already seen, or the cause (enum capture_counter) for not signing it. A gap empties the tail.
 */
static __always_inline int tcp_accept(struct flow_state *flow, __u32 sequence, __u8 tcp_flags,
				      __u32 payload_bytes, __u32 *skip_bytes, int *gap)
{
	__s32 ahead;

	*skip_bytes = 0;
	*gap = 0;
	if (tcp_flags & TCP_FLAG_SYN) {
		sequence += 1;
		flow->initial_sequence = sequence;
		flow->next_sequence = sequence;
		flow->tail_bytes = 0;
		flow->flags = FLOW_STARTED | FLOW_INITIAL_SEQUENCE_KNOWN;
	}
	if (payload_bytes == 0)
		return CAPTURE_COUNTER_NO_PAYLOAD;
	if (!(flow->flags & FLOW_STARTED)) {
		flow->flags |= FLOW_STARTED;
		flow->next_sequence = sequence;
		flow->tail_bytes = 0;
	}
	ahead = (__s32)(sequence - flow->next_sequence);
	if (ahead > 0) {
		*gap = 1;
		flow->tail_bytes = 0;
	} else if (ahead < -TCP_REUSE_BYTES) {
		flow->flags &= ~(__u32)FLOW_INITIAL_SEQUENCE_KNOWN;
		flow->tail_bytes = 0;
	} else if (ahead < 0) {
		if ((__u32)-ahead >= payload_bytes)
			return CAPTURE_COUNTER_TCP_RETRANSMISSION;
		*skip_bytes = (__u32)-ahead;
	}
	flow->next_sequence = sequence + payload_bytes;
	return TCP_IN_ORDER;
}

#endif /* BPF_FLOW_H_ */
