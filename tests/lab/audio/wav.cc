#include "tests/lab/audio/wav.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>

namespace audio_latency::lab {
namespace {

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  return value;
}

}  // namespace

absl::StatusOr<Wav> ReadWav(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string file((std::istreambuf_iterator<char>(stream)), {});
  const std::string_view all = file;
  if (all.size() < 12 || all.substr(0, 4) != "RIFF" || all.substr(8, 4) != "WAVE") {
    return absl::InvalidArgumentError(fmt::format("{} is not a RIFF WAVE file", path));
  }
  Wav wav;
  bool is_supported = false;
  for (size_t at = 12; at + 8 <= all.size();) {
    const std::string_view name = all.substr(at, 4);
    const size_t length = LittleEndian(all.substr(at + 4, 4));
    const std::string_view body = all.substr(at + 8, length);
    if (name == "fmt " && body.size() >= 16) {
      constexpr uint32_t kPcm = 1;
      is_supported = LittleEndian(body.substr(0, 2)) == kPcm &&
                     LittleEndian(body.substr(2, 2)) == 1 && LittleEndian(body.substr(14, 2)) == 16;
      wav.samples_per_second = static_cast<int>(LittleEndian(body.substr(4, 4)));
    } else if (name == "data") {
      for (size_t i = 0; i + 2 <= body.size(); i += 2) {
        wav.samples.push_back(static_cast<int16_t>(LittleEndian(body.substr(i, 2))));
      }
    }
    at += 8 + length + length % 2;  // chunks are padded to even lengths
  }
  if (!is_supported) {
    return absl::InvalidArgumentError(fmt::format("{} is not 16-bit PCM of one channel", path));
  }
  return wav;
}

}  // namespace audio_latency::lab
