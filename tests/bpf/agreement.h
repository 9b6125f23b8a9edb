// The programs in the kernel beside the same code in user space.

#ifndef TESTS_BPF_AGREEMENT_H_
#define TESTS_BPF_AGREEMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bpf/capture_abi.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/kernel_capture.h"

namespace audio_latency::testing {

// TC_ACT_UNSPEC and TCX_NEXT.
inline constexpr int kUnspecified = -1;
// BPF_PROG_TEST_RUN takes no frames without a whole IP header.
inline constexpr size_t kShortestFrame = 54;

// The loaded programs; a failed test when the kernel refuses them.
std::unique_ptr<KernelCapture> Load(const capture_config& config,
                                    const std::set<uint16_t>& ports = {},
                                    const std::set<uint16_t>& excluded = {},
                                    const std::set<std::string>& only = {"capture_ingress"});

// Runs packets of `form` (an Ethernet frame or an IP packet, segmented or not) through both and
// demands the same events and the same counts; of what the threshold keeps (bpf/sampling.h).
void RequireSame(const capture_config& config, const std::vector<Bytes>& frames,
                 size_t* event_count = nullptr, const PacketForm& form = {},
                 uint32_t sampling_threshold = UINT32_MAX);

}  // namespace audio_latency::testing

#endif  // TESTS_BPF_AGREEMENT_H_
