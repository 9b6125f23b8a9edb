#include "tests/lab/capture.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <thread>

#include "common/status/status_macros.h"

namespace audio_latency::lab {
namespace {

uint32_t BigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes) {
    value = value << 8 | static_cast<uint8_t>(byte);
  }
  return value;
}

// The file's own numbers are in this machine's order, which on our platforms is little-endian.
uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  return value;
}

std::string DottedAddress(std::string_view bytes) {
  return fmt::format("{}.{}.{}.{}", static_cast<uint8_t>(bytes[0]), static_cast<uint8_t>(bytes[1]),
                     static_cast<uint8_t>(bytes[2]), static_cast<uint8_t>(bytes[3]));
}

std::optional<CapturedPacket> Parse(std::string_view frame) {
  constexpr size_t kEthernetBytes = 14;
  constexpr size_t kLeastIpBytes = 20;
  if (frame.size() < kEthernetBytes + kLeastIpBytes || BigEndian(frame.substr(12, 2)) != 0x0800) {
    return std::nullopt;
  }
  std::string_view ip = frame.substr(kEthernetBytes);
  ip = ip.substr(0, BigEndian(ip.substr(2, 2)));  // Ethernet pads short frames
  CapturedPacket packet;
  packet.source = DottedAddress(ip.substr(12, 4));
  packet.destination = DottedAddress(ip.substr(16, 4));
  const int protocol = ip[9];
  const std::string_view body = ip.substr(static_cast<size_t>(ip[0] & 0x0f) * 4);
  packet.source_port = static_cast<uint16_t>(BigEndian(body.substr(0, 2)));
  packet.destination_port = static_cast<uint16_t>(BigEndian(body.substr(2, 2)));
  if (protocol == 17) {
    packet.payload = std::string(body.substr(8));
    return packet;
  }
  if (protocol != 6) {
    return std::nullopt;
  }
  packet.is_tcp = true;
  packet.sequence = BigEndian(body.substr(4, 4));
  packet.is_syn = (body[13] & 0x02) != 0;
  packet.payload =
      std::string(body.substr(static_cast<size_t>(static_cast<uint8_t>(body[12]) >> 4) * 4));
  return packet;
}

absl::StatusOr<std::vector<CapturedPacket>> ReadCaptureFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string file((std::istreambuf_iterator<char>(stream)), {});
  const std::string_view all = file;
  constexpr size_t kHeaderBytes = 24;
  constexpr uint32_t kNanosecondMagic = 0xa1b23c4d;
  if (all.size() < kHeaderBytes || LittleEndian(all.substr(0, 4)) != kNanosecondMagic) {
    return absl::InvalidArgumentError(
        fmt::format("{} is not a capture file with nanoseconds", path));
  }
  std::vector<CapturedPacket> packets;
  for (size_t at = kHeaderBytes; at + 16 <= all.size();) {
    const uint32_t length = LittleEndian(all.substr(at + 8, 4));
    std::optional<CapturedPacket> packet = Parse(all.substr(at + 16, length));
    if (packet.has_value()) {
      packet->unix_time_ns = int64_t{LittleEndian(all.substr(at, 4))} * 1'000'000'000 +
                             LittleEndian(all.substr(at + 4, 4));
      packets.push_back(*std::move(packet));
    }
    at += 16 + length;
  }
  return packets;
}

}  // namespace

absl::StatusOr<Capture> Capture::Start(const NetworkNamespace& network,
                                       const std::string& interface_name, const std::string& filter,
                                       const std::string& path) {
  ProcessOptions options;
  options.arguments = {"tcpdump", "-i",   interface_name,     "-w", path,
                       "-Z",      "root", "--immediate-mode", "-U", "--time-stamp-precision=nano",
                       filter};
  options.network = &network;
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  constexpr int kTries = 500;
  for (int i = 0; i < kTries; ++i) {
    if (process.StandardError().find("listening on") != std::string::npos) {
      return Capture(std::move(process), path);
    }
    if (!process.IsRunning()) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return absl::InternalError(fmt::format("tcpdump did not start: {}", process.StandardError()));
}

std::string Capture::Stop() {
  process_.Terminate();
  return path_;
}

absl::StatusOr<std::vector<CapturedPacket>> Capture::Finish() { return ReadCaptureFile(Stop()); }

}  // namespace audio_latency::lab
