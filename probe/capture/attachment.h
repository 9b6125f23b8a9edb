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
};

// Attaches the two programs to interfaces of the network namespace of the calling thread. The file
// descriptors of the programs must outlive it. Not thread-safe.
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

// A pair of programs for each way in which the packets of a device begin.
struct LinkLayerPrograms {
  ProgramFds ethernet;
  ProgramFds ip;

  const ProgramFds& For(capture_link_layer link_layer) const {
    return link_layer == CAPTURE_LINK_IP ? ip : ethernet;
  }
};

// By tcx (kernel 6.6 and later): first in line, so that no other program can hide packets from us,
// and gone with the process even when it is killed.
bool TcxIsSupported(const LinkLayerPrograms& programs);
std::unique_ptr<Attacher> MakeTcxAttacher(const LinkLayerPrograms& programs);

// By a filter of a clsact qdisc. The filter has a handle of our own, so that one that a killed
// probe left behind is replaced. A qdisc that was there before stays; one that was made here goes
// when nobody else has put a filter on it.
std::unique_ptr<Attacher> MakeClsactAttacher(const LinkLayerPrograms& programs);

// What `choice` and this kernel call for; an error when tcx is demanded and not there.
absl::StatusOr<std::unique_ptr<Attacher>> MakeAttacher(TcAttach choice,
                                                       const LinkLayerPrograms& programs);

// Error of attaching to an interface, from an errno.
absl::Status AttachError(const char* method, const std::string& interface_name, int error);

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_ATTACHMENT_H_
