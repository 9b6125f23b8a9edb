// Frames for the capture programs, byte by byte.

#ifndef TESTS_BPF_SUPPORT_FRAME_BUILDER_H_
#define TESTS_BPF_SUPPORT_FRAME_BUILDER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace audio_latency::testing {

using Bytes = std::vector<uint8_t>;

// What surrounds a payload. Defaults: 10.0.1.5:40000 -> 10.0.2.7:9000, IPv4, TCP, no options.
struct FrameOptions {
  bool ipv6 = false;
  // Outer tag first; at most what the test wants.
  std::vector<uint16_t> vlan_tags = {};
  // IPv4 options, a multiple of 4 bytes; IPv6 extension headers as (type, bytes after the first
  // two).
  Bytes ipv4_options = {};
  std::vector<std::pair<uint8_t, Bytes>> ipv6_extensions = {};
  // IPv4: flags and offset field; IPv6: use an extension of type 44.
  uint16_t ipv4_fragment_field = 0;
  // Last byte of the addresses.
  uint8_t source_host = 5;
  uint8_t destination_host = 7;
  uint16_t source_port = 40000;
  uint16_t destination_port = 9000;
  // TCP.
  uint32_t sequence = 1000;
  uint8_t tcp_flags = 0x18;
  Bytes tcp_options = {};
  // BIG TCP: the IP length field is 0.
  bool zero_ip_length = false;
  // Bytes behind the IP packet, as Ethernet padding is.
  size_t trailing_bytes = 0;
};

// Of any IP protocol.
Bytes IpFrame(std::span<const uint8_t> payload, uint8_t protocol, const FrameOptions& options = {});
Bytes TcpFrame(std::span<const uint8_t> payload, const FrameOptions& options = {});
Bytes UdpFrame(std::span<const uint8_t> payload, const FrameOptions& options = {});

struct RtpOptions {
  uint8_t version = 2;
  uint8_t payload_type = 0;
  bool marker = false;
  uint16_t sequence = 1;
  uint32_t timestamp = 160;
  uint32_t ssrc = 0x1234;
  std::vector<uint32_t> csrcs = {};
  // Words of the header extension; none: no extension.
  std::vector<uint32_t> extension = {};
  uint8_t padding_bytes = 0;
};

Bytes RtpPacket(std::span<const uint8_t> payload, const RtpOptions& options);

// Seeded pseudo-random bytes.
Bytes RandomBytes(size_t count, uint32_t seed);

// At least `count` bytes of human speech, 16-bit little-endian at 8 kHz, from the prompts of
// Debian's asterisk-core-sounds packages, joined in an order that `seed` decides. Fails the test
// when the packages are missing.
Bytes Speech(size_t count, uint32_t seed);

// ITU-T G.711 mu-law of 16-bit little-endian samples.
Bytes MuLaw(std::span<const uint8_t> pcm16);

}  // namespace audio_latency::testing

#endif  // TESTS_BPF_SUPPORT_FRAME_BUILDER_H_
