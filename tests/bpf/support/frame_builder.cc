#include "tests/bpf/support/frame_builder.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>

namespace audio_latency::testing {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

void Put16(Bytes* to, uint32_t value) {
  to->push_back(static_cast<uint8_t>(value >> 8));
  to->push_back(static_cast<uint8_t>(value));
}

void Put32(Bytes* to, uint32_t value) {
  Put16(to, value >> 16);
  Put16(to, value & 0xffff);
}

void Append(Bytes* to, std::span<const uint8_t> bytes) {
  to->insert(to->end(), bytes.begin(), bytes.end());
}

// Sample data of a RIFF file; empty when it has none.
Bytes WavData(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const Bytes all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  size_t at = 12;
  while (at + 8 <= all.size()) {
    uint32_t length = 0;
    std::memcpy(&length, &all[at + 4], 4);
    if (std::memcmp(&all[at], "data", 4) == 0) {
      const size_t end = std::min(all.size(), at + 8 + length);
      return {all.begin() + static_cast<std::ptrdiff_t>(at + 8),
              all.begin() + static_cast<std::ptrdiff_t>(end)};
    }
    at += 8 + length + (length & 1);
  }
  return {};
}

}  // namespace

Bytes IpFrame(std::span<const uint8_t> payload, uint8_t protocol, const FrameOptions& options) {
  Bytes frame(12, 0x02);
  for (size_t i = 0; i < options.vlan_tags.size(); ++i) {
    Put16(&frame, i + 1 < options.vlan_tags.size() ? 0x88a8 : 0x8100);
    Put16(&frame, options.vlan_tags[i]);
  }
  if (options.ipv6) {
    Put16(&frame, 0x86dd);
    Bytes extensions;
    uint8_t first = protocol;
    for (size_t i = 0; i < options.ipv6_extensions.size(); ++i) {
      const auto& [type, body] = options.ipv6_extensions[i];
      if (i == 0) {
        first = type;
      }
      const size_t units = (body.size() + 2) / 8;
      extensions.push_back(
          i + 1 < options.ipv6_extensions.size() ? options.ipv6_extensions[i + 1].first : protocol);
      // RFC 4302: the authentication header counts words, less two.
      extensions.push_back(
          static_cast<uint8_t>(type == 51 ? (body.size() + 2) / 4 - 2 : units - 1));
      Append(&extensions, body);
    }
    Put32(&frame, 0x60000000);
    const size_t length = extensions.size() + payload.size();
    Put16(&frame, options.zero_ip_length ? 0 : static_cast<uint32_t>(length));
    frame.push_back(first);
    frame.push_back(64);
    for (const uint8_t host : {options.source_host, options.destination_host}) {
      Bytes address(16, 0);
      address[0] = 0xfd;
      address[15] = host;
      Append(&frame, address);
    }
    Append(&frame, extensions);
  } else {
    Put16(&frame, 0x0800);
    const size_t header_bytes = 20 + options.ipv4_options.size();
    frame.push_back(static_cast<uint8_t>(0x40 | header_bytes / 4));
    frame.push_back(0);
    Put16(&frame,
          options.zero_ip_length ? 0 : static_cast<uint32_t>(header_bytes + payload.size()));
    Put16(&frame, 1);
    Put16(&frame, options.ipv4_fragment_field);
    frame.push_back(64);
    frame.push_back(protocol);
    Put16(&frame, 0);
    Append(&frame, Bytes{10, 0, 1, options.source_host});
    Append(&frame, Bytes{10, 0, 2, options.destination_host});
    Append(&frame, options.ipv4_options);
  }
  Append(&frame, payload);
  frame.resize(frame.size() + options.trailing_bytes, 0);
  return frame;
}

Bytes TcpFrame(std::span<const uint8_t> payload, const FrameOptions& options) {
  Bytes segment;
  Put16(&segment, options.source_port);
  Put16(&segment, options.destination_port);
  Put32(&segment, options.sequence);
  Put32(&segment, 1);
  segment.push_back(static_cast<uint8_t>((20 + options.tcp_options.size()) / 4 << 4));
  segment.push_back(options.tcp_flags);
  Put16(&segment, 65535);
  Put32(&segment, 0);
  Append(&segment, options.tcp_options);
  Append(&segment, payload);
  return IpFrame(segment, kTcp, options);
}

Bytes UdpFrame(std::span<const uint8_t> payload, const FrameOptions& options) {
  Bytes datagram;
  Put16(&datagram, options.source_port);
  Put16(&datagram, options.destination_port);
  Put16(&datagram, static_cast<uint32_t>(payload.size() + 8));
  Put16(&datagram, 0);
  Append(&datagram, payload);
  return IpFrame(datagram, kUdp, options);
}

Bytes RtpPacket(std::span<const uint8_t> payload, const RtpOptions& options) {
  Bytes packet;
  packet.push_back(static_cast<uint8_t>(options.version << 6 | (options.padding_bytes ? 0x20 : 0) |
                                        (options.extension.empty() ? 0 : 0x10) |
                                        options.csrcs.size()));
  packet.push_back(static_cast<uint8_t>((options.marker ? 0x80 : 0) | options.payload_type));
  Put16(&packet, options.sequence);
  Put32(&packet, options.timestamp);
  Put32(&packet, options.ssrc);
  for (const uint32_t csrc : options.csrcs) {
    Put32(&packet, csrc);
  }
  if (!options.extension.empty()) {
    Put16(&packet, 0xbede);
    Put16(&packet, static_cast<uint32_t>(options.extension.size()));
    for (const uint32_t word : options.extension) {
      Put32(&packet, word);
    }
  }
  Append(&packet, payload);
  if (options.padding_bytes) {
    packet.resize(packet.size() + options.padding_bytes - 1, 0);
    packet.push_back(options.padding_bytes);
  }
  return packet;
}

Bytes RandomBytes(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (uint8_t& byte : bytes) {
    byte = static_cast<uint8_t>(random());
  }
  return bytes;
}

Bytes Speech(size_t count, uint32_t seed) {
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"/usr/share/asterisk/sounds/en_US_f_Allison",
                             "/usr/share/asterisk/sounds/es_MX_f_Allison"}) {
    if (!std::filesystem::is_directory(folder)) {
      throw std::runtime_error(
          "speech is missing: install asterisk-core-sounds-en-wav and -es-wav");
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".wav") {
        files.push_back(entry.path());
      }
    }
  }
  std::sort(files.begin(), files.end());
  std::shuffle(files.begin(), files.end(), std::mt19937(seed));
  Bytes speech;
  for (const auto& file : files) {
    if (speech.size() >= count) {
      break;
    }
    Append(&speech, WavData(file));
  }
  speech.resize(count);
  return speech;
}

Bytes MuLaw(std::span<const uint8_t> pcm16) {
  Bytes codes;
  codes.reserve(pcm16.size() / 2);
  for (size_t i = 0; i + 1 < pcm16.size(); i += 2) {
    const int sample = static_cast<int16_t>(pcm16[i] | pcm16[i + 1] << 8);
    const int sign = sample < 0 ? 0x80 : 0;
    const int magnitude = std::min(std::abs(sample), 32635) + 0x84;
    int segment = 7;
    while (segment > 0 && !(magnitude & (0x80 << segment))) {
      --segment;
    }
    const int mantissa = magnitude >> (segment + 3) & 0x0f;
    codes.push_back(static_cast<uint8_t>(~(sign | segment << 4 | mantissa)));
  }
  return codes;
}

}  // namespace audio_latency::testing
