#include "tests/accuracy/capture_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>

namespace audio_latency::accuracy {
namespace {

// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html; in this machine's byte order.
constexpr uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr uint32_t kSnapshotBytes = 262'144;
constexpr uint32_t kLinkTypeEthernet = 1;
constexpr int64_t kSecondNs = 1'000'000'000;

void Append(std::string* bytes, uint32_t value) {
  char text[sizeof value];
  std::memcpy(text, &value, sizeof value);
  bytes->append(text, sizeof value);
}

}  // namespace

void CaptureFile::BeginAt(int64_t time_ns) {
  std::erase_if(frames_, [&](const auto& frame) { return frame.first < time_ns; });
}

void CaptureFile::Skew(int64_t ahead_ns) {
  for (auto& [time_ns, frame] : frames_) {
    time_ns += ahead_ns;
  }
}

void CaptureFile::Sort() {
  std::stable_sort(frames_.begin(), frames_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
}

absl::Status CaptureFile::Write(const std::string& path) {
  Sort();
  std::ofstream file(path, std::ios::binary);
  std::string header;
  Append(&header, kMagicNanoseconds);
  Append(&header, 4u << 16 | 2);  // version 2.4
  Append(&header, 0);
  Append(&header, 0);
  Append(&header, kSnapshotBytes);
  Append(&header, kLinkTypeEthernet);
  file << header;
  for (const auto& [time_ns, frame] : frames_) {
    std::string record;
    Append(&record, static_cast<uint32_t>(time_ns / kSecondNs));
    Append(&record, static_cast<uint32_t>(time_ns % kSecondNs));
    Append(&record, static_cast<uint32_t>(frame.size()));
    Append(&record, static_cast<uint32_t>(frame.size()));
    file << record << frame;
  }
  file.close();
  if (!file) {
    return absl::UnavailableError(
        fmt::format("{} could not be written; is there room on that disk?", path));
  }
  return absl::OkStatus();
}

}  // namespace audio_latency::accuracy
