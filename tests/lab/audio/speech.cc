#include "tests/lab/audio/speech.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <random>
#include <set>
#include <string_view>

#include "common/status/status_macros.h"
#include "tests/lab/audio/wav.h"

namespace audio_latency::lab {
namespace {

constexpr char kVoices[] = "/usr/share/asterisk/sounds";
constexpr int kPromptRate = 8000;
// Quieter files are the package's recordings of silence.
constexpr double kLeastPromptLevel = 256;

double RootMeanSquare(std::span<const int16_t> samples) {
  double sum = 0;
  for (const int16_t sample : samples) {
    sum += static_cast<double>(sample) * sample;
  }
  return samples.empty() ? 0 : std::sqrt(sum / static_cast<double>(samples.size()));
}

// Every file of the language in a fixed order.
std::vector<std::string> PromptFiles(const std::string& language) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& voice : std::filesystem::directory_iterator(kVoices, error)) {
    if (!voice.path().filename().string().starts_with(language + "_")) {
      continue;
    }
    for (const auto& file : std::filesystem::recursive_directory_iterator(voice.path(), error)) {
      if (file.path().extension() == ".wav") {
        files.push_back(file.path().string());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

absl::StatusOr<std::vector<int16_t>> LoadSpeech(const SpeechOptions& options) {
  std::vector<std::string> files = PromptFiles(options.language);
  std::mt19937_64 random(options.seed);
  std::shuffle(files.begin(), files.end(), random);
  const size_t wanted = static_cast<size_t>(options.seconds) * kPromptRate;
  std::vector<int16_t> speech;
  std::set<std::vector<int16_t>> heard;
  for (const std::string& file : files) {
    if (speech.size() >= wanted) {
      break;
    }
    ASSIGN_OR_RETURN(const Wav wav, ReadWav(file));
    if (wav.samples_per_second == kPromptRate && wav.samples.size() >= kPromptRate &&
        RootMeanSquare(wav.samples) >= kLeastPromptLevel && heard.insert(wav.samples).second) {
      speech.insert(speech.end(), wav.samples.begin(), wav.samples.end());
    }
  }
  if (speech.empty()) {
    return absl::NotFoundError(
        fmt::format("no voices in {} ({}); install the package asterisk-core-sounds-{}-wav",
                    kVoices, options.language, options.language));
  }
  // From the start again when all was heard.
  speech.reserve(wanted);
  for (size_t i = 0; speech.size() < wanted; ++i) {
    speech.push_back(speech[i]);
  }
  speech.resize(wanted);
  return speech;
}

std::vector<int16_t> DoubleSampleRate(std::span<const int16_t> samples) {
  // The even outputs are the inputs; the odd ones are interpolated by a windowed sinc.
  constexpr int kHalfTaps = 16;
  std::array<double, kHalfTaps> taps;
  for (int i = 0; i < kHalfTaps; ++i) {
    const double x = i + 0.5;
    const double window = 0.5 + 0.5 * std::cos(std::numbers::pi * x / kHalfTaps);
    taps[static_cast<size_t>(i)] = window * std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
  }
  const auto at = [&](int64_t index) {
    return index >= 0 && index < static_cast<int64_t>(samples.size())
               ? static_cast<double>(samples[static_cast<size_t>(index)])
               : 0.0;
  };
  std::vector<int16_t> result;
  result.reserve(samples.size() * 2);
  for (int64_t i = 0; i < static_cast<int64_t>(samples.size()); ++i) {
    double between = 0;
    for (int k = 0; k < kHalfTaps; ++k) {
      between += taps[static_cast<size_t>(k)] * (at(i - k) + at(i + 1 + k));
    }
    result.push_back(samples[static_cast<size_t>(i)]);
    result.push_back(static_cast<int16_t>(std::clamp(std::lround(between), -32768L, 32767L)));
  }
  return result;
}

std::string PcmBytes(std::span<const int16_t> samples) {
  std::string bytes;
  bytes.reserve(samples.size() * 2);
  for (const int16_t sample : samples) {
    bytes.push_back(static_cast<char>(sample & 0xff));
    bytes.push_back(static_cast<char>(sample >> 8 & 0xff));
  }
  return bytes;
}

std::string MuLawBytes(std::span<const int16_t> samples) {
  std::string bytes;
  bytes.reserve(samples.size());
  for (const int16_t sample : samples) {
    // ITU-T G.711: sign, 3 bits of segment, 4 bits of step, all inverted.
    constexpr int kBias = 132;
    constexpr int kMost = 32635;
    const int sign = sample < 0 ? 0x80 : 0;
    const int magnitude = std::min(std::abs(static_cast<int>(sample)), kMost) + kBias;
    int segment = 7;
    while (segment > 0 && (magnitude & (0x80 << segment)) == 0) {
      --segment;
    }
    const int step = magnitude >> (segment + 3) & 0x0f;
    bytes.push_back(static_cast<char>(~(sign | segment << 4 | step)));
  }
  return bytes;
}

std::vector<bool> SecondsWithSpeech(std::span<const int16_t> samples, int samples_per_second,
                                    double threshold) {
  const size_t second = static_cast<size_t>(samples_per_second);
  const size_t frame = second / 50;
  std::vector<bool> result;
  for (size_t start = 0; start + second <= samples.size(); start += second) {
    int loud_frames = 0;
    for (size_t at = start; at + frame <= start + second; at += frame) {
      loud_frames += RootMeanSquare(samples.subspan(at, frame)) >= threshold ? 1 : 0;
    }
    result.push_back(loud_frames >= 5);
  }
  return result;
}

}  // namespace audio_latency::lab
