/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sizes that follow from the configuration, for the BPF programs and for the loader. */
#ifndef BPF_CAPTURE_LAYOUT_H_
#define BPF_CAPTURE_LAYOUT_H_

#include "capture_abi.h"

/* flow_state before its history. */
#define CAPTURE_FLOW_HEADER_BYTES 72
/* Pieces of history of capture_tail_room() bytes each: the tail, and two of a gap (flow.h). */
#define CAPTURE_FLOW_HISTORIES 3

/*
 * A window of W differences needs W + 4 raw bytes, of which at least one is new: the tail holds the
 * W + 3 before it, rounded up so that it can be copied by words.
 */
static inline __u32 capture_tail_room(__u32 window_bytes)
{
	return (window_bytes + 3 + 7) & ~7U;
}

#define CAPTURE_TAIL_MAX_BYTES 1032

/* Value size of the map `flows`. */
static inline __u32 capture_flow_value_bytes(__u32 window_bytes)
{
	return CAPTURE_FLOW_HEADER_BYTES + CAPTURE_FLOW_HISTORIES * capture_tail_room(window_bytes);
}

/* Odd, with its bits well mixed: the multiplier of the anchor mix (signature.h). */
#define CAPTURE_ANCHOR_MULTIPLIER 0x9fb21c651e98df25ULL

/*
 * The anchor key of a seed. The mix of zero must not be small, whatever the seed, or silence would
 * be all anchors.
 */
static inline __u64 capture_anchor_key(__u64 seed)
{
	__u64 key = seed ^ 0xd6e8feb86659fd93ULL;

	do {
		key = key * 6364136223846793005ULL + 1442695040888963407ULL;
	} while (((key * CAPTURE_ANCHOR_MULTIPLIER) >> (64 - CAPTURE_RATE_BITS_MIN)) == 0);
	return key;
}

/* A configuration complete with what is derived; every flow counts as audio. */
static inline struct capture_config capture_config_make(__u64 seed, __u32 window_bytes,
							__u32 rate_bits, __u32 silence_threshold,
							enum capture_algorithm algorithm)
{
	struct capture_config config;

	config.seed = seed;
	config.anchor_key = capture_anchor_key(seed);
	config.window_bytes = window_bytes;
	config.rate_bits = rate_bits;
	config.silence_threshold = silence_threshold;
	config.algorithm = algorithm;
	config.detect_cadence = 0;
	config.reserved = 0;
	return config;
}

#endif /* BPF_CAPTURE_LAYOUT_H_ */
