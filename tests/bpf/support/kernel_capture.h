// The real capture programs in the real kernel, fed by BPF_PROG_TEST_RUN: no interface, no traffic.

#ifndef TESTS_BPF_SUPPORT_KERNEL_CAPTURE_H_
#define TESTS_BPF_SUPPORT_KERNEL_CAPTURE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"

namespace audio_latency::testing {

class KernelCapture {
 public:
  // Loads the programs. `audio_ports` empty: all ports. `only` names the programs that are wanted,
  // as each takes the verifier a while; empty: all. `is_preemptible`: as for PREEMPT_RT.
  static absl::StatusOr<std::unique_ptr<KernelCapture>> Load(const capture_config& config,
                                                             const std::set<uint16_t>& audio_ports,
                                                             const std::set<uint16_t>& excluded,
                                                             const std::set<std::string>& only = {},
                                                             bool is_preemptible = false);
  virtual ~KernelCapture() = default;

  // Runs one frame through the program of the direction and returns the verdict.
  virtual int Run(std::span<const uint8_t> frame, capture_direction direction) = 0;
  // The same by the programs for devices without Ethernet header.
  virtual int RunIp(std::span<const uint8_t> packet, capture_direction direction) = 0;
  // The same of a packet in which segmentation offload has put datagrams of `segment_bytes` each.
  virtual int RunSegments(std::span<const uint8_t> frame, capture_direction direction,
                          uint32_t segment_bytes) = 0;
  // Mean nanoseconds of `repeat` runs of one frame.
  virtual uint32_t Measure(std::span<const uint8_t> frame, uint32_t repeat) = 0;
  // The same of a program that only returns: what the measurement itself costs.
  virtual uint32_t MeasureNothing(std::span<const uint8_t> frame, uint32_t repeat) = 0;
  // Events since the call before.
  virtual std::vector<signature_event> TakeEvents() = 0;
  // Summed over all CPUs.
  virtual uint64_t Counter(capture_counter counter) const = 0;
  // As if packets had been interrupted on their way through the programs, on all CPUs; or no more.
  virtual void SetInterrupted(bool interrupted) = 0;

  // What is kept (bpf/sampling.h), from now on.
  virtual void SetSamplingThreshold(uint32_t threshold) = 0;
  // Forgets all flows.
  virtual void ForgetFlows() = 0;
  // Instructions that the verifier walked, by the program's name.
  virtual std::map<std::string, uint32_t> VerifiedInstructions() const = 0;
};

}  // namespace audio_latency::testing

#endif  // TESTS_BPF_SUPPORT_KERNEL_CAPTURE_H_
