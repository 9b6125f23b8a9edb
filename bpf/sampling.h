/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is kept under load: hash-based selection (RFC 5475, section 6.2), as in trajectory sampling.
 * The signature itself decides, so that with one threshold a piece of audio is kept at every node or
 * at none; picking at random at each node would keep p^2 of the pairs instead of p.
 */
#ifndef BPF_SAMPLING_H_
#define BPF_SAMPLING_H_

#include "platform.h"

/* The threshold that keeps everything. */
#define SAMPLING_ALL 0xffffffffU
/* Of its own: what is kept must still spread over the correlator's tables. */
#define SAMPLING_MULTIPLIER 0xd1342543de82ef95ULL

/*
 * 1 when the value (a signature; an SSRC for the events of RTP packets that carry no signature) is
 * kept under the threshold: the share (threshold + 1) / 2^32 of all values. What a lower threshold
 * keeps, a higher one keeps too.
 */
static __always_inline int sampling_keeps(__u64 value, __u32 threshold)
{
	return (__u32)((value * SAMPLING_MULTIPLIER) >> 32) <= threshold;
}

#endif /* BPF_SAMPLING_H_ */
