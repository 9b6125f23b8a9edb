/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is not worth a signature, because it is alike everywhere: few distinct bytes, silence. Part
 * of capture_core.h.
 */
#ifndef BPF_GATES_H_
#define BPF_GATES_H_

#include "level.h"
#include "scratch.h"
#include "signature.h"

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
	scratch->power_limit = threshold * threshold * (reading == LEVEL_PCM16 ? bytes / 2 : bytes);
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

#endif /* BPF_GATES_H_ */
