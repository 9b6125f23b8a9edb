/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From the first byte of a packet to the payload of TCP or UDP: Ethernet with up to two inline VLAN
 * tags, or none where the device has no such header; IPv4 with options, IPv6 with extension
 * headers. Reads between `data` and `end` only. What lies in tunnels is tunnel.h's.
 */
#ifndef BPF_PARSE_H_
#define BPF_PARSE_H_

#include "capture_abi.h"
#include "platform.h"

#define ETHERNET_HEADER_BYTES 14
#define VLAN_TAG_BYTES 4
#define VLAN_TAGS_MAX 2
#define IPV4_HEADER_MIN_BYTES 20
#define IPV6_HEADER_BYTES 40
#define IPV6_EXTENSIONS_MAX 4
#define TCP_HEADER_MIN_BYTES 20
#define UDP_HEADER_BYTES 8
/* Longest header stack that is looked at; a longer one is malformed to us. */
#define HEADERS_MAX_BYTES 512

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8

#define TRANSPORT_IPV4 4 /* IPv4 within IP (RFC 2003, RFC 2473) */
#define TRANSPORT_TCP 6
#define TRANSPORT_UDP 17
#define TRANSPORT_IPV6 41 /* IPv6 within IP (RFC 4213, RFC 2473) */

#define IPV6_NEXT_HOP_BY_HOP 0
#define IPV6_NEXT_ROUTING 43
#define IPV6_NEXT_FRAGMENT 44
#define IPV6_NEXT_AUTHENTICATION 51
#define IPV6_NEXT_DESTINATION 60

#define IPV4_MORE_FRAGMENTS_OR_OFFSET 0x3fff
#define IPV6_MORE_FRAGMENTS_OR_OFFSET 0xfff9

#define TCP_FLAG_SYN 0x02

/* All is well; other results are enum capture_counter, the cause of not going on. */
#define PARSE_OK (-1)

struct network {
	__u32 offset; /* of the IP header, from the start of the frame */
	__u32 transport_offset;
	__u32 transport_bytes; /* transport header and payload */
	__u8 version; /* 4 or 6 */
	__u8 transport; /* IP protocol number: TCP, UDP, or IP within IP */
};

struct transport {
	__u16 source_port;
	__u16 destination_port;
	__u32 tcp_sequence;
	__u8 tcp_flags;
	__u32 payload_offset; /* from the start of the frame */
	__u32 payload_bytes;
};

/* 1 when the packet's payload is another IP packet. */
static __always_inline int is_ip_in_ip(__u8 transport)
{
	return transport == TRANSPORT_IPV4 || transport == TRANSPORT_IPV6;
}

/* `offset` is kept below this by masking, so that the verifier sees a bounded packet pointer. */
#define HEADER_OFFSET_MASK (HEADERS_MAX_BYTES - 1)

/* A pointer to `bytes` readable bytes at `offset`, or NULL. */
static __always_inline const __u8 *header_at(const __u8 *data, const __u8 *end, __u32 offset,
					     __u32 bytes)
{
	const __u8 *from;

	if (offset > HEADER_OFFSET_MASK)
		return 0;
	from = data + (offset & HEADER_OFFSET_MASK);
	if (from + bytes > end)
		return 0;
	return from;
}

static __always_inline int parse_ipv4(const __u8 *data, const __u8 *end, __u32 frame_bytes,
				      struct network *network)
{
	const __u8 *header = header_at(data, end, network->offset, IPV4_HEADER_MIN_BYTES);
	__u32 header_bytes, total_bytes;

	if (!header)
		return CAPTURE_COUNTER_MALFORMED;
	header_bytes = (header[0] & 0x0f) * 4;
	if ((header[0] >> 4) != 4 || header_bytes < IPV4_HEADER_MIN_BYTES)
		return CAPTURE_COUNTER_MALFORMED;
	total_bytes = capture_ntohs(load16(header + 2));
	/* BIG TCP: the length does not fit, so it is 0 and the frame's own length holds. */
	if (total_bytes == 0 && frame_bytes > network->offset)
		total_bytes = frame_bytes - network->offset;
	if (total_bytes < header_bytes || network->offset + total_bytes > frame_bytes)
		return CAPTURE_COUNTER_MALFORMED;
	network->version = 4;
	network->transport = header[9];
	network->transport_offset = network->offset + header_bytes;
	network->transport_bytes = total_bytes - header_bytes;
	if (network->transport != TRANSPORT_TCP && network->transport != TRANSPORT_UDP &&
	    !is_ip_in_ip(network->transport))
		return CAPTURE_COUNTER_NOT_TCP_OR_UDP;
	if (capture_ntohs(load16(header + 6)) & IPV4_MORE_FRAGMENTS_OR_OFFSET)
		return CAPTURE_COUNTER_FRAGMENT;
	return PARSE_OK;
}

static __always_inline int parse_ipv6(const __u8 *data, const __u8 *end, __u32 frame_bytes,
				      struct network *network)
{
	const __u8 *header = header_at(data, end, network->offset, IPV6_HEADER_BYTES);
	__u32 offset, end_offset, extension_bytes;
	__u8 next;
	int i;

	if (!header || (header[0] >> 4) != 6)
		return CAPTURE_COUNTER_MALFORMED;
	offset = network->offset + IPV6_HEADER_BYTES;
	end_offset = offset + capture_ntohs(load16(header + 4));
	/* BIG TCP (jumbogram). */
	if (end_offset == offset)
		end_offset = frame_bytes;
	if (end_offset > frame_bytes)
		return CAPTURE_COUNTER_MALFORMED;
	next = header[6];
	network->version = 6;
	for (i = 0; i <= IPV6_EXTENSIONS_MAX; i++) {
		if (next == TRANSPORT_TCP || next == TRANSPORT_UDP || is_ip_in_ip(next)) {
			if (offset > end_offset)
				return CAPTURE_COUNTER_MALFORMED;
			network->transport = next;
			network->transport_offset = offset;
			network->transport_bytes = end_offset - offset;
			return PARSE_OK;
		}
		if (next != IPV6_NEXT_HOP_BY_HOP && next != IPV6_NEXT_ROUTING &&
		    next != IPV6_NEXT_DESTINATION && next != IPV6_NEXT_AUTHENTICATION &&
		    next != IPV6_NEXT_FRAGMENT)
			return CAPTURE_COUNTER_NOT_TCP_OR_UDP;
		header = header_at(data, end, offset, 8);
		if (!header)
			return CAPTURE_COUNTER_MALFORMED;
		if (next == IPV6_NEXT_FRAGMENT) {
			if (capture_ntohs(load16(header + 2)) & IPV6_MORE_FRAGMENTS_OR_OFFSET)
				return CAPTURE_COUNTER_FRAGMENT;
			extension_bytes = 8;
		} else if (next == IPV6_NEXT_AUTHENTICATION) {
			extension_bytes = (header[1] + 2) * 4;
		} else {
			extension_bytes = (header[1] + 1) * 8;
		}
		next = header[0];
		offset += extension_bytes;
		if (offset > HEADER_OFFSET_MASK)
			return CAPTURE_COUNTER_MALFORMED;
	}
	return CAPTURE_COUNTER_MALFORMED;
}

/* Finds the transport header behind an IP header at network->offset. */
static __always_inline int parse_ip(const __u8 *data, const __u8 *end, __u32 frame_bytes,
				    struct network *network)
{
	const __u8 *header = header_at(data, end, network->offset, IPV4_HEADER_MIN_BYTES);

	if (!header)
		return CAPTURE_COUNTER_MALFORMED;
	if ((header[0] >> 4) == 4)
		return parse_ipv4(data, end, frame_bytes, network);
	if ((header[0] >> 4) == 6)
		return parse_ipv6(data, end, frame_bytes, network);
	return CAPTURE_COUNTER_NOT_IP;
}

/* Finds the transport header of the Ethernet frame that begins at network->offset. */
static __always_inline int parse_ethernet(const __u8 *data, const __u8 *end, __u32 frame_bytes,
					  struct network *network)
{
	const __u8 *header = header_at(data, end, network->offset, ETHERNET_HEADER_BYTES);
	__u16 ethertype;
	int i;

	if (!header)
		return CAPTURE_COUNTER_MALFORMED;
	ethertype = capture_ntohs(load16(header + 12));
	network->offset += ETHERNET_HEADER_BYTES;
	for (i = 0; i < VLAN_TAGS_MAX; i++) {
		if (ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_QINQ)
			break;
		header = header_at(data, end, network->offset, VLAN_TAG_BYTES);
		if (!header)
			return CAPTURE_COUNTER_MALFORMED;
		ethertype = capture_ntohs(load16(header + 2));
		network->offset += VLAN_TAG_BYTES;
	}
	if (ethertype == ETHERTYPE_IPV4)
		return parse_ipv4(data, end, frame_bytes, network);
	if (ethertype == ETHERTYPE_IPV6)
		return parse_ipv6(data, end, frame_bytes, network);
	return CAPTURE_COUNTER_NOT_IP;
}

/* Finds the transport header of a packet of `frame_bytes` in all, as its device makes it begin. */
static __always_inline int parse_network(const __u8 *data, const __u8 *end, __u32 frame_bytes,
					 __u32 link_layer, struct network *network)
{
	network->offset = 0;
	if (link_layer == CAPTURE_LINK_IP)
		return parse_ip(data, end, frame_bytes, network);
	return parse_ethernet(data, end, frame_bytes, network);
}

/* The ports alone: what the filter needs, before anything dearer. */
static __always_inline int parse_ports(const __u8 *data, const __u8 *end,
				       const struct network *network, struct transport *transport)
{
	const __u8 *header = header_at(data, end, network->transport_offset, UDP_HEADER_BYTES);

	if (!header || network->transport_bytes < UDP_HEADER_BYTES)
		return CAPTURE_COUNTER_MALFORMED;
	transport->source_port = capture_ntohs(load16(header));
	transport->destination_port = capture_ntohs(load16(header + 2));
	return PARSE_OK;
}

/* The rest of the transport header; after parse_ports. */
static __always_inline int parse_transport(const __u8 *data, const __u8 *end,
					   const struct network *network,
					   struct transport *transport)
{
	const __u8 *header;
	__u32 header_bytes, datagram_bytes;

	if (network->transport == TRANSPORT_UDP) {
		header = header_at(data, end, network->transport_offset, UDP_HEADER_BYTES);
		if (!header)
			return CAPTURE_COUNTER_MALFORMED;
		datagram_bytes = capture_ntohs(load16(header + 4));
		if (datagram_bytes < UDP_HEADER_BYTES || datagram_bytes > network->transport_bytes)
			return CAPTURE_COUNTER_MALFORMED;
		transport->tcp_sequence = 0;
		transport->tcp_flags = 0;
		transport->payload_offset = network->transport_offset + UDP_HEADER_BYTES;
		transport->payload_bytes = datagram_bytes - UDP_HEADER_BYTES;
		return PARSE_OK;
	}
	header = header_at(data, end, network->transport_offset, TCP_HEADER_MIN_BYTES);
	if (!header || network->transport_bytes < TCP_HEADER_MIN_BYTES)
		return CAPTURE_COUNTER_MALFORMED;
	header_bytes = (header[12] >> 4) * 4;
	if (header_bytes < TCP_HEADER_MIN_BYTES || header_bytes > network->transport_bytes)
		return CAPTURE_COUNTER_MALFORMED;
	transport->tcp_sequence = capture_ntohl(load32(header + 4));
	transport->tcp_flags = header[13];
	transport->payload_offset = network->transport_offset + header_bytes;
	transport->payload_bytes = network->transport_bytes - header_bytes;
	return PARSE_OK;
}

static __always_inline void copy_address(__u8 to[16], const __u8 *from, __u8 version)
{
	if (version == 6) {
		store64(to, load64(from));
		store64(to + 8, load64(from + 8));
	} else {
		/* ::ffff:a.b.c.d, in memory order */
		store64(to, 0);
		store64(to + 8, 0xffff0000ULL | ((__u64)load32(from) << 32));
	}
}

/* Both addresses of the packet, 16 bytes each. */
static __always_inline int parse_addresses(const __u8 *data, const __u8 *end,
					   const struct network *network, __u8 source[16],
					   __u8 destination[16])
{
	const __u8 *header;

	if (network->version == 6) {
		header = header_at(data, end, network->offset, IPV6_HEADER_BYTES);
		if (!header)
			return CAPTURE_COUNTER_MALFORMED;
		copy_address(source, header + 8, 6);
		copy_address(destination, header + 24, 6);
		return PARSE_OK;
	}
	header = header_at(data, end, network->offset, IPV4_HEADER_MIN_BYTES);
	if (!header)
		return CAPTURE_COUNTER_MALFORMED;
	copy_address(source, header + 12, 4);
	copy_address(destination, header + 16, 4);
	return PARSE_OK;
}

#endif /* BPF_PARSE_H_ */
