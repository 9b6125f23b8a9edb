// A capture program that is attached to an interface.

#ifndef PROBE_CAPTURE_ATTACHMENT_H_
#define PROBE_CAPTURE_ATTACHMENT_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"
#include "probe/config/probe_config.h"

namespace audio_latency::probe {

enum class AttachmentState {
  kInPlace,
  // Somebody else has taken our programs away, or replaced the qdisc that they were on.
  kLost,
  // A probe that was started later has put its own in the place of ours.
  kTakenOver,
};

// Both programs at one interface; detached when it is destroyed. Never takes away what is not ours,
// nor what another probe has put in our place.
class Attachment {
 public:
  virtual ~Attachment() = default;
  // What the kernel does not tell is taken for in place.
  virtual AttachmentState State() const = 0;
  // The kernel's numbers of the programs that hang on the interface as filters of a qdisc.
  virtual std::set<uint32_t> FilterProgramIds() const = 0;
};

// Attaches the two programs to interfaces of the network namespace of the calling thread. The
// programs must outlive it. Not thread-safe.
class Attacher {
 public:
  virtual ~Attacher() = default;

  // `interface_name` is for errors only; `link_layer` chooses the programs. NOT_FOUND when the
  // interface has just gone; PERMISSION_DENIED says which capability is missing;
  // FAILED_PRECONDITION when a qdisc of another kind is where ours would be.
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
// line of tcx programs as it is when we attach, so that only one that gets in front later can hide
// packets from us; at the tail every one can.
bool TcxIsSupported(CapturePrograms* programs);
std::unique_ptr<Attacher> MakeTcxAttacher(TcxOrder order, CapturePrograms* programs);

// By a filter of a clsact qdisc, which is made where there is none. The filter has a handle of our
// own, so that the one of another probe, left behind or of one that still runs, is replaced: of two
// probes the one that was started later has the place. The qdisc stays, empty: between a look at
// its filters and taking it away somebody else could have put one there. An interface with the
// older qdisc "ingress" is refused, which has no egress and would take both our filters for
// ingress.
std::unique_ptr<Attacher> MakeClsactAttacher(CapturePrograms* programs);

// What `choice` and this kernel call for; an error when tcx is demanded and not there.
absl::StatusOr<std::unique_ptr<Attacher>> MakeAttacher(TcAttach choice, TcxOrder order,
                                                       CapturePrograms* programs);

// Error of attaching to an interface, from an errno.
absl::Status AttachError(const char* method, const std::string& interface_name, int error);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_ATTACHMENT_H_
