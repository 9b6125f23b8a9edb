// Reads RIFF WAVE files.

#ifndef TESTS_LAB_AUDIO_WAV_H_
#define TESTS_LAB_AUDIO_WAV_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace audio_latency::lab {

struct Wav {
  int samples_per_second = 0;
  std::vector<int16_t> samples;  // one channel
};

// 16-bit PCM, one channel; anything else is an error that names the file.
absl::StatusOr<Wav> ReadWav(const std::string& path);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_WAV_H_
