/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * How loud payload bytes are, whatever the codec may be: as 16-bit PCM at both byte parities and as
 * G.711 of either law. Silence is what is quiet in any of these readings.
 */
#ifndef BPF_LEVEL_H_
#define BPF_LEVEL_H_

#include "platform.h"

/* ITU-T G.711 to a magnitude on the 16-bit scale. */
static __always_inline __u32 mu_law_magnitude(__u8 code)
{
	__u32 mantissa;

	code = ~code;
	mantissa = (((__u32)code & 0x0f) << 3) + 0x84;
	return (mantissa << ((code & 0x70) >> 4)) - 0x84;
}

static __always_inline __u32 a_law_magnitude(__u8 code)
{
	__u32 segment, mantissa;

	code ^= 0x55;
	mantissa = ((__u32)code & 0x0f) << 4;
	segment = (code & 0x70) >> 4;
	if (segment == 0)
		return mantissa + 8;
	return (mantissa + 0x108) << (segment - 1);
}

static __always_inline __u32 pcm16_magnitude(__u16 sample)
{
	return sample & 0x8000 ? (__u32)(0x10000 - sample) : sample;
}

static __always_inline __u64 square(__u32 magnitude)
{
	return (__u64)magnitude * magnitude;
}

/* Ways to read payload bytes as sound. */
enum level_reading {
	LEVEL_PCM16 = 0,
	LEVEL_MU_LAW = 1,
	LEVEL_A_LAW = 2,
};

/* -dBov of a mean square on the 16-bit scale, in steps of about 1.5 dB, 0 (loudest) to 127. */
static __always_inline __u8 level_of_mean_square(__u64 mean_square)
{
	/* Full scale is 2^30; a factor of two in power is 3.01 dB, the next bit below halves it. */
	__u32 bits = 0;
	__u64 rest = mean_square;
	__u32 quarter_bits, down;

	if (mean_square == 0)
		return 127;
	if (rest >> 32) {
		bits += 32;
		rest >>= 32;
	}
	if (rest >> 16) {
		bits += 16;
		rest >>= 16;
	}
	if (rest >> 8) {
		bits += 8;
		rest >>= 8;
	}
	if (rest >> 4) {
		bits += 4;
		rest >>= 4;
	}
	if (rest >> 2) {
		bits += 2;
		rest >>= 2;
	}
	if (rest >> 1)
		bits += 1;
	/* Two bits of fraction: where between two powers of two. */
	quarter_bits = bits * 4;
	if (bits >= 2)
		quarter_bits += (mean_square >> (bits - 2)) & 3;
	if (quarter_bits >= 30 * 4)
		return 0;
	down = 30 * 4 - quarter_bits;
	/* 3.01 dB / 4 = 0.7526 dB a step; 193/256 = 0.754. */
	down = (down * 193) >> 8;
	return down > 127 ? 127 : (__u8)down;
}

#endif /* BPF_LEVEL_H_ */
