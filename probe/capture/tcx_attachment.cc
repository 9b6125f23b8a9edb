#include <cerrno>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "probe/capture/attachment.h"
#include "probe/capture/tcx.h"

namespace audio_latency::probe {
namespace {

// The kernel detaches a link when its last file descriptor is closed.
class TcxAttachment final : public Attachment {
 public:
  TcxAttachment(FileDescriptor ingress, FileDescriptor egress)
      : ingress_(std::move(ingress)), egress_(std::move(egress)) {}

  AttachmentState State() const override {
    return TcxLinkIsAttached(ingress_.get()) && TcxLinkIsAttached(egress_.get())
               ? AttachmentState::kInPlace
               : AttachmentState::kLost;
  }

  std::set<uint32_t> FilterProgramIds() const override { return {}; }

 private:
  FileDescriptor ingress_;
  FileDescriptor egress_;
};

class TcxAttacher final : public Attacher {
 public:
  TcxAttacher(TcxOrder order, CapturePrograms* programs) : order_(order), programs_(programs) {}

  absl::StatusOr<std::unique_ptr<Attachment>> Attach(uint32_t interface_index,
                                                     const std::string& interface_name,
                                                     capture_link_layer link_layer) override {
    ASSIGN_OR_RETURN(const ProgramFds programs, programs_->For(link_layer));
    const bool at_head = order_ == TcxOrder::kHead;
    FileDescriptor ingress(
        CreateTcxLink(programs.ingress, interface_index, CAPTURE_DIRECTION_INGRESS, at_head));
    if (ingress.get() < 0) {
      return AttachError(method(), interface_name, errno);
    }
    FileDescriptor egress(
        CreateTcxLink(programs.egress, interface_index, CAPTURE_DIRECTION_EGRESS, at_head));
    if (egress.get() < 0) {
      return AttachError(method(), interface_name, errno);
    }
    return std::make_unique<TcxAttachment>(std::move(ingress), std::move(egress));
  }

  const char* method() const override { return "tcx"; }

 private:
  const TcxOrder order_;
  CapturePrograms* const programs_;
};

}  // namespace

bool TcxIsSupported(CapturePrograms* programs) {
  const absl::StatusOr<ProgramFds> pair = programs->For(CAPTURE_LINK_ETHERNET);
  if (!pair.ok()) {
    return false;
  }
  // No interface has index 0. A kernel with tcx looks for it and finds none; one without refuses
  // the attach type before that.
  const FileDescriptor link(CreateTcxLink(pair->ingress, 0, CAPTURE_DIRECTION_INGRESS, true));
  return link.get() >= 0 || errno == ENODEV;
}

std::unique_ptr<Attacher> MakeTcxAttacher(TcxOrder order, CapturePrograms* programs) {
  return std::make_unique<TcxAttacher>(order, programs);
}

}  // namespace audio_latency::probe
