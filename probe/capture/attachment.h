// A capture program that is attached to an interface.

#ifndef PROBE_CAPTURE_ATTACHMENT_H_
#define PROBE_CAPTURE_ATTACHMENT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"
#include "probe/config/probe_config.h"

namespace audio_latency::probe {

// Both programs at one interface; detached when it is destroyed. Never takes away what is not ours.
class Attachment {
 public:
  virtual ~Attachment() = default;
  // False when somebody else has taken our programs away, or replaced the qdisc that they were on.
  virtual bool IsInPlace() const = 0;
};

// Attaches the two programs to interfaces of the network namespace of the calling thread. The
// programs must outlive it. Not thread-safe.
class Attacher {
 public:
  virtual ~Attacher() = default;

  // `interface_name` is for errors only; `link_layer` chooses the programs. NOT_FOUND when the
  // interface has just gone; PERMISSION_DENIED says which capability is missing.
  virtual absl::StatusOr<std::unique_ptr<Attachment>> Attach(uint32_t interface_index,
                                                             const std::string& interface_name,
                                                             capture_link_layer link_layer) = 0;
  // "tcx" or "clsact".
  virtual const char* method() const = 0;
};

struct ProgramFds {
  int ingress = -1;
  int egress = -1;
};

// A pair of programs for each way in which the packets of a device begin. Thread-safe.
class CapturePrograms {
 public:
  virtual ~CapturePrograms() = default;
  // Loads the pair when it is asked for the first time, which takes the kernel's verifier some
  // tenths of a second and CAP_BPF and CAP_PERFMON. The Ethernet pair is always there.
  virtual absl::StatusOr<ProgramFds> For(capture_link_layer link_layer) = 0;
};

// By tcx (kernel 6.6 and later): gone with the process even when it is killed. At the head of the
// line no other tcx program can hide packets from us; at the tail every one can.
bool TcxIsSupported(CapturePrograms* programs);
std::unique_ptr<Attacher> MakeTcxAttacher(TcxOrder order, CapturePrograms* programs);

// By a filter of a clsact qdisc. The filter has a handle of our own, so that one that a killed
// probe left behind is replaced. A qdisc that was there before stays; one that was made here goes
// when nobody else has put a filter on it.
std::unique_ptr<Attacher> MakeClsactAttacher(CapturePrograms* programs);

// What `choice` and this kernel call for; an error when tcx is demanded and not there.
absl::StatusOr<std::unique_ptr<Attacher>> MakeAttacher(TcAttach choice, TcxOrder order,
                                                       CapturePrograms* programs);

// Error of attaching to an interface, from an errno.
absl::Status AttachError(const char* method, const std::string& interface_name, int error);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_ATTACHMENT_H_
