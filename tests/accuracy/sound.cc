#include "tests/accuracy/sound.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <random>
#include <string>

#include "common/status/status_macros.h"
#include "tests/lab/audio/speech.h"
#include "tests/lab/audio/wav.h"

namespace audio_latency::accuracy {
namespace {

constexpr char kMusicFolder[] = "/usr/share/asterisk/moh";
constexpr double kTonePeak = 8000;

absl::StatusOr<std::vector<int16_t>> Music(uint64_t seed, size_t wanted) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(kMusicFolder, error)) {
    if (file.path().extension() == ".wav") {
      files.push_back(file.path().string());
    }
  }
  if (files.empty()) {
    return absl::NotFoundError(
        fmt::format("no music in {}; install the package asterisk-moh-opsound-wav", kMusicFolder));
  }
  std::sort(files.begin(), files.end());
  std::vector<int16_t> samples;
  for (size_t i = 0; samples.size() < wanted; ++i) {
    ASSIGN_OR_RETURN(const lab::Wav wav, lab::ReadWav(files[(seed + i) % files.size()]));
    samples.insert(samples.end(), wav.samples.begin(), wav.samples.end());
  }
  return samples;
}

std::vector<int16_t> Noise(uint64_t seed, size_t wanted, double deviation) {
  std::mt19937_64 random(seed * 7919);
  std::normal_distribution<double> noise(0, deviation);
  std::vector<int16_t> samples(wanted);
  for (int16_t& sample : samples) {
    sample = static_cast<int16_t>(std::lround(std::clamp(noise(random), -2000.0, 2000.0)));
  }
  return samples;
}

std::vector<int16_t> Tones(size_t wanted) {
  std::vector<int16_t> samples(wanted);
  for (size_t i = 0; i < wanted; ++i) {
    // 440 Hz repeats exactly every 200 samples.
    const double phase = 2 * std::numbers::pi * 440 * static_cast<double>(i % 200);
    samples[i] =
        static_cast<int16_t>(std::lround(kTonePeak * std::sin(phase / kSoundSamplesPerSecond)));
  }
  return samples;
}

// ITU-T Q.23.
std::vector<int16_t> Dtmf(size_t wanted) {
  constexpr std::array<std::array<double, 2>, 10> kDigits = {{{941, 1336},
                                                              {697, 1209},
                                                              {697, 1336},
                                                              {697, 1477},
                                                              {770, 1209},
                                                              {770, 1336},
                                                              {770, 1477},
                                                              {852, 1209},
                                                              {852, 1336},
                                                              {852, 1477}}};
  constexpr size_t kDigitSamples = kSoundSamplesPerSecond / 10;
  std::vector<int16_t> samples(wanted, 0);
  for (size_t i = 0; i < wanted; ++i) {
    const size_t slot = i / kDigitSamples;
    if (slot % 2 == 0) {
      const auto& [low, high] = kDigits[slot / 2 % kDigits.size()];
      const double turns =
          2 * std::numbers::pi * static_cast<double>(i % kDigitSamples) / kSoundSamplesPerSecond;
      samples[i] = static_cast<int16_t>(
          std::lround(kTonePeak / 2 * (std::sin(turns * low) + std::sin(turns * high))));
    }
  }
  return samples;
}

absl::StatusOr<std::vector<int16_t>> Samples(SoundKind kind, uint64_t seed, size_t wanted) {
  switch (kind) {
    case SoundKind::kSpeech:
      // Odd seeds speak English, even ones Spanish.
      return lab::LoadSpeech({.language = seed % 2 == 1 ? "en" : "es",
                              .seed = seed,
                              .seconds = static_cast<int>((wanted + kSoundSamplesPerSecond - 1) /
                                                          kSoundSamplesPerSecond)});
    case SoundKind::kMusic:
      return Music(seed, wanted);
    case SoundKind::kSilence:
      return std::vector<int16_t>(wanted, 0);
    case SoundKind::kDither:
      return Noise(seed, wanted, 0.6);
    case SoundKind::kComfortNoise:
      return Noise(seed, wanted, 100);
    case SoundKind::kTone:
      return Tones(wanted);
    case SoundKind::kDtmf:
      return Dtmf(wanted);
  }
  return absl::InternalError("a kind of sound that nothing makes");
}

}  // namespace

absl::StatusOr<std::vector<int16_t>> MakeSound(const Sound& sound, int seconds) {
  const size_t wanted = static_cast<size_t>(seconds) * kSoundSamplesPerSecond;
  const size_t distinct =
      sound.loop_seconds > 0
          ? std::min(wanted, static_cast<size_t>(sound.loop_seconds * kSoundSamplesPerSecond))
          : wanted;
  ASSIGN_OR_RETURN(std::vector<int16_t> samples, Samples(sound.kind, sound.seed, distinct));
  samples.resize(distinct);
  samples.reserve(wanted);
  for (size_t i = 0; samples.size() < wanted; ++i) {
    samples.push_back(samples[i]);
  }
  if (sound.interlude) {
    ASSIGN_OR_RETURN(const std::vector<int16_t> other,
                     Samples(*sound.interlude, sound.seed + 100, wanted));
    constexpr size_t kTenSeconds = 10 * kSoundSamplesPerSecond;
    for (size_t i = 0; i < wanted; ++i) {
      if (i % kTenSeconds >= kTenSeconds / 2) {
        samples[i] = other[i];
      }
    }
  }
  return samples;
}

}  // namespace audio_latency::accuracy
