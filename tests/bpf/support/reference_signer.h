// What a signature is, written a second time and plainly: the whole stream at once, libxxhash for
// the hash, no chunks, no tails. The capture code must agree with it byte for byte.

#ifndef TESTS_BPF_SUPPORT_REFERENCE_SIGNER_H_
#define TESTS_BPF_SUPPORT_REFERENCE_SIGNER_H_

#include <cstdint>
#include <map>
#include <span>

#include "bpf/capture_abi.h"

namespace audio_latency::testing {

// Signature by offset in the stream of the window's first byte.
using Signatures = std::map<uint32_t, uint64_t>;

Signatures ReferenceSignatures(std::span<const uint8_t> stream, const capture_config& config);

}  // namespace audio_latency::testing

#endif  // TESTS_BPF_SUPPORT_REFERENCE_SIGNER_H_
