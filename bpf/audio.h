/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Is this flow audio, when nobody says so? Its cadence, and a look at its bytes. Part of
 * capture_core.h.
 */
#ifndef BPF_AUDIO_H_
#define BPF_AUDIO_H_

#include "cadence.h"
#include "gates.h"
#include "scratch.h"

/* Counts text among up to CADENCE_SAMPLE_BYTES bytes at the buffer's begin: 1 when there is little else. */
CAPTURE_FUNCTION int is_text(struct capture_scratch *scratch, __u32 bytes)
{
	volatile __u32 *count;
	__u32 i;

	if (!scratch)
		return 1;
	scratch->distinct_count = 0;
	count = (volatile __u32 *)&scratch->distinct_count;
	for (i = 0; i < CADENCE_SAMPLE_BYTES; i++) {
		if (i >= bytes)
			break;
		*count = *count + (__u32)is_text_byte(scratch->buffer[i]);
	}
	return *count * CADENCE_TEXT_DIVISOR >= bytes * CADENCE_TEXT_SHARE;
}

/* 1 when the packet's first bytes speak for audio, -1 against it; 0: few bytes, or silence. */
static __always_inline int judge_sample(capture_packet *packet, struct capture_scratch *scratch)
{
	__u32 bytes = scratch->transport.payload_bytes;

	if (bytes < CADENCE_SAMPLE_MIN_BYTES)
		return 0;
	if (bytes > CADENCE_SAMPLE_BYTES)
		bytes = CADENCE_SAMPLE_BYTES;
	if (capture_load(packet, scratch->transport.payload_offset, scratch->buffer, bytes))
		return -1;
	if (has_few_distinct(scratch, 0, bytes, 0))
		return 0;
	return is_text(scratch, bytes) ? -1 : 1;
}

/* Keeps FLOW_STEADY and FLOW_BULK, which ends FLOW_AUDIO; a new bin is not FLOW_SAMPLED yet. */
static __always_inline void judge_speed(struct capture_scratch *scratch, struct flow_state *flow)
{
	switch (cadence_accept(&flow->cadence, scratch->event.time_ns,
			       scratch->transport.payload_bytes)) {
	case CADENCE_UNCHANGED:
		return;
	case CADENCE_BULK:
		flow->flags &= ~(__u32)(FLOW_AUDIO | FLOW_STEADY | FLOW_SAMPLED);
		flow->flags |= FLOW_BULK;
		return;
	case CADENCE_STEADY:
		flow->flags &= ~(__u32)(FLOW_BULK | FLOW_SAMPLED);
		flow->flags |= FLOW_STEADY;
		return;
	default:
		flow->flags &= ~(__u32)(FLOW_BULK | FLOW_STEADY | FLOW_SAMPLED);
	}
}

/* Keeps FLOW_AUDIO too: once audio, pauses do not end it, only the speed of bulk does. */
static __always_inline void judge_cadence(capture_packet *packet, struct capture_scratch *scratch,
					  struct flow_state *flow)
{
	int sample;

	judge_speed(scratch, flow);
	if (flow->flags & (FLOW_AUDIO | FLOW_BULK | FLOW_SAMPLED))
		return;
	/*
	 * One packet may look like anything: several, a bin apart, must look like audio. In each bin
	 * the first that says anything counts.
	 */
	sample = judge_sample(packet, scratch);
	if (!sample)
		return;
	flow->flags |= FLOW_SAMPLED;
	if (sample < 0)
		flow->audio_samples -= flow->audio_samples > 0;
	else if (flow->audio_samples < CADENCE_BINS)
		flow->audio_samples++;
	if ((flow->flags & FLOW_STEADY) && flow->audio_samples == CADENCE_BINS)
		flow->flags |= FLOW_AUDIO;
}

#endif /* BPF_AUDIO_H_ */
