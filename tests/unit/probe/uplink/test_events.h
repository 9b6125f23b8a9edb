// Events for the tests of the uplink.

#ifndef TESTS_UNIT_PROBE_UPLINK_TEST_EVENTS_H_
#define TESTS_UNIT_PROBE_UPLINK_TEST_EVENTS_H_

#include <cstdint>

#include "bpf/capture_abi.h"

namespace audio_latency::probe {

// A signed content event of the TCP flow 10.0.0.1:`source_port` > 10.0.0.2:8080.
inline signature_event TcpEvent(uint64_t signature, int64_t time_ns, uint16_t source_port = 40000) {
  signature_event event = {};
  event.signature = signature;
  event.time_ns = static_cast<uint64_t>(time_ns);
  for (uint8_t* const address : {event.source_address, event.destination_address}) {
    address[10] = 0xff;
    address[11] = 0xff;
    address[12] = 10;
  }
  event.source_address[15] = 1;
  event.destination_address[15] = 2;
  event.source_port = source_port;
  event.destination_port = 8080;
  event.interface_index = 7;
  event.direction = CAPTURE_DIRECTION_INGRESS;
  event.transport = 6;
  event.kind = CAPTURE_SIGNATURE_CONTENT;
  event.flags = CAPTURE_EVENT_SIGNED;
  event.level = CAPTURE_LEVEL_UNKNOWN;
  return event;
}

// An RTP packet's event on the same addresses.
inline signature_event RtpEvent(uint64_t signature, int64_t time_ns, uint32_t ssrc,
                                uint16_t sequence) {
  signature_event event = TcpEvent(signature, time_ns);
  event.transport = 17;
  event.kind = CAPTURE_SIGNATURE_RTP_PAYLOAD;
  event.position = sequence;
  event.rtp_ssrc = ssrc;
  event.rtp_timestamp = 160u * sequence;
  event.payload_bytes = 160;
  event.level = 30;
  return event;
}

// A window that this packet completed.
inline signature_event RtpContentEvent(uint64_t signature, const signature_event& packet) {
  signature_event event = packet;
  event.signature = signature;
  event.kind = CAPTURE_SIGNATURE_RTP_CONTENT;
  event.flags = CAPTURE_EVENT_SIGNED;
  event.level = CAPTURE_LEVEL_UNKNOWN;
  return event;
}

}  // namespace audio_latency::probe

#endif  // TESTS_UNIT_PROBE_UPLINK_TEST_EVENTS_H_
