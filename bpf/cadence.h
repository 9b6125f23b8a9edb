/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is audio when nobody says which ports: a flow that goes on steadily, at a bit rate that audio
 * has, and does not carry text. Web pages and queries come in bursts, downloads are faster.
 */
#ifndef BPF_CADENCE_H_
#define BPF_CADENCE_H_

#include "platform.h"

/* Time is looked at in bins of 2^29 ns (537 ms): chunks of half a second are still steady. */
#define CADENCE_BIN_SHIFT 29
/* Full bins that must be steady, 2.1 s. */
#define CADENCE_BINS 4
/* 6 kbit/s and 3.2 Mbit/s over these bins. */
#define CADENCE_MIN_BYTES 1610
#define CADENCE_MAX_BYTES 858993
/* No bin may hold more than this share of them: twice the mean. */
#define CADENCE_LARGEST_SHARE 2

/*
 * Bytes of a packet that are looked at for text, and the fewest that say something. Half a wave of a
 * low voice in PCM, zeros in every second byte, looks like text: 256 hold a whole one.
 */
#define CADENCE_SAMPLE_BYTES 256
#define CADENCE_SAMPLE_MIN_BYTES 16
/*
 * From so much text on it is no audio. Of coded audio a third to a half looks like text; of the
 * binary protocols of databases, with their lengths and types, four fifths and more.
 */
#define CADENCE_TEXT_SHARE 3
#define CADENCE_TEXT_DIVISOR 4

struct cadence {
	__u32 bin; /* the one in work */
	__u32 bytes[CADENCE_BINS + 1]; /* newest first: the one in work, then the full ones */
};

enum cadence_verdict {
	CADENCE_UNCHANGED, /* the bin in work goes on */
	CADENCE_UNSTEADY,
	CADENCE_STEADY, /* as audio is */
	CADENCE_BULK, /* faster than audio */
};

/* Takes `bytes` of payload at `time_ns` into account; a new enum cadence_verdict comes a bin. */
CAPTURE_FUNCTION int cadence_accept(struct cadence *cadence, __u64 time_ns, __u32 bytes)
{
	__u32 bin = (__u32)(time_ns >> CADENCE_BIN_SHIFT);
	enum cadence_verdict verdict = CADENCE_UNCHANGED;
	__u32 passed, sum = 0, largest = 0, empty = 0, bins;
	int i;

	if (!cadence)
		return CADENCE_UNSTEADY;
	passed = bin - cadence->bin;
	if (passed) {
		for (bins = 0; bins <= CADENCE_BINS; bins++) {
			if (bins >= passed)
				break;
			for (i = CADENCE_BINS; i > 0; i--)
				cadence->bytes[i] = cadence->bytes[i - 1];
			cadence->bytes[0] = 0;
		}
		cadence->bin = bin;
		for (i = 1; i <= CADENCE_BINS; i++) {
			__u32 held = cadence->bytes[i];

			sum += held;
			empty += held == 0;
			if (held > largest)
				largest = held;
		}
		if (sum > CADENCE_MAX_BYTES)
			verdict = CADENCE_BULK;
		else if (empty || sum < CADENCE_MIN_BYTES || largest * CADENCE_LARGEST_SHARE > sum)
			verdict = CADENCE_UNSTEADY;
		else
			verdict = CADENCE_STEADY;
	}
	/* Saturates: a bin of bulk must not wrap around into audio. */
	if (cadence->bytes[0] <= CADENCE_MAX_BYTES)
		cadence->bytes[0] += bytes;
	return verdict;
}

/* 1 for what text, markup, and the length fields between them are made of. */
static __always_inline int is_text_byte(__u8 byte)
{
	return (byte >= 0x20 && byte < 0x7f) || byte == 0 || byte == '\n' || byte == '\r' ||
	       byte == '\t';
}

#endif /* BPF_CADENCE_H_ */
