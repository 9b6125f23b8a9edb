#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "probe/capture/attachment.h"
#include "probe/capture/traffic_filter.h"

namespace audio_latency::probe {
namespace {

// In front, because a filter ahead of ours that returns TC_ACT_OK hides the packet from us. A
// priority that is taken for one protocol cannot be used for all, hence more than one.
constexpr std::array<uint32_t, 4> kPriorities = {1, 2, 3, 4};

bpf_tc_hook MakeHook(uint32_t interface_index, uint32_t attach_point) {
  bpf_tc_hook hook = {};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(interface_index);
  hook.attach_point = static_cast<bpf_tc_attach_point>(attach_point);
  return hook;
}

// True when somebody has a filter at the clsact qdisc of the interface, or when that cannot be
// told.
bool HasFilters(uint32_t interface_index) {
  for (const capture_direction direction : {CAPTURE_DIRECTION_INGRESS, CAPTURE_DIRECTION_EGRESS}) {
    const auto filters = ListTrafficFilters(interface_index, direction);
    if (!filters.ok() || !filters->empty()) {
      return true;
    }
  }
  return false;
}

// A filter of ours at one hook; removed when it is destroyed.
class Filter {
 public:
  Filter(uint32_t interface_index, bpf_tc_attach_point point)
      : interface_index_(interface_index), point_(point) {}
  ~Filter() {
    if (priority_ != 0) {
      const bpf_tc_hook hook = MakeHook(interface_index_, point_);
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
    int error = 0;
    for (const uint32_t priority : kPriorities) {
      const bpf_tc_hook hook = MakeHook(interface_index_, point_);
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

  // 0: not attached.
  uint32_t priority() const { return priority_; }

  // True also when the kernel does not tell.
  bool IsInPlace() const {
    const auto filters =
        ListTrafficFilters(interface_index_, point_ == BPF_TC_EGRESS ? CAPTURE_DIRECTION_EGRESS
                                                                     : CAPTURE_DIRECTION_INGRESS);
    return !filters.ok() ||
           std::any_of(filters->begin(), filters->end(), [this](const TrafficFilter& filter) {
             return filter.IsOurs() && filter.priority == priority_;
           });
  }

 private:
  const uint32_t interface_index_;
  const bpf_tc_attach_point point_;
  // 0: not attached.
  uint32_t priority_ = 0;
};

// A clsact qdisc, ours or found.
class Qdisc {
 public:
  explicit Qdisc(uint32_t interface_index) : interface_index_(interface_index) {}
  ~Qdisc() {
    if (is_ours_ && !HasFilters(interface_index_)) {
      bpf_tc_hook hook = MakeHook(interface_index_, BPF_TC_INGRESS | BPF_TC_EGRESS);
      bpf_tc_hook_destroy(&hook);
    }
  }
  Qdisc(const Qdisc&) = delete;
  Qdisc& operator=(const Qdisc&) = delete;

  // 0 or an errno.
  int Ensure() {
    bpf_tc_hook hook = MakeHook(interface_index_, BPF_TC_INGRESS | BPF_TC_EGRESS);
    const int error = -bpf_tc_hook_create(&hook);
    is_ours_ = error == 0;
    return error == EEXIST ? 0 : error;
  }

 private:
  const uint32_t interface_index_;
  bool is_ours_ = false;
};

class ClsactAttachment final : public Attachment {
 public:
  explicit ClsactAttachment(uint32_t interface_index)
      : interface_index_(interface_index),
        qdisc_(interface_index),
        ingress_(interface_index, BPF_TC_INGRESS),
        egress_(interface_index, BPF_TC_EGRESS) {}

  // 0 or an errno.
  int Attach(const ProgramFds& programs) {
    if (const int error = qdisc_.Ensure(); error != 0) {
      return error;
    }
    if (const int error = ingress_.Attach(programs.ingress); error != 0) {
      return error;
    }
    return egress_.Attach(programs.egress);
  }

  // What a killed probe left at another priority.
  absl::Status RemoveLeftFilters() const {
    return probe::RemoveLeftFilters(interface_index_, ingress_.priority(), egress_.priority())
        .status();
  }

  bool IsInPlace() const override { return ingress_.IsInPlace() && egress_.IsInPlace(); }

 private:
  const uint32_t interface_index_;
  // The filters go before the qdisc: members are destroyed from the last to the first.
  Qdisc qdisc_;
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
    auto attachment = std::make_unique<ClsactAttachment>(interface_index);
    if (const int error = attachment->Attach(programs); error != 0) {
      return AttachError(method(), interface_name, error);
    }
    RETURN_IF_ERROR(attachment->RemoveLeftFilters());
    return attachment;
  }

  const char* method() const override { return "clsact"; }

 private:
  CapturePrograms* const programs_;
};

}  // namespace

std::unique_ptr<Attacher> MakeClsactAttacher(CapturePrograms* programs) {
  return std::make_unique<ClsactAttacher>(programs);
}

}  // namespace audio_latency::probe
