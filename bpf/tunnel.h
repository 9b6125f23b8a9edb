/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Packets within packets, as the overlay networks of clusters make them: VXLAN (RFC 7348), Geneve
 * (RFC 8926), IPv4 and IPv6 within IPv4 or IPv6. One level of it: a tunnel in a tunnel is not
 * entered.
 */
#ifndef BPF_TUNNEL_H_
#define BPF_TUNNEL_H_

#include "capture_abi.h"
#include "parse.h"
#include "platform.h"

#define VXLAN_PORT 4789
/* Linux' own default, older than the registered port; flannel uses it. */
#define VXLAN_PORT_LINUX 8472
#define GENEVE_PORT 6081
/* VXLAN's whole header; Geneve's without options. */
#define TUNNEL_HEADER_BYTES 8

#define VXLAN_FLAG_NETWORK_IDENTIFIER 0x08
/* Generic protocol extension: what follows is not known to be Ethernet. */
#define VXLAN_FLAG_NEXT_PROTOCOL 0x04
#define GENEVE_OPTION_WORDS_MASK 0x3f
#define GENEVE_VERSION_SHIFT 6
#define ETHERTYPE_ETHERNET 0x6558 /* transparent Ethernet bridging */

/* 1 when UDP to this port may be a tunnel. */
static __always_inline int is_tunnel_port(__u16 destination_port)
{
	return destination_port == VXLAN_PORT || destination_port == VXLAN_PORT_LINUX ||
	       destination_port == GENEVE_PORT;
}

/*
 * Finds the transport header of the packet that `outer` (UDP to a tunnel's port, or IP within IP)
 * carries. CAPTURE_COUNTER_MALFORMED also when it carries none.
 */
static __always_inline int parse_tunnel(const __u8 *data, const __u8 *end,
					const struct network *outer, struct network *inner)
{
	__u32 end_offset = outer->transport_offset + outer->transport_bytes;
	__u32 header_bytes = TUNNEL_HEADER_BYTES, datagram_bytes;
	__u16 ethertype = ETHERTYPE_ETHERNET;
	const __u8 *header;

	if (outer->transport != TRANSPORT_UDP) {
		inner->offset = outer->transport_offset;
		if (outer->transport == TRANSPORT_IPV4)
			return parse_ipv4(data, end, end_offset, inner);
		return parse_ipv6(data, end, end_offset, inner);
	}
	header = header_at(data, end, outer->transport_offset,
			   UDP_HEADER_BYTES + TUNNEL_HEADER_BYTES);
	if (!header)
		return CAPTURE_COUNTER_MALFORMED;
	datagram_bytes = capture_ntohs(load16(header + 4));
	if (datagram_bytes > outer->transport_bytes)
		return CAPTURE_COUNTER_MALFORMED;
	end_offset = outer->transport_offset + datagram_bytes;
	if (capture_ntohs(load16(header + 2)) == GENEVE_PORT) {
		if (header[UDP_HEADER_BYTES] >> GENEVE_VERSION_SHIFT)
			return CAPTURE_COUNTER_MALFORMED;
		header_bytes += (header[UDP_HEADER_BYTES] & GENEVE_OPTION_WORDS_MASK) * 4;
		ethertype = capture_ntohs(load16(header + UDP_HEADER_BYTES + 2));
	} else if ((header[UDP_HEADER_BYTES] &
		    (VXLAN_FLAG_NETWORK_IDENTIFIER | VXLAN_FLAG_NEXT_PROTOCOL)) !=
		   VXLAN_FLAG_NETWORK_IDENTIFIER) {
		return CAPTURE_COUNTER_MALFORMED;
	}
	inner->offset = outer->transport_offset + UDP_HEADER_BYTES + header_bytes;
	if (ethertype == ETHERTYPE_IPV4)
		return parse_ipv4(data, end, end_offset, inner);
	if (ethertype == ETHERTYPE_IPV6)
		return parse_ipv6(data, end, end_offset, inner);
	if (ethertype != ETHERTYPE_ETHERNET || inner->offset + ETHERNET_HEADER_BYTES > end_offset)
		return CAPTURE_COUNTER_MALFORMED;
	return parse_ethernet(data, end, end_offset, inner);
}

#endif /* BPF_TUNNEL_H_ */
