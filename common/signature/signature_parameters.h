// How signatures are made, as both programs are told: signatures of two nodes can meet only when
// these are equal at both. Users of this header link ${XXHASH_LIBRARY}.

#ifndef COMMON_SIGNATURE_SIGNATURE_PARAMETERS_H_
#define COMMON_SIGNATURE_SIGNATURE_PARAMETERS_H_

#include <xxhash.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bpf/capture_abi.h"
#include "common/config/config.h"
#include "fmt/format.h"

namespace audio_latency {

struct SignatureParameters {
  // "xxhash", "crc32" or "rolling_hash".
  std::string algorithm = "xxhash";
  int64_t window_size_bytes = 64;
  // Mean number of bytes per anchor: a power of two.
  int64_t rate_bytes = 256;
  // The cluster's secret as the user wrote it; "" is the seed 0.
  std::string seed_text;
};

// The 64-bit seed that signatures are keyed by.
inline uint64_t SignatureSeed(std::string_view seed_text) {
  return seed_text.empty() ? 0 : XXH64(seed_text.data(), seed_text.size(), 0);
}

// A keyed digest of the seed, for comparing seeds without telling them.
inline uint64_t SignatureSeedFingerprint(uint64_t seed) {
  constexpr uint64_t kFingerprintKey = 0x9E3779B97F4A7C15;
  std::array<unsigned char, 8> little_endian;
  for (size_t i = 0; i < little_endian.size(); ++i) {
    little_endian[i] = static_cast<unsigned char>(seed >> (8 * i));
  }
  return XXH64(little_endian.data(), little_endian.size(), kFingerprintKey);
}

// log2 of `rate_bytes`, as capture_config.rate_bits has it.
inline uint32_t SignatureRateBits(const SignatureParameters& parameters) {
  return static_cast<uint32_t>(std::countr_zero(static_cast<uint64_t>(parameters.rate_bytes)));
}

// Declares SIGNATURE_ALGORITHM, SIGNATURE_WINDOW_SIZE, SIGNATURE_RATE and SIGNATURE_SEED, which
// both programs have; the values go to `parameters`, which must outlive the parsing.
inline void AddSignatureOptions(ConfigParser* parser, SignatureParameters* parameters) {
  parser->AddChoice("SIGNATURE_ALGORITHM", "hash of the signature; equal at probes and correlator",
                    {"xxhash", "crc32", "rolling_hash"}, &parameters->algorithm);
  parser->AddInteger(
      "SIGNATURE_WINDOW_SIZE", "bytes of audio in one signature; equal at probes and correlator",
      CAPTURE_WINDOW_MIN_BYTES, CAPTURE_WINDOW_MAX_BYTES, &parameters->window_size_bytes);
  const int64_t least = int64_t{1} << CAPTURE_RATE_BITS_MIN;
  const int64_t most = int64_t{1} << CAPTURE_RATE_BITS_MAX;
  parser->AddCustom(
      "SIGNATURE_RATE",
      fmt::format("bytes of audio per signature, a power of two from {} to {}; equal at probes and "
                  "correlator",
                  least, most),
      fmt::format("{}", parameters->rate_bytes),
      [parameters, least, most](std::string_view text) -> absl::Status {
        int64_t value = 0;
        for (const char c : text) {
          if (c < '0' || c > '9' || value > most) {
            value = 0;
            break;
          }
          value = value * 10 + (c - '0');
        }
        if (value < least || value > most || !std::has_single_bit(static_cast<uint64_t>(value))) {
          return absl::InvalidArgumentError(
              fmt::format("must be a power of two from {} to {}", least, most));
        }
        parameters->rate_bytes = value;
        return absl::OkStatus();
      });
  parser->AddString("SIGNATURE_SEED",
                    "the cluster's secret text that keys the signatures; equal at probes and "
                    "correlator",
                    &parameters->seed_text);
}

}  // namespace audio_latency

#endif  // COMMON_SIGNATURE_SIGNATURE_PARAMETERS_H_
