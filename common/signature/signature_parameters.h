// How signatures are made, as both programs are told: signatures of two nodes can meet only when
// these are equal at both.

#ifndef COMMON_SIGNATURE_SIGNATURE_PARAMETERS_H_
#define COMMON_SIGNATURE_SIGNATURE_PARAMETERS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"
#include "common/config/config.h"

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

// The 64-bit seed that signatures are keyed by: 0 for "", else from SHA-256 of the text.
uint64_t SignatureSeed(std::string_view seed_text);

// What probes and correlator compare, to see whether their seeds are equal. It is from SHA-256 of
// the text for another purpose than the seed, so that the seed cannot be computed from it.
uint64_t SignatureSeedFingerprint(std::string_view seed_text);

// INVALID_ARGUMENT with the names that there are for a name that is none of them.
absl::StatusOr<capture_algorithm> SignatureAlgorithmNumber(std::string_view name);

// INVALID_ARGUMENT tells what is out of its range, and the range.
absl::Status CheckSignatureParameters(const SignatureParameters& parameters);

// log2 of `rate_bytes`, as capture_config.rate_bits has it.
uint32_t SignatureRateBits(const SignatureParameters& parameters);

// Declares SIGNATURE_ALGORITHM, SIGNATURE_WINDOW_SIZE, SIGNATURE_RATE and SIGNATURE_SEED, which
// both programs have; the values go to `parameters`, which must outlive the parsing.
void AddSignatureOptions(ConfigParser* parser, SignatureParameters* parameters);

}  // namespace audio_latency

#endif  // COMMON_SIGNATURE_SIGNATURE_PARAMETERS_H_
