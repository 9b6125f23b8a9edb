// RTP packets (RFC 3550) as the lab's phones send them: no CSRC, no extension, no padding.

#ifndef TESTS_LAB_AUDIO_RTP_PACKET_H_
#define TESTS_LAB_AUDIO_RTP_PACKET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace audio_latency::lab {

struct RtpPacket {
  uint8_t payload_type = 0;
  bool marker = false;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  std::string payload;
};

std::string EncodeRtp(const RtpPacket& packet);
// Nothing where the bytes are not such a packet.
std::optional<RtpPacket> DecodeRtp(std::string_view bytes);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_RTP_PACKET_H_
