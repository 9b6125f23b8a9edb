#include "tests/lab/devices/neighbour_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/capture/tcx.h"
#include "tests/lab/errno_status.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

constexpr char kName[] = "neighbour";

// r0 = verdict; exit
absl::StatusOr<FileDescriptor> LoadVerdict(bpf_prog_type type, int verdict) {
  std::array<bpf_insn, 2> instructions = {};
  instructions[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  instructions[0].imm = verdict;
  instructions[1].code = BPF_JMP | BPF_EXIT;
  FileDescriptor program(
      bpf_prog_load(type, kName, "GPL", instructions.data(), instructions.size(), nullptr));
  if (!program.is_open()) {
    return ErrnoStatus("loading a neighbour's program");
  }
  return program;
}

absl::Status Shell(const std::string& commands) {
  ProcessOptions options;
  options.arguments = {"sh", "-c", commands};
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  return result.exit_status == 0 ? absl::OkStatus() : absl::InternalError(result.error);
}

class Attached final : public NeighbourProgram {
 public:
  Attached(std::string interface_name, FileDescriptor program)
      : interface_name_(std::move(interface_name)),
        interface_index_(if_nametoindex(interface_name_.c_str())),
        program_(std::move(program)) {}

  ~Attached() override {
    if (is_xdp_) {
      bpf_xdp_detach(static_cast<int>(interface_index_), XDP_FLAGS_SKB_MODE, nullptr);
    }
    if (has_ingress_qdisc_) {
      Shell(fmt::format("tc qdisc del dev {} ingress", interface_name_)).IgnoreError();
    }
    if (is_clsact_) {
      Shell(fmt::format("for hook in ingress egress; do tc filter del dev {} $hook prio 1; done",
                        interface_name_))
          .IgnoreError();
    }
  }

  absl::Status AttachTcx(bool at_head) {
    for (const capture_direction direction :
         {CAPTURE_DIRECTION_INGRESS, CAPTURE_DIRECTION_EGRESS}) {
      links_.emplace_back(
          probe::CreateTcxLink(program_.get(), interface_index_, direction, at_head));
      if (!links_.back().is_open()) {
        return ErrnoStatus("attaching a neighbour by tcx");
      }
    }
    return absl::OkStatus();
  }

  // By tc, from a pinned program: as others do it, and for one protocol only.
  absl::Status AttachClsact() {
    is_clsact_ = true;
    return ShellWithPin(
        "tc qdisc add dev {0} clsact 2>/dev/null; for hook in ingress egress; do tc filter add dev "
        "{0} $hook protocol ip prio 1 bpf direct-action object-pinned {1} || exit 1; done");
  }

  // Instead of a clsact qdisc, if there is one.
  absl::Status AttachIngressQdisc() {
    has_ingress_qdisc_ = true;
    return ShellWithPin(
        "tc qdisc del dev {0} clsact 2>/dev/null; tc qdisc add dev {0} ingress && tc filter add "
        "dev {0} parent ffff: protocol ip prio 1 bpf direct-action object-pinned {1}");
  }

  absl::Status AttachXdp() {
    if (const int error = -bpf_xdp_attach(static_cast<int>(interface_index_), program_.get(),
                                          XDP_FLAGS_SKB_MODE, nullptr);
        error != 0) {
      return ErrnoStatus("attaching a neighbour by XDP", error);
    }
    is_xdp_ = true;
    return absl::OkStatus();
  }

  uint32_t program_id() const override {
    bpf_prog_info info = {};
    uint32_t bytes = sizeof(info);
    return bpf_obj_get_info_by_fd(program_.get(), &info, &bytes) == 0 ? info.id : 0;
  }

 private:
  // {0}: the interface, {1}: where the program is pinned meanwhile.
  absl::Status ShellWithPin(const char* commands) {
    const std::string pin = fmt::format("/sys/fs/bpf/{}-{}", kName, program_id());
    if (bpf_obj_pin(program_.get(), pin.c_str()) != 0) {
      return ErrnoStatus("pinning a neighbour's program");
    }
    const absl::Status attached = Shell(fmt::format(fmt::runtime(commands), interface_name_, pin));
    RETURN_IF_ERROR(Shell("rm " + pin));
    return attached;
  }

  const std::string interface_name_;
  const uint32_t interface_index_;
  const FileDescriptor program_;
  std::vector<FileDescriptor> links_;
  bool is_clsact_ = false;
  bool has_ingress_qdisc_ = false;
  bool is_xdp_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<NeighbourProgram>> NeighbourProgram::Attach(
    const std::string& interface_name, NeighbourHook hook, int verdict) {
  const bool is_xdp = hook == NeighbourHook::kXdp;
  ASSIGN_OR_RETURN(FileDescriptor program,
                   LoadVerdict(is_xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, verdict));
  auto attached = std::make_unique<Attached>(interface_name, std::move(program));
  switch (hook) {
    case NeighbourHook::kTcxBefore:
    case NeighbourHook::kTcxAfter:
      RETURN_IF_ERROR(attached->AttachTcx(hook == NeighbourHook::kTcxBefore));
      break;
    case NeighbourHook::kClsact:
      RETURN_IF_ERROR(attached->AttachClsact());
      break;
    case NeighbourHook::kIngressQdisc:
      RETURN_IF_ERROR(attached->AttachIngressQdisc());
      break;
    case NeighbourHook::kXdp:
      RETURN_IF_ERROR(attached->AttachXdp());
      break;
  }
  return attached;
}

}  // namespace audio_latency::lab
