#include "tests/bpf/support/reference_signer.h"

#include <xxhash.h>

#include <cmath>
#include <cstring>
#include <set>
#include <vector>

namespace audio_latency::testing {
namespace {

double MuLawSample(uint8_t code) {
  const int inverted = static_cast<uint8_t>(~code);
  const int magnitude = (((inverted & 15) << 3) + 0x84) << (inverted >> 4 & 7);
  return magnitude - 0x84;
}

double ALawSample(uint8_t code) {
  const int inverted = code ^ 0x55;
  const int segment = inverted >> 4 & 7;
  const int mantissa = (inverted & 15) << 4;
  return segment == 0 ? mantissa + 8 : (mantissa + 0x108) << (segment - 1);
}

double RootMeanSquare(const std::vector<double>& samples) {
  double sum = 0;
  for (const double sample : samples) {
    sum += sample * sample;
  }
  return std::sqrt(sum / static_cast<double>(samples.size()));
}

bool IsSilence(std::span<const uint8_t> bytes, double threshold) {
  for (size_t parity = 0; parity < 2; ++parity) {
    std::vector<double> samples;
    for (size_t i = parity; i + 1 < bytes.size(); i += 2) {
      samples.push_back(static_cast<int16_t>(bytes[i] | bytes[i + 1] << 8));
    }
    if (RootMeanSquare(samples) < threshold) {
      return true;
    }
  }
  std::vector<double> mu_law;
  std::vector<double> a_law;
  for (const uint8_t byte : bytes) {
    mu_law.push_back(MuLawSample(byte));
    a_law.push_back(ALawSample(byte));
  }
  return RootMeanSquare(mu_law) < threshold || RootMeanSquare(a_law) < threshold;
}

}  // namespace

Signatures ReferenceSignatures(std::span<const uint8_t> stream, const capture_config& config) {
  Signatures signatures;
  std::vector<uint8_t> difference(stream.size(), 0);
  for (size_t i = 4; i < stream.size(); ++i) {
    difference[i] = stream[i] ^ stream[i - 4];
  }
  for (size_t i = 4; i + config.window_bytes <= stream.size(); ++i) {
    uint64_t anchor = 0;
    std::memcpy(&anchor, &difference[i], 8);
    const uint64_t mixed = (anchor ^ config.anchor_key) * 0x9fb21c651e98df25ULL;
    if (mixed >> (64 - config.rate_bits) != 0) {
      continue;
    }
    const std::set<uint8_t> anchor_values(&difference[i], &difference[i] + 8);
    const std::set<uint8_t> values(&difference[i], &difference[i] + config.window_bytes);
    if (anchor_values.size() == 1 || values.size() <= 8) {
      continue;
    }
    if (config.silence_threshold != 0 &&
        IsSilence(stream.subspan(i, config.window_bytes), config.silence_threshold)) {
      continue;
    }
    signatures[static_cast<uint32_t>(i)] = XXH64(&difference[i], config.window_bytes, config.seed);
  }
  return signatures;
}

}  // namespace audio_latency::testing
