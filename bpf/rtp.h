/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* RTP (RFC 3550): the header, and when to believe that it is one. */
#ifndef BPF_RTP_H_
#define BPF_RTP_H_

#include "capture_abi.h"
#include "platform.h"

#define RTP_HEADER_BYTES 12
#define RTP_VERSION 2
#define RTP_PAYLOAD_TYPE_PCMU 0
#define RTP_PAYLOAD_TYPE_PCMA 8
#define RTP_PAYLOAD_TYPE_COMFORT_NOISE 13 /* RFC 3389 */
#define RTP_PAYLOAD_TYPE_COMFORT_NOISE_OLD 19 /* before it had a number of its own */
#define RTP_PAYLOAD_TYPE_STATIC_AUDIO_MAX 19
#define RTP_PAYLOAD_TYPE_DYNAMIC_MIN 96
/* A jump within this is loss or reordering; a larger one must prove itself (MAX_DROPOUT). */
#define RTP_MAX_DROPOUT 3000
#define RTP_MAX_MISORDER 100
/* Shorter payloads are not signed as a whole: too many are alike, of comfort noise and DTX all. */
#define RTP_PAYLOAD_MIN_BYTES 16
/*
 * Shorter ones are no content: dialled digits (RFC 4733: 4 bytes), comfort noise of codecs that have
 * their own (AMR-WB: 7), DTX. The shortest frame that is audio is that of G.729 at 10 ms (10).
 */
#define RTP_CONTENT_MIN_BYTES 8

struct rtp_header {
	__u32 ssrc;
	__u32 timestamp;
	__u16 sequence;
	__u8 payload_type;
	__u8 marker;
	__u32 header_bytes; /* with CSRCs, without the extension */
	__u8 has_extension;
	__u8 has_padding;
};

/*
 * Reads the fixed header from 12 readable bytes. 0 when it cannot be RTP audio: another version, or
 * a payload type of RTCP (RFC 5761), of video or unassigned.
 */
static __always_inline int rtp_parse(const __u8 *from, __u32 payload_bytes, struct rtp_header *rtp)
{
	if ((from[0] >> 6) != RTP_VERSION)
		return 0;
	rtp->payload_type = from[1] & 0x7f;
	if (rtp->payload_type > RTP_PAYLOAD_TYPE_STATIC_AUDIO_MAX &&
	    rtp->payload_type < RTP_PAYLOAD_TYPE_DYNAMIC_MIN)
		return 0;
	rtp->header_bytes = RTP_HEADER_BYTES + (from[0] & 0x0f) * 4;
	if (rtp->header_bytes > payload_bytes)
		return 0;
	rtp->has_padding = (from[0] >> 5) & 1;
	rtp->has_extension = (from[0] >> 4) & 1;
	rtp->marker = from[1] >> 7;
	rtp->sequence = capture_ntohs(load16(from + 2));
	rtp->timestamp = capture_ntohl(load32(from + 4));
	rtp->ssrc = capture_ntohl(load32(from + 8));
	return 1;
}

enum rtp_verdict {
	RTP_NEXT, /* follows the one before */
	RTP_AHEAD, /* others are missing before it */
	RTP_LATE, /* one of those that were missing, or a repeated one */
	RTP_BEGINS, /* the first after a jump, or when the source has only now been believed */
	RTP_ON_PROBATION,
	RTP_REPEATED,
};

/* What a flow remembers of its RTP source. */
struct rtp_source {
	__u16 sequence; /* the highest so far */
	__u16 bad_sequence; /* what would follow the last jump */
	__u8 jumped; /* bad_sequence holds */
	__u8 reserved[3];
};

/*
 * A source that has sent one packet. These wait in the flow without SSRC, a few for each 5-tuple,
 * so that datagrams that only look like RTP cannot push others out of the table.
 */
struct rtp_candidate {
	__u32 ssrc;
	__u16 sequence;
	__u16 time; /* in units of 2^24 ns; 0: none waits here */
};

#define RTP_CANDIDATES 8
#define RTP_CANDIDATE_TIME_SHIFT 24
/* Its next packet comes within this (268 ms), or another source may have its place. */
#define RTP_CANDIDATE_PATIENCE 16

static __always_inline __u32 rtp_candidate_place(__u32 ssrc)
{
	return (ssrc * 0x9e3779b1U) >> 29;
}

/* 1 when `ssrc` has now sent two packets in a row (RFC 3550 A.1), and is to be believed. */
static __always_inline int rtp_is_second(struct rtp_candidate *candidate, __u32 ssrc,
					 __u16 sequence, __u64 time_ns)
{
	__u16 now = (__u16)(time_ns >> RTP_CANDIDATE_TIME_SHIFT) | 1;

	if (candidate->time && candidate->ssrc == ssrc) {
		if ((__u16)(sequence - candidate->sequence) == 1) {
			candidate->time = 0;
			return 1;
		}
	} else if (candidate->time && (__u16)(now - candidate->time) <= RTP_CANDIDATE_PATIENCE) {
		return 0;
	}
	candidate->ssrc = ssrc;
	candidate->sequence = sequence;
	candidate->time = now;
	return 0;
}

static __always_inline void rtp_begin(struct rtp_source *source, __u16 sequence)
{
	source->sequence = sequence;
	source->jumped = 0;
}

/* The sequence rules of RFC 3550 A.1, for one more packet of a source that is believed. */
static __always_inline enum rtp_verdict rtp_accept(struct rtp_source *source, __u16 sequence)
{
	__u16 ahead = (__u16)(sequence - source->sequence);

	if (ahead == 0)
		return RTP_REPEATED;
	if (ahead < RTP_MAX_DROPOUT) {
		source->sequence = sequence;
		source->jumped = 0;
		return ahead == 1 ? RTP_NEXT : RTP_AHEAD;
	}
	if ((__u16)-ahead <= RTP_MAX_MISORDER)
		return RTP_LATE;
	/* Two in a row after a jump: the sender began anew. */
	if (source->jumped && sequence == source->bad_sequence) {
		source->sequence = sequence;
		source->jumped = 0;
		return RTP_BEGINS;
	}
	source->bad_sequence = (__u16)(sequence + 1);
	source->jumped = 1;
	return RTP_ON_PROBATION;
}

#endif /* BPF_RTP_H_ */
