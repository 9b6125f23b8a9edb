#include "tests/lab/audio/rtp_packet.h"

namespace audio_latency::lab {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr char kVersion2 = static_cast<char>(0x80);

void AppendBigEndian(std::string* bytes, uint32_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
    bytes->push_back(static_cast<char>(value >> shift & 0xff));
  }
}

uint32_t BigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes) {
    value = value << 8 | static_cast<uint8_t>(byte);
  }
  return value;
}

}  // namespace

std::string EncodeRtp(const RtpPacket& packet) {
  std::string bytes(1, kVersion2);
  bytes.push_back(static_cast<char>((packet.marker ? 0x80 : 0) | packet.payload_type));
  AppendBigEndian(&bytes, packet.sequence, 2);
  AppendBigEndian(&bytes, packet.timestamp, 4);
  AppendBigEndian(&bytes, packet.ssrc, 4);
  return bytes + packet.payload;
}

std::optional<RtpPacket> DecodeRtp(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || bytes[0] != kVersion2) {
    return std::nullopt;
  }
  RtpPacket packet;
  packet.marker = (bytes[1] & 0x80) != 0;
  packet.payload_type = static_cast<uint8_t>(bytes[1] & 0x7f);
  packet.sequence = static_cast<uint16_t>(BigEndian(bytes.substr(2, 2)));
  packet.timestamp = BigEndian(bytes.substr(4, 4));
  packet.ssrc = BigEndian(bytes.substr(8, 4));
  packet.payload = std::string(bytes.substr(kHeaderBytes));
  return packet;
}

}  // namespace audio_latency::lab
