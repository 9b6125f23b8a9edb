#include "tests/interop/speech_file.h"

#include <fmt/format.h>

#include <fstream>

#include "common/status/status_macros.h"

namespace audio_latency::lab {
namespace {

constexpr int kSamplesPerSecond = 8000;
// Root mean square of what counts as speech: the product's default SILENCE_THRESHOLD.
constexpr double kSpeechLevel = 256;

std::string LittleEndian(uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  }
  return text;
}

}  // namespace

absl::StatusOr<SpeechFile> WriteSpeechFile(const SpeechOptions& options, const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<int16_t> samples, LoadSpeech(options));
  const std::string body = PcmBytes(samples);
  const auto body_bytes = static_cast<uint32_t>(body.size());
  std::ofstream file(path, std::ios::binary);
  // RIFF, fmt (PCM, one channel, bytes a second, bytes a sample, bits a sample), data.
  file << "RIFF" << LittleEndian(36 + body_bytes, 4) << "WAVE"
       << "fmt " << LittleEndian(16, 4) << LittleEndian(1, 2) << LittleEndian(1, 2)
       << LittleEndian(kSamplesPerSecond, 4) << LittleEndian(2 * kSamplesPerSecond, 4)
       << LittleEndian(2, 2) << LittleEndian(16, 2) << "data" << LittleEndian(body_bytes, 4)
       << body;
  file.close();
  if (!file) {
    return absl::InternalError(fmt::format("the speech could not be written to {}", path));
  }
  return SpeechFile{path, SecondsWithSpeech(samples, kSamplesPerSecond, kSpeechLevel)};
}

}  // namespace audio_latency::lab
