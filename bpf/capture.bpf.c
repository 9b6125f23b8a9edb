// SPDX-License-Identifier: GPL-2.0-only
/*
 * The capture programs: they look at every packet of an interface, sign the audio, and let every
 * packet go on its way untouched, whatever happens here (TC_ACT_UNSPEC, which is TCX_NEXT too).
 */
#include "platform.h"

#include "capture_abi.h"
#include "capture_layout.h"
#include "parse.h"
#include "rtp.h"
#include "sampling.h"
#include "signature.h"
#include "level.h"
#include "cadence.h"
#include "flow.h"
#include "scratch.h"
#include "tunnel.h"

typedef struct __sk_buff capture_packet;

#define TC_ACT_UNSPEC (-1)

/* Defaults of what the loader sets before it loads. */
#define EVENTS_DEFAULT_BYTES (4 * 1024 * 1024)
#define FLOWS_DEFAULT 10000
#define PORT_WORDS (CAPTURE_PORT_COUNT / 64)

const volatile struct capture_config capture_configuration = {
	.window_bytes = 64,
	.rate_bits = 8,
	.silence_threshold = 256,
};

/*
 * 1 where a program at TC can be preempted by another one on its CPU (PREEMPT_RT). Elsewhere they run
 * one after the other: softirqs are off on the way of a packet, and nothing else runs them.
 */
const volatile __u32 capture_is_preemptible = 0;

/* 1 where the kernel tells the sender's cgroup; else the verifier removes the question. */
const volatile __u32 capture_can_tell_senders = 0;

/* See capture_abi.h; in memory, not in a map, so that looking costs nothing. */
volatile struct interface_sender interface_senders[CAPTURE_SENDER_SLOTS] = {};

/* Written by the loader's process while the programs run. */
volatile __u32 sampling_threshold = SAMPLING_ALL;

#define capture_sampling_threshold(scratch) sampling_threshold

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_DEFAULT_BYTES);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CAPTURE_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CAPTURE_INTERFACE_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} interface_bytes SEC(".maps");

/* Sizes without types: the loader shortens the value to the window that is configured. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS_DEFAULT);
	__uint(key_size, sizeof(struct flow_key));
	__uint(value_size, sizeof(struct flow_state));
} flows SEC(".maps");

struct port_set {
	__u64 words[PORT_WORDS];
};

/* A packet goes on when one of its ports is in here … */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port_set);
} port_filter SEC(".maps");

/* … and none in here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port_set);
} port_exclude SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct capture_scratch);
} scratches SEC(".maps");

/* What a new flow begins as; never written. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_state);
} new_flow SEC(".maps");

static __always_inline void add(__u64 *counter, __u64 number)
{
	if (capture_is_preemptible)
		__sync_fetch_and_add(counter, number);
	else
		*counter += number;
}

static __always_inline void count(__u32 cause)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &cause);

	if (counter)
		add(counter, 1);
}

static __always_inline void count_interface_bytes(struct __sk_buff *skb, __u8 direction)
{
	__u32 slot = CAPTURE_INTERFACE_SLOT(skb->ifindex, direction);
	__u64 *bytes = bpf_map_lookup_elem(&interface_bytes, &slot);

	if (bytes)
		add(bytes, skb->len);
}

static __always_inline void tell_sender(struct __sk_buff *skb)
{
	volatile struct interface_sender *sender =
		&interface_senders[skb->ifindex & (CAPTURE_SENDER_SLOTS - 1)];

	if (sender->interface_index == skb->ifindex && !sender->cgroup_id)
		sender->cgroup_id = bpf_skb_cgroup_id(skb);
}

static __always_inline void capture_count(struct capture_scratch *scratch, __u32 cause)
{
	count(cause);
}

static __always_inline const __u8 *capture_data(capture_packet *packet)
{
	return (const __u8 *)(long)packet->data;
}

static __always_inline const __u8 *capture_end(capture_packet *packet)
{
	return (const __u8 *)(long)packet->data_end;
}

static __always_inline __u32 capture_bytes(capture_packet *packet)
{
	return packet->len;
}

static __always_inline __u32 capture_segment_bytes(capture_packet *packet)
{
	return packet->gso_size;
}

static __always_inline int capture_load(capture_packet *packet, __u32 offset, void *to, __u32 bytes)
{
	/* The verifier must see that the length is at least 1. */
	if (bytes == 0 || bytes > CHUNK_BYTES)
		return 1;
	return bpf_skb_load_bytes(packet, offset, to, bytes);
}

static __always_inline struct flow_state *capture_flow_if_known(struct capture_scratch *scratch)
{
	return bpf_map_lookup_elem(&flows, &scratch->key);
}

static __always_inline struct flow_state *capture_flow(struct capture_scratch *scratch)
{
	struct flow_state *flow = capture_flow_if_known(scratch);
	__u32 zero = 0;
	void *fresh;

	if (flow)
		return flow;
	fresh = bpf_map_lookup_elem(&new_flow, &zero);
	if (!fresh)
		return 0;
	if (bpf_map_update_elem(&flows, &scratch->key, fresh, BPF_NOEXIST) == 0)
		count(CAPTURE_COUNTER_FLOW_STATES);
	return bpf_map_lookup_elem(&flows, &scratch->key);
}

static __always_inline int capture_flow_lock(struct flow_state *flow)
{
	return __sync_val_compare_and_swap(&flow->busy, 0, 1) == 0;
}

static __always_inline void capture_flow_unlock(struct flow_state *flow)
{
	/* An exchange, not a store: it orders what was written before it. */
	__sync_lock_test_and_set(&flow->busy, 0);
}

static __always_inline void capture_emit(struct capture_scratch *scratch)
{
	struct signature_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count(CAPTURE_COUNTER_RING_FULL);
		return;
	}
	*event = scratch->event;
	/* The reader comes by timer: waking it costs 50 times what the event does. */
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	count(CAPTURE_COUNTER_EVENTS);
	if (scratch->event.flags & CAPTURE_EVENT_SIGNED)
		count(CAPTURE_COUNTER_SIGNED);
}

static __always_inline int port_in(const struct port_set *set, __u16 port)
{
	return (set->words[port >> 6] >> (port & 63)) & 1;
}

static __always_inline int capture_port_wanted(struct capture_scratch *scratch, __u16 source,
					       __u16 destination)
{
	__u32 zero = 0;
	const struct port_set *set = bpf_map_lookup_elem(&port_filter, &zero);

	if (!set || !(port_in(set, source) || port_in(set, destination)))
		return 0;
	set = bpf_map_lookup_elem(&port_exclude, &zero);
	return set && !port_in(set, source) && !port_in(set, destination);
}

#include "capture_core.h"

static __always_inline void look_through(struct __sk_buff *skb, struct capture_scratch *scratch,
					 __u8 direction, __u32 link_layer)
{
	int result = find_payload(skb, scratch, link_layer);
	if (result == CAPTURE_COUNTER_MALFORMED && !are_headers_linear(skb)) {
		/* Headers may lie outside the linear part of the packet: ask for them once. */
		bpf_skb_pull_data(skb, skb->len < HEADERS_MAX_BYTES ? skb->len : HEADERS_MAX_BYTES);
		result = find_payload(skb, scratch, link_layer);
	}
	if (result != PARSE_OK) {
		count(result);
		return;
	}
	capture_packet_payload(skb, scratch, bpf_ktime_get_ns(), skb->ifindex, direction);
}

static __always_inline void capture(struct __sk_buff *skb, __u8 direction, __u32 link_layer)
{
	struct capture_scratch *scratch;
	__u32 zero = 0;

	count(CAPTURE_COUNTER_PACKETS);
	count_interface_bytes(skb, direction);
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!scratch)
		return;
	if (capture_is_preemptible && __sync_val_compare_and_swap(&scratch->busy, 0, 1) != 0) {
		count(CAPTURE_COUNTER_SCRATCH_BUSY);
		return;
	}
	look_through(skb, scratch, direction, link_layer);
	if (capture_is_preemptible)
		__sync_lock_test_and_set(&scratch->busy, 0);
}

/* For devices whose packets begin with an Ethernet header … */
SEC("tc")
int capture_ingress(struct __sk_buff *skb)
{
	if (capture_can_tell_senders)
		tell_sender(skb);
	capture(skb, CAPTURE_DIRECTION_INGRESS, CAPTURE_LINK_ETHERNET);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int capture_egress(struct __sk_buff *skb)
{
	capture(skb, CAPTURE_DIRECTION_EGRESS, CAPTURE_LINK_ETHERNET);
	return TC_ACT_UNSPEC;
}

/* … and for those whose packets begin with the IP header. */
SEC("tc")
int capture_ingress_ip(struct __sk_buff *skb)
{
	capture(skb, CAPTURE_DIRECTION_INGRESS, CAPTURE_LINK_IP);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int capture_egress_ip(struct __sk_buff *skb)
{
	capture(skb, CAPTURE_DIRECTION_EGRESS, CAPTURE_LINK_IP);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
