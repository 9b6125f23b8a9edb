#include "common/signature/signature_parameters.h"

#include <openssl/sha.h>

#include <array>
#include <bit>
#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "fmt/format.h"

namespace audio_latency {
namespace {

constexpr uint64_t kLeastRateBytes = uint64_t{1} << CAPTURE_RATE_BITS_MIN;
constexpr uint64_t kMostRateBytes = uint64_t{1} << CAPTURE_RATE_BITS_MAX;
constexpr std::pair<const char*, capture_algorithm> kAlgorithms[] = {
    {"xxhash", CAPTURE_ALGORITHM_XXHASH},
    {"crc32", CAPTURE_ALGORITHM_CRC32},
    {"rolling_hash", CAPTURE_ALGORITHM_ROLLING_HASH}};
constexpr std::string_view kSeedPurpose = "audio-latency-tracker signature seed\n";
constexpr std::string_view kFingerprintPurpose = "audio-latency-tracker seed fingerprint\n";

// The first eight bytes of SHA-256, as a little-endian number.
uint64_t Digest(std::string_view purpose, std::string_view text) {
  const std::string input = std::string(purpose) + std::string(text);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest.data());
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof(number); ++i) {
    number |= uint64_t{digest[i]} << (8 * i);
  }
  return number;
}

bool IsRate(int64_t rate_bytes) {
  return rate_bytes >= static_cast<int64_t>(kLeastRateBytes) &&
         rate_bytes <= static_cast<int64_t>(kMostRateBytes) &&
         std::has_single_bit(static_cast<uint64_t>(rate_bytes));
}

}  // namespace

absl::StatusOr<capture_algorithm> SignatureAlgorithmNumber(std::string_view name) {
  for (const auto& [known, number] : kAlgorithms) {
    if (name == known) {
      return number;
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("signature algorithm \"{}\": use xxhash, crc32 or rolling_hash", name));
}

absl::Status CheckSignatureParameters(const SignatureParameters& parameters) {
  RETURN_IF_ERROR(SignatureAlgorithmNumber(parameters.algorithm).status());
  if (parameters.window_size_bytes < CAPTURE_WINDOW_MIN_BYTES ||
      parameters.window_size_bytes > CAPTURE_WINDOW_MAX_BYTES) {
    return absl::InvalidArgumentError(
        fmt::format("signature window size {}: use {} to {} bytes", parameters.window_size_bytes,
                    CAPTURE_WINDOW_MIN_BYTES, CAPTURE_WINDOW_MAX_BYTES));
  }
  if (!IsRate(parameters.rate_bytes)) {
    return absl::InvalidArgumentError(
        fmt::format("signature rate {}: use a power of two from {} to {}", parameters.rate_bytes,
                    kLeastRateBytes, kMostRateBytes));
  }
  return absl::OkStatus();
}

uint64_t SignatureSeed(std::string_view seed_text) {
  return seed_text.empty() ? 0 : Digest(kSeedPurpose, seed_text);
}

uint64_t SignatureSeedFingerprint(std::string_view seed_text) {
  return Digest(kFingerprintPurpose, seed_text);
}

uint32_t SignatureRateBits(const SignatureParameters& parameters) {
  return static_cast<uint32_t>(std::countr_zero(static_cast<uint64_t>(parameters.rate_bytes)));
}

void AddSignatureOptions(ConfigParser* parser, SignatureParameters* parameters) {
  std::vector<std::string> algorithms;
  for (const auto& [name, number] : kAlgorithms) {
    algorithms.emplace_back(name);
  }
  parser->AddChoice("SIGNATURE_ALGORITHM", "hash of the signature; equal at probes and correlator",
                    std::move(algorithms), &parameters->algorithm);
  parser->AddInteger(
      "SIGNATURE_WINDOW_SIZE", "bytes of audio in one signature; equal at probes and correlator",
      CAPTURE_WINDOW_MIN_BYTES, CAPTURE_WINDOW_MAX_BYTES, &parameters->window_size_bytes);
  parser->AddCustom(
      "SIGNATURE_RATE",
      fmt::format("bytes of audio per signature, a power of two from {} to {}; equal at probes and "
                  "correlator",
                  kLeastRateBytes, kMostRateBytes),
      fmt::format("{}", parameters->rate_bytes),
      [parameters](std::string_view text) -> absl::Status {
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() || !IsRate(value)) {
          return absl::InvalidArgumentError(
              fmt::format("must be a power of two from {} to {}", kLeastRateBytes, kMostRateBytes));
        }
        parameters->rate_bytes = value;
        return absl::OkStatus();
      });
  parser->AddSecret("SIGNATURE_SEED",
                    "the cluster's secret text that keys the signatures; equal at probes and "
                    "correlator",
                    &parameters->seed_text);
}

}  // namespace audio_latency
