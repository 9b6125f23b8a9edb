// Human speech for the lab's calls, the same in every process that asks for it.

#ifndef TESTS_LAB_AUDIO_SPEECH_H_
#define TESTS_LAB_AUDIO_SPEECH_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace audio_latency::lab {

struct SpeechOptions {
  // "en" or "es": the voices of the packages asterisk-core-sounds-*-wav.
  std::string language = "en";
  // Chooses the order of the prompts.
  uint64_t seed = 1;
  int seconds = 60;
};

// Recorded prompts of a second or more, one after the other with their natural pauses, at 8 kHz.
// No prompt comes twice before all have been heard (more than 15 minutes). NOT_FOUND, with what to
// do, where the voices are not installed.
absl::StatusOr<std::vector<int16_t>> LoadSpeech(const SpeechOptions& options);

// From 8 to 16 kHz.
std::vector<int16_t> DoubleSampleRate(std::span<const int16_t> samples);

// As little-endian bytes.
std::string PcmBytes(std::span<const int16_t> samples);

// As G.711 mu-law, one byte a sample.
std::string MuLawBytes(std::span<const int16_t> samples);

// One flag for each second: whether it holds speech. A tenth of it, in frames of 20 ms, must be as
// loud as `threshold` (root mean square of 16-bit samples).
std::vector<bool> SecondsWithSpeech(std::span<const int16_t> samples, int samples_per_second,
                                    double threshold);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_SPEECH_H_
