#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/capture/attachment.h"
#include "probe/capture/traffic_filter.h"

namespace audio_latency::probe {
namespace {

bpf_tc_hook MakeHook(uint32_t interface_index, uint32_t attach_point) {
  bpf_tc_hook hook = {};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(interface_index);
  hook.attach_point = static_cast<bpf_tc_attach_point>(attach_point);
  return hook;
}

// 0: the kernel does not tell.
uint32_t ProgramId(int program_fd) {
  bpf_prog_info info = {};
  uint32_t bytes = sizeof(info);
  return bpf_obj_get_info_by_fd(program_fd, &info, &bytes) == 0 ? info.id : 0;
}

// A filter of ours at one hook; removed when it is destroyed.
class Filter {
 public:
  Filter(uint32_t interface_index, capture_direction direction)
      : interface_index_(interface_index), direction_(direction) {}

  // Another probe can put its filter there between the look and the removal, which the kernel has
  // no single step for; that probe then finds it lost and attaches again.
  ~Filter() {
    if (priority_ != 0 && State(AttachmentState::kLost) == AttachmentState::kInPlace) {
      const bpf_tc_hook hook = MakeHook(interface_index_, point());
      bpf_tc_opts options = {};
      options.sz = sizeof(options);
      options.handle = kTrafficFilterHandle;
      options.priority = priority_;
      // Fails only when the interface, or our filter, is gone already.
      bpf_tc_detach(&hook, &options);
    }
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // 0 or an errno.
  int Attach(int program_fd) {
    program_id_ = ProgramId(program_fd);
    if (program_id_ == 0) {
      return errno;
    }
    int error = 0;
    for (const uint32_t priority : kTrafficFilterPriorities) {
      const bpf_tc_hook hook = MakeHook(interface_index_, point());
      bpf_tc_opts options = {};
      options.sz = sizeof(options);
      options.prog_fd = program_fd;
      options.flags = BPF_TC_F_REPLACE;
      options.handle = kTrafficFilterHandle;
      options.priority = priority;
      error = -bpf_tc_attach(&hook, &options);
      if (error == 0) {
        priority_ = priority;
      }
      if (error != EINVAL && error != EEXIST) {
        break;
      }
    }
    return error;
  }

  uint32_t program_id() const { return program_id_; }

  // Handle and name are the same for all probes; the program's number is not.
  AttachmentState State(AttachmentState when_unknown) const {
    const auto filters = ListTrafficFilters(interface_index_, direction_);
    if (!filters.ok()) {
      return when_unknown;
    }
    AttachmentState state = AttachmentState::kLost;
    for (const TrafficFilter& filter : *filters) {
      if (filter.IsOurs() && filter.program_id == program_id_) {
        return AttachmentState::kInPlace;
      }
      // The kernel counts upwards: a probe with larger numbers was started later. Without an order
      // two probes would take each other's place for ever.
      if (filter.IsOurs() && filter.program_id > program_id_) {
        state = AttachmentState::kTakenOver;
      }
    }
    return state;
  }

 private:
  bpf_tc_attach_point point() const {
    return direction_ == CAPTURE_DIRECTION_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS;
  }

  const uint32_t interface_index_;
  const capture_direction direction_;
  // 0: not attached.
  uint32_t priority_ = 0;
  uint32_t program_id_ = 0;
};

class ClsactAttachment final : public Attachment {
 public:
  explicit ClsactAttachment(uint32_t interface_index)
      : ingress_(interface_index, CAPTURE_DIRECTION_INGRESS),
        egress_(interface_index, CAPTURE_DIRECTION_EGRESS) {}

  // 0 or an errno.
  int Attach(const ProgramFds& programs) {
    if (const int error = ingress_.Attach(programs.ingress); error != 0) {
      return error;
    }
    return egress_.Attach(programs.egress);
  }

  AttachmentState State() const override {
    const AttachmentState ingress = ingress_.State(AttachmentState::kInPlace);
    const AttachmentState egress = egress_.State(AttachmentState::kInPlace);
    for (const AttachmentState worse : {AttachmentState::kTakenOver, AttachmentState::kLost}) {
      if (ingress == worse || egress == worse) {
        return worse;
      }
    }
    return AttachmentState::kInPlace;
  }

  std::set<uint32_t> FilterProgramIds() const override {
    return {ingress_.program_id(), egress_.program_id()};
  }

 private:
  Filter ingress_;
  Filter egress_;
};

class ClsactAttacher final : public Attacher {
 public:
  explicit ClsactAttacher(CapturePrograms* programs) : programs_(programs) {}

  absl::StatusOr<std::unique_ptr<Attachment>> Attach(uint32_t interface_index,
                                                     const std::string& interface_name,
                                                     capture_link_layer link_layer) override {
    ASSIGN_OR_RETURN(const ProgramFds programs, programs_->For(link_layer));
    RETURN_IF_ERROR(EnsureQdisc(interface_index, interface_name));
    auto attachment = std::make_unique<ClsactAttachment>(interface_index);
    if (const int error = attachment->Attach(programs); error != 0) {
      return AttachError(method(), interface_name, error);
    }
    return attachment;
  }

  const char* method() const override { return "clsact"; }

 private:
  absl::Status EnsureQdisc(uint32_t interface_index, const std::string& interface_name) const {
    bpf_tc_hook hook = MakeHook(interface_index, BPF_TC_INGRESS | BPF_TC_EGRESS);
    const int error = -bpf_tc_hook_create(&hook);
    if (error == 0) {
      return absl::OkStatus();
    }
    if (error != EEXIST) {
      return AttachError(method(), interface_name, error);
    }
    // There is one, and not necessarily of our kind.
    ASSIGN_OR_RETURN(const std::string kind, HookQdiscKind(interface_index));
    if (kind == "clsact") {
      return absl::OkStatus();
    }
    if (kind.empty()) {
      return absl::UnavailableError(
          fmt::format("cannot attach to {} by clsact: its qdisc comes and goes", interface_name));
    }
    return absl::FailedPreconditionError(fmt::format(
        "cannot attach to {0} by clsact: its qdisc is of the kind {1}, which has no egress; set "
        "TC_ATTACH=tcx (Linux 6.6 and later), or have its owner use clsact (tc qdisc del dev {0} "
        "{1} takes it away with its filters)",
        interface_name, kind));
  }

  CapturePrograms* const programs_;
};

}  // namespace

std::unique_ptr<Attacher> MakeClsactAttacher(CapturePrograms* programs) {
  return std::make_unique<ClsactAttacher>(programs);
}

}  // namespace audio_latency::probe
