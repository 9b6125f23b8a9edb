/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the BPF programs and user space agree on: the one header that both include. Plain C,
 * fixed widths, explicit padding, units in the names. A change of layout or of a number's meaning
 * raises CAPTURE_ABI_VERSION.
 */
#ifndef BPF_CAPTURE_ABI_H_
#define BPF_CAPTURE_ABI_H_

#ifndef __bpf__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define CAPTURE_STATIC_ASSERT(condition, message) static_assert(condition, message)
#else
#define CAPTURE_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#endif

#define CAPTURE_ABI_VERSION 2

/* Limits of the configuration. */
#define CAPTURE_WINDOW_MIN_BYTES 16
#define CAPTURE_WINDOW_MAX_BYTES 1024
#define CAPTURE_RATE_BITS_MIN 5
#define CAPTURE_RATE_BITS_MAX 16
#define CAPTURE_PORT_COUNT 65536

enum capture_algorithm {
	CAPTURE_ALGORITHM_XXHASH = 0,
	CAPTURE_ALGORITHM_CRC32 = 1,
	CAPTURE_ALGORITHM_ROLLING_HASH = 2,
};

/* Fixed when the program is loaded (.rodata); the verifier removes what it switches off. */
struct capture_config {
	/* The cluster's key: without it a signature tells nothing. */
	__u64 seed;
	/* Made from the seed by capture_config_make (capture_layout.h). */
	__u64 anchor_key;
	/* Signature window, in bytes of the difference stream. */
	__u32 window_bytes;
	/* One anchor in 2^rate_bits bytes. */
	__u32 rate_bits;
	/* Root mean square, as 16-bit samples, below which audio is silence; 0: no such test. */
	__u32 silence_threshold;
	__u32 algorithm; /* enum capture_algorithm */
	/* 1: without a list of ports, only flows with audio's cadence are signed (cadence.h). */
	__u32 detect_cadence;
	__u32 reserved;
};

enum capture_direction {
	CAPTURE_DIRECTION_INGRESS = 1,
	CAPTURE_DIRECTION_EGRESS = 2,
};

/* What precedes the IP header in the packets of a device. */
enum capture_link_layer {
	/* An Ethernet header, with or without VLAN tags. */
	CAPTURE_LINK_ETHERNET = 0,
	/* Nothing: tun, WireGuard, IP tunnels. */
	CAPTURE_LINK_IP = 1,
};

enum capture_signature_kind {
	/* Content-defined window of a TCP stream. */
	CAPTURE_SIGNATURE_CONTENT = 1,
	/* The whole payload of one RTP packet. Every RTP packet has such an event, signed or not. */
	CAPTURE_SIGNATURE_RTP_PAYLOAD = 2,
	/*
	 * Content-defined window of the payloads of an RTP stream in sequence order, equal to that of
	 * a TCP stream with the same audio. Follows the event of the packet that completed it.
	 */
	CAPTURE_SIGNATURE_RTP_CONTENT = 3,
};

/* signature_event.flags */
#define CAPTURE_EVENT_SIGNED (1u << 0) /* signature is valid; else the packet was not signed */
#define CAPTURE_EVENT_INITIAL_SEQUENCE_KNOWN (1u << 1) /* the flow's SYN was seen */
#define CAPTURE_EVENT_RTP_MARKER (1u << 2)

#define CAPTURE_LEVEL_UNKNOWN 255

/*
 * One record of the ring buffer. Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d, network order;
 * all numbers are in host order.
 */
struct signature_event {
	__u64 signature;
	__u64 time_ns; /* CLOCK_MONOTONIC when the packet that completed it passed */
	__u8 source_address[16];
	__u8 destination_address[16];
	__u16 source_port;
	__u16 destination_port;
	__u32 interface_index;
	__u8 direction; /* enum capture_direction */
	__u8 transport; /* IP protocol number: 6 or 17 */
	__u8 kind; /* enum capture_signature_kind */
	__u8 flags;
	/* TCP: sequence number of the window's first byte. RTP: sequence number of the packet. */
	__u32 position;
	/* TCP: sequence number of the stream's first byte, when known. */
	__u32 initial_sequence;
	__u32 rtp_ssrc;
	__u32 rtp_timestamp;
	__u16 payload_bytes; /* RTP: payload without header, extension and padding */
	__u8 rtp_payload_type;
	__u8 level; /* -dBov, 0 to 127 (RFC 6464); CAPTURE_LEVEL_UNKNOWN */
	__u32 reserved;
};

CAPTURE_STATIC_ASSERT(sizeof(struct signature_event) == 88, "signature_event has no holes");

/*
 * Why a packet, or a window of one, gave no event. One counter a cause, per CPU; the names are the
 * `cause` label that users see. X(constant, name, lost): lost = 1 where an event that should have
 * gone out did not.
 */
#define CAPTURE_COUNTERS(X)                                                                            \
	X(PACKETS, "packets", 0) /* all that the programs saw */                                       \
	X(EVENTS, "events", 0) /* records put into the ring */                                         \
	X(SIGNED, "signed", 0) /* of these, with a signature */                                        \
	X(NOT_IP, "not_ip", 0)                                                                         \
	X(NOT_TCP_OR_UDP, "not_tcp_or_udp", 0)                                                         \
	X(MALFORMED, "malformed", 0) /* a header is cut short or contradicts itself */                 \
	X(FRAGMENT, "fragment", 0) /* IP fragments carry no whole segment */                           \
	X(PORT_FILTERED, "port_filtered", 0)                                                           \
	X(NO_PAYLOAD, "no_payload", 0)                                                                 \
	X(NOT_RTP, "not_rtp", 0) /* UDP without a plausible RTP header */                              \
	X(RTP_PROBATION, "rtp_probation", 0) /* sequence has not yet been seen to advance */           \
	X(RTP_TOO_SHORT, "rtp_too_short", 0) /* under 16 bytes: not signed as a whole */               \
	X(RTP_DUPLICATE, "rtp_duplicate", 0)                                                           \
	X(RTP_GAP, "rtp_gap", 0) /* sequence numbers missing: no window spans them */                  \
	X(RTP_LATE, "rtp_late", 0) /* behind a later one: signed alone */                              \
	X(NOT_AUDIO, "not_audio", 0) /* no port list, and without the cadence of audio */              \
	/* before what is expected next, and in no gap that is waited for: mostly seen already */      \
	X(TCP_RETRANSMISSION, "tcp_retransmission", 0)                                                 \
	X(TCP_GAP, "tcp_gap", 0) /* bytes missing: signed on behind them */                            \
	X(TCP_LATE, "tcp_late", 0) /* filled a gap */                                                  \
	/* a gap given up: another opened, the stream went on far, or it was filled from its middle */ \
	X(TCP_GAP_UNFILLED, "tcp_gap_unfilled", 1)                                                     \
	/* payload beyond CAPTURE_PAYLOAD_MAX_BYTES (BIG TCP), or RTP beyond one chunk */              \
	X(PACKET_TOO_LONG, "packet_too_long", 1)                                                       \
	X(FLOW_TABLE_FULL, "flow_table_full", 1)                                                       \
	X(FLOW_BUSY, "flow_busy", 1) /* another CPU holds the flow */                                  \
	X(LOAD_FAILED, "load_failed", 1) /* the packet's bytes could not be read */                    \
	X(ANCHORS_OVERFLOW, "anchors_overflow",                                                        \
	  1) /* more anchors in a chunk than there is room for */                                      \
	X(GATE_DISTINCT, "gate_distinct", 0) /* 8 or fewer distinct bytes: tones, silence */           \
	X(GATE_SILENCE, "gate_silence", 0) /* root mean square under the threshold */                  \
	X(SAMPLED_OUT, "sampled_out", 0) /* signatures left out to relieve the correlator */           \
	X(FLOW_STATES, "flow_states",                                                                  \
	  0) /* entries made in the flow table; a full one forgets others */                           \
	X(RING_FULL, "ring_full", 1)                                                                   \
	X(SCRATCH_BUSY, "scratch_busy", 1) /* preempted within another packet, PREEMPT_RT only */

enum capture_counter {
#define CAPTURE_COUNTER_ENUM(constant, name, lost) CAPTURE_COUNTER_##constant,
	CAPTURE_COUNTERS(CAPTURE_COUNTER_ENUM)
#undef CAPTURE_COUNTER_ENUM
	CAPTURE_COUNTER_COUNT
};

/*
 * Bytes of packets (from the Ethernet header on, where there is one) that the programs saw, per CPU,
 * by interface and direction. Interfaces whose indexes are equal modulo half of the slots share
 * theirs, which only matters for finding out that packets are hidden from the programs.
 */
#define CAPTURE_INTERFACE_SLOTS 2048
#define CAPTURE_INTERFACE_SLOT(index, direction) \
	(((index)*2 + ((direction) == CAPTURE_DIRECTION_EGRESS)) & (CAPTURE_INTERFACE_SLOTS - 1))

/*
 * Whose packets come in at an interface. User space puts an interface's index into its slot to ask;
 * the program for Ethernet fills in the sender of the next packet that a socket sent. Memory that
 * both see: each of the two fields has one writer but for user space's zeroing.
 */
#define CAPTURE_SENDER_SLOTS 1024

struct interface_sender {
	__u64 cgroup_id; /* of cgroup version 2; 0: no answer yet */
	__u32 interface_index; /* 0: nobody asks */
	__u32 reserved;
};

/* Most payload of one packet that is looked through: GSO makes 64 KiB. */
#define CAPTURE_PAYLOAD_MAX_BYTES (33 * 2048)

#endif /* BPF_CAPTURE_ABI_H_ */
