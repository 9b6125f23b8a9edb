#include <bpf/libbpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "probe/capture/attachment.h"
#include "probe/capture/netlink.h"

namespace audio_latency::probe {
namespace {

// Ours, so that a filter that is left over can be told from others' filters.
constexpr uint32_t kHandle = 0xA0D10;
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
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(0);
  if (!socket.ok()) {
    return true;
  }
  for (const uint32_t minor : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
    bool found = false;
    tcmsg request = {};
    request.tcm_ifindex = static_cast<int>(interface_index);
    request.tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor);
    const absl::Status dumped = socket->Dump(
        RTM_GETTFILTER, request,
        [&](const NetlinkMessage& message) { found = found || message.type == RTM_NEWTFILTER; });
    if (found || !dumped.ok()) {
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
      options.handle = kHandle;
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
      options.handle = kHandle;
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
      : qdisc_(interface_index),
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

 private:
  // The filters go before the qdisc: members are destroyed from the last to the first.
  Qdisc qdisc_;
  Filter ingress_;
  Filter egress_;
};

class ClsactAttacher final : public Attacher {
 public:
  explicit ClsactAttacher(const LinkLayerPrograms& programs) : programs_(programs) {}

  absl::StatusOr<std::unique_ptr<Attachment>> Attach(uint32_t interface_index,
                                                     const std::string& interface_name,
                                                     capture_link_layer link_layer) override {
    auto attachment = std::make_unique<ClsactAttachment>(interface_index);
    if (const int error = attachment->Attach(programs_.For(link_layer)); error != 0) {
      return AttachError(method(), interface_name, error);
    }
    return attachment;
  }

  const char* method() const override { return "clsact"; }

 private:
  const LinkLayerPrograms programs_;
};

}  // namespace

std::unique_ptr<Attacher> MakeClsactAttacher(const LinkLayerPrograms& programs) {
  return std::make_unique<ClsactAttacher>(programs);
}

}  // namespace audio_latency::probe
