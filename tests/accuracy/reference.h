// Which pieces of a track carry a signature at all: what recall is a share of.

#ifndef TESTS_ACCURACY_REFERENCE_H_
#define TESTS_ACCURACY_REFERENCE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "bpf/capture_abi.h"
#include "tests/accuracy/truth.h"

namespace audio_latency::accuracy {

// The signatures of the audio bytes alone, one after the other: without headers, cuts or loss.
struct Reference {
  // Audio bytes at which a window begins, ascending.
  std::vector<uint64_t> windows;
  // The same by signature; one that repeats has several.
  absl::flat_hash_map<uint64_t, std::vector<uint64_t>> windows_by_signature;
};

// Empty for codecs with opaque frames: content signatures of them mean nothing.
Reference ReferenceOf(const Track& track, const capture_config& config);

// For each packet of the stream whether its payload is signed (and not silence, or too short).
std::vector<bool> SignedPackets(const Track& track, const StreamTruth& stream,
                                const capture_config& config);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_REFERENCE_H_
