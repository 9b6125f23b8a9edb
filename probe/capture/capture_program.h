// The BPF programs, loaded.

#ifndef PROBE_CAPTURE_CAPTURE_PROGRAM_H_
#define PROBE_CAPTURE_CAPTURE_PROGRAM_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/logging/logger.h"
#include "probe/capture/attachment.h"
#include "probe/capture/counters.h"
#include "probe/capture/interface_senders.h"
#include "probe/capture/seen_traffic.h"
#include "probe/config/probe_config.h"

namespace audio_latency::probe {

// Programs and maps in the kernel, not yet attached to anything; released when it is destroyed.
// Thread-safe, but for InterfaceSenders.
class CaptureProgram : public CounterSource,
                       public CapturePrograms,
                       public SeenTraffic,
                       public InterfaceSenders {
 public:
  // Loads with the signature parameters, table sizes and ports of `config`. The correlator's port
  // is left alone, so that the probe never signs what it sends itself. An error says what is
  // missing (capability, kernel) and what to do.
  static absl::StatusOr<std::unique_ptr<CaptureProgram>> Load(const ProbeConfig& config);

  // Begins to load the pair for bare IP in a thread of its own, which has the rights that the
  // caller has now; For waits for it. Called at most once, before other threads use this.
  virtual void LoadIpInBackground() = 0;
  virtual int ring_fd() const = 0;
  // True where the kernel tells the cgroup of a packet's sender; else InterfaceSenders has no
  // answers.
  virtual bool CanTellSenders() const = 0;
  // As Read, which takes what cannot be read for 0. PERMISSION_DENIED when this thread lacks a
  // capability for that.
  virtual absl::StatusOr<CaptureCounters> ReadCounters() const = 0;

  // Keeps from now on what the threshold selects; at first everything. Thread-safe, needs no right.
  virtual void SetSamplingThreshold(uint32_t threshold) = 0;
};

// What libbpf has to say goes to `logger`, as "libbpf" lines of level debug, instead of to standard
// error. libbpf keeps one such function a process: call this once, from main; `logger` must outlive
// all use of libbpf.
void SendLibbpfLogTo(Logger* logger);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_CAPTURE_PROGRAM_H_
