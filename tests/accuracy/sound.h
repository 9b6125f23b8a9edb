// What is heard in the calls of a scenario, as samples at 8 kHz.

#ifndef TESTS_ACCURACY_SOUND_H_
#define TESTS_ACCURACY_SOUND_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

namespace audio_latency::accuracy {

inline constexpr int kSoundSamplesPerSecond = 8000;

enum class SoundKind : uint8_t {
  kSpeech,        // recorded human voices
  kMusic,         // recorded hold music
  kSilence,       // digital zeros
  kDither,        // the last bit only, as a quiet converter gives it
  kComfortNoise,  // white noise at about -50 dBov
  kTone,          // 440 Hz
  kDtmf,          // the digits 0 to 9, 100 ms each with pauses of 100 ms
};

struct Sound {
  SoundKind kind = SoundKind::kSpeech;
  // Speech: which voice and prompts; music: which piece; noise: which noise.
  uint64_t seed = 1;
  // Repeats its first seconds; 0: it does not.
  double loop_seconds = 0;
  // What is heard instead in the second half of every ten seconds.
  std::optional<SoundKind> interlude = std::nullopt;
};

// `seconds` of it, the same in every run. NOT_FOUND, with what to do, where recordings are not
// installed.
absl::StatusOr<std::vector<int16_t>> MakeSound(const Sound& sound, int seconds);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_SOUND_H_
