/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The working memory of one packet: what is too large for the BPF stack. */
#ifndef BPF_SCRATCH_H_
#define BPF_SCRATCH_H_

#include "capture_abi.h"
#include "capture_layout.h"
#include "flow.h"
#include "parse.h"
#include "platform.h"

/* Payload is looked through in chunks of this. */
#define CHUNK_BYTES 2048
#define CHUNKS_MAX (CAPTURE_PAYLOAD_MAX_BYTES / CHUNK_BYTES)
/* Most that is hashed or gated at once: a window, or the payload of an RTP packet. */
#define READ_MAX_BYTES CHUNK_BYTES
/* Datagrams in one packet: what the kernel's UDP_SEGMENT allows. */
#define UDP_SEGMENTS_MAX 128
/* Bytes that one call of a gate looks at. */
#define GATE_BLOCK_BYTES 64
/* 64 ms at 8 kHz. */
#define G711_LEVEL_MAX_BYTES 512
/* Positions that one call scans, unrolled. */
#define SCAN_BLOCK_BYTES 32
/* At the densest rate (2^5) a chunk has 64 on average. */
#define ANCHORS_MAX 256
#define ANCHORS_MASK (ANCHORS_MAX - 1)

/* Every offset into the buffer is masked by this, for the verifier. */
#define BUFFER_MASK 4095
#define BUFFER_BYTES (BUFFER_MASK + 1 + READ_MAX_BYTES + 64)

/* What of a stream is still to be signed. */
struct stream_part {
	__u32 offset; /* in the packet */
	__u32 bytes;
	__u32 sequence; /* of the first byte */
	__u32 tail_bytes; /* of history before it */
	__u32 flags; /* PART_* */
};

#define PART_KEEP_BEGIN (1u << 0) /* copy the history and what follows it to stream_begin */
#define PART_LOADED (1u << 1) /* its first chunk is in the buffer already */

#ifndef __bpf__
struct capture_surroundings;
#endif

struct capture_scratch {
#ifndef __bpf__
	/* User space has no maps: what stands for them. */
	struct capture_surroundings *surroundings;
#endif
	/* 1 while a packet uses this, where another one can come between (PREEMPT_RT). */
	__u32 busy;
	struct network network;
	struct transport transport;
	struct flow_key key;
	struct signature_event
		event; /* all but signature, position and SIGNED are set once a packet */
	struct stream_part part;
	/* First and last place in `buffer` where a window may begin. */
	__u32 scan_from;
	__u32 scan_to;
	/* TCP sequence number of the byte at buffer[0]. */
	__u32 buffer_sequence;
	__u32 anchor_count;
	__u32 distinct_count;
	__u64 power_sum;
	__u64 power_limit;
	__u64 distinct[4];
	__u16 anchors[ANCHORS_MAX];
	/* The first bytes behind a gap, on their way to the flow's history. */
	__u8 stream_begin[CAPTURE_TAIL_MAX_BYTES];
	__u8 buffer[BUFFER_BYTES];
};

#endif /* BPF_SCRATCH_H_ */
