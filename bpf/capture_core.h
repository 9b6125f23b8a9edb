/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The way of one packet, from its first byte to its signature events: the same code in the kernel
 * and in user space. Who includes this provides, before it:
 *
 *   capture_packet                   the type of a packet
 *   capture_configuration            struct capture_config, constant while the program runs
 *   capture_count(scratch, cause)    counts an enum capture_counter
 *   capture_data, _end, _bytes(packet)  its first bytes, their end, and its length in all
 *   capture_load(packet, …)          copies bytes of the packet; 0 when it could
 *   capture_segment_bytes(packet)    payload of each of the datagrams in it (UDP GSO); 0: it is one
 *   capture_flow(scratch)            the state of scratch->key, made if need be; NULL: no room
 *   capture_flow_if_known(scratch)   the same, NULL when there is none yet
 *   capture_flow_lock/unlock(flow)   lock gives 0 when another CPU holds it
 *   capture_emit(scratch)            puts scratch->event out
 *   capture_sampling_threshold(scratch)  what is kept (sampling.h); may change at any time
 *   capture_port_wanted(scratch, s, d)  the port filter
 */
#ifndef BPF_CAPTURE_CORE_H_
#define BPF_CAPTURE_CORE_H_

#include "media.h"
#include "scratch.h"
#include "tcp.h"
#include "tunnel.h"

/* 1 when the part of the packet that can be read directly holds all headers it may have. */
static __always_inline int are_headers_linear(capture_packet *packet)
{
	__u32 linear_bytes = capture_end(packet) - capture_data(packet);

	return linear_bytes >= HEADERS_MAX_BYTES || linear_bytes >= capture_bytes(packet);
}

/*
 * Puts the packet that scratch->network carries in its stead. PARSE_OK, or the cause for not doing
 * so: CAPTURE_COUNTER_MALFORMED when there is none, or when its headers are not all to be seen.
 */
CAPTURE_FUNCTION int enter_tunnel(capture_packet *packet, struct capture_scratch *scratch)
{
	struct network outer, inner;
	int result;

	if (!packet || !scratch)
		return CAPTURE_COUNTER_MALFORMED;
	outer = scratch->network;
	result = parse_tunnel(capture_data(packet), capture_end(packet), &outer, &inner);
	if (result != PARSE_OK)
		return result;
	if (is_ip_in_ip(inner.transport))
		return CAPTURE_COUNTER_NOT_TCP_OR_UDP;
	scratch->network = inner;
	return PARSE_OK;
}

/*
 * Finds the payload of a packet of a device of `link_layer` (enum capture_link_layer) into
 * scratch->network and scratch->transport. PARSE_OK, or the cause for leaving the packet alone.
 */
CAPTURE_FUNCTION int find_payload(capture_packet *packet, struct capture_scratch *scratch,
				  __u32 link_layer)
{
	const __u8 *data, *end;
	int result, may_enter = 1;

	if (!packet || !scratch)
		return CAPTURE_COUNTER_MALFORMED;
	data = capture_data(packet);
	end = capture_end(packet);
	result = parse_network(data, end, capture_bytes(packet), link_layer, &scratch->network);
	if (result != PARSE_OK)
		return result;
	if (is_ip_in_ip(scratch->network.transport)) {
		result = enter_tunnel(packet, scratch);
		if (result != PARSE_OK)
			return result;
		may_enter = 0;
	}
	result = parse_ports(data, end, &scratch->network, &scratch->transport);
	if (result != PARSE_OK)
		return result;
	if (may_enter && scratch->network.transport == TRANSPORT_UDP &&
	    is_tunnel_port(scratch->transport.destination_port)) {
		result = enter_tunnel(packet, scratch);
		if (result == PARSE_OK)
			result = parse_ports(data, end, &scratch->network, &scratch->transport);
		/* What is no tunnel is ordinary UDP; but first all headers must have been seen. */
		if (result != PARSE_OK &&
		    (result != CAPTURE_COUNTER_MALFORMED || !are_headers_linear(packet)))
			return result;
	}
	if (!capture_port_wanted(scratch, scratch->transport.source_port,
				 scratch->transport.destination_port))
		return CAPTURE_COUNTER_PORT_FILTERED;
	result = parse_transport(data, end, &scratch->network, &scratch->transport);
	if (result != PARSE_OK)
		return result;
	return parse_addresses(data, end, &scratch->network, scratch->key.source_address,
			       scratch->key.destination_address);
}

/* Looks one packet through; `time_ns` is when it passed. */
static __always_inline void capture_packet_payload(capture_packet *packet,
						   struct capture_scratch *scratch, __u64 time_ns,
						   __u32 interface_index, __u8 direction)
{
	struct transport *transport = &scratch->transport;

	scratch->key.source_port = transport->source_port;
	scratch->key.destination_port = transport->destination_port;
	scratch->key.interface_index = interface_index;
	scratch->key.rtp_ssrc = 0;
	scratch->key.direction = direction;
	scratch->key.transport = scratch->network.transport;
	scratch->key.kind = FLOW_KEY_STREAM;
	copy_words(scratch->event.source_address, scratch->key.source_address, 32);
	scratch->event.source_port = transport->source_port;
	scratch->event.destination_port = transport->destination_port;
	scratch->event.time_ns = time_ns;
	scratch->event.interface_index = interface_index;
	scratch->event.direction = direction;
	scratch->event.transport = scratch->network.transport;
	scratch->event.reserved = 0;
	if (scratch->network.transport == TRANSPORT_TCP)
		capture_tcp(packet, scratch);
	else
		capture_udp(packet, scratch);
}

#endif /* BPF_CAPTURE_CORE_H_ */
