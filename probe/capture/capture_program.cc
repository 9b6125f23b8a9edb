#include "probe/capture/capture_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bpf/capture.skel.h"
// C, which the BPF programs share.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "bpf/capture_layout.h"
#pragma GCC diagnostic pop
#include "common/loss/sampling_share.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "probe/capture/load_failure.h"

namespace audio_latency::probe {
namespace {

// libbpf takes a plain function pointer without a context, hence the one global of the probe.
Logger* libbpf_logger = nullptr;

int LogLibbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (libbpf_logger->IsOn(LogLevel::kDebug)) {
    // Long enough for the verifier's summary; its whole log comes as one message and is cut.
    std::vector<char> text(size_t{16} * 1024);
    const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
    if (length > 0) {
      std::string_view line(text.data(), std::min<size_t>(length, text.size() - 1));
      line = line.substr(0, line.find_last_not_of('\n') + 1);
      libbpf_logger->Debug("libbpf", line, {{"libbpf_level", static_cast<int>(level)}});
    }
  }
  return 0;
}

class SkeletonDeleter {
 public:
  void operator()(capture_bpf* skeleton) const { capture_bpf__destroy(skeleton); }
};

uint32_t WindowBytes(const ProbeConfig& config) {
  return static_cast<uint32_t>(config.signature.window_size_bytes);
}

using Skeleton = std::unique_ptr<capture_bpf, SkeletonDeleter>;

// The programs of one link layer, configured and not yet loaded.
absl::StatusOr<Skeleton> OpenSkeleton(const ProbeConfig& config, capture_link_layer link_layer) {
  RETURN_IF_ERROR(CheckSignatureParameters(config.signature));
  ASSIGN_OR_RETURN(const capture_algorithm algorithm,
                   SignatureAlgorithmNumber(config.signature.algorithm));
  Skeleton skeleton(capture_bpf__open());
  if (skeleton == nullptr) {
    return DescribeLoadFailure(errno, ReadKernelFacts());
  }
  capture_config parameters =
      capture_config_make(SignatureSeed(config.signature.seed_text), WindowBytes(config),
                          SignatureRateBits(config.signature), config.silence_threshold, algorithm);
  parameters.detect_cadence = config.audio_ports.empty() ? 1 : 0;
  static_assert(sizeof(skeleton->rodata->capture_configuration) == sizeof(parameters));
  std::memcpy(&skeleton->rodata->capture_configuration, &parameters, sizeof(parameters));
  const uint32_t is_preemptible = ReadKernelFacts().is_preemptible ? 1 : 0;
  std::memcpy(&skeleton->rodata->capture_is_preemptible, &is_preemptible, sizeof(is_preemptible));
  const uint32_t can_tell_senders =
      libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_skb_cgroup_id, nullptr) == 1 ? 1
                                                                                             : 0;
  std::memcpy(&skeleton->rodata->capture_can_tell_senders, &can_tell_senders,
              sizeof(can_tell_senders));
  int error = bpf_map__set_max_entries(skeleton->maps.events, config.ring_bytes);
  if (error == 0) {
    error = bpf_map__set_max_entries(skeleton->maps.flows, config.max_flows);
  }
  if (error == 0) {
    error = bpf_map__set_value_size(skeleton->maps.flows,
                                    capture_flow_value_bytes(WindowBytes(config)));
  }
  const bool is_ip = link_layer == CAPTURE_LINK_IP;
  for (const bpf_program* program :
       {skeleton->progs.capture_ingress, skeleton->progs.capture_egress}) {
    bpf_program__set_autoload(const_cast<bpf_program*>(program), !is_ip);
  }
  for (const bpf_program* program :
       {skeleton->progs.capture_ingress_ip, skeleton->progs.capture_egress_ip}) {
    bpf_program__set_autoload(const_cast<bpf_program*>(program), is_ip);
  }
  if (error != 0) {
    return DescribeLoadFailure(-error, ReadKernelFacts());
  }
  return skeleton;
}

absl::Status LoadSkeleton(const Skeleton& skeleton) {
  const int error = capture_bpf__load(skeleton.get());
  return error == 0 ? absl::OkStatus() : DescribeLoadFailure(-error, ReadKernelFacts());
}

class LoadedCaptureProgram final : public CaptureProgram {
 public:
  explicit LoadedCaptureProgram(const ProbeConfig& config)
      : config_(config), cpus_(std::max(1, libbpf_num_possible_cpus())) {}

  ~LoadedCaptureProgram() override {
    if (ip_loader_.joinable()) {
      ip_loader_.join();
    }
  }

  absl::Status Load() {
    ASSIGN_OR_RETURN(ethernet_, OpenSkeleton(config_, CAPTURE_LINK_ETHERNET));
    RETURN_IF_ERROR(LoadSkeleton(ethernet_));
    RETURN_IF_ERROR(SetPorts(ethernet_->maps.port_filter,
                             config_.audio_ports.empty() ? PortSet::All() : config_.audio_ports));
    PortSet own_ports;
    own_ports.Add(config_.correlator_port);
    return SetPorts(ethernet_->maps.port_exclude, own_ports);
  }

  absl::StatusOr<ProgramFds> For(capture_link_layer link_layer) override {
    if (link_layer == CAPTURE_LINK_ETHERNET) {
      return ProgramFds{bpf_program__fd(ethernet_->progs.capture_ingress),
                        bpf_program__fd(ethernet_->progs.capture_egress)};
    }
    {
      const std::lock_guard lock(ip_loader_mutex_);
      if (ip_loader_.joinable()) {
        ip_loader_.join();
      }
      if (!ip_loader_status_.has_value()) {
        ip_loader_status_ = LoadIp();
      }
      RETURN_IF_ERROR(*ip_loader_status_);
    }
    const std::lock_guard lock(ip_mutex_);
    return ProgramFds{bpf_program__fd(ip_->progs.capture_ingress_ip),
                      bpf_program__fd(ip_->progs.capture_egress_ip)};
  }

  void LoadIpInBackground() override {
    // A signal is for the threads that know what to do with it.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    // A failure shows, and is told, when an interface needs the programs.
    ip_loader_ = std::thread([this] { ip_loader_status_ = LoadIp(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  bool CanTellSenders() const override { return ethernet_->rodata->capture_can_tell_senders != 0; }

  bool Ask(uint32_t interface_index) override {
    volatile interface_sender& sender = SenderSlot(interface_index);
    if (sender.interface_index != 0 && sender.interface_index != interface_index) {
      return false;
    }
    sender.cgroup_id = 0;
    sender.interface_index = interface_index;
    return true;
  }

  uint64_t Answer(uint32_t interface_index) const override {
    const volatile interface_sender& sender = SenderSlot(interface_index);
    return sender.interface_index == interface_index ? sender.cgroup_id : 0;
  }

  void Forget(uint32_t interface_index) override {
    volatile interface_sender& sender = SenderSlot(interface_index);
    if (sender.interface_index == interface_index) {
      sender.interface_index = 0;
    }
  }

  int ring_fd() const override { return bpf_map__fd(ethernet_->maps.events); }

  absl::StatusOr<CaptureCounters> ReadCounters() const override {
    CaptureCounters totals = {};
    for (uint32_t cause = 0; cause < totals.size(); ++cause) {
      ASSIGN_OR_RETURN(totals[cause], SumOverCpus(ethernet_->maps.counters, cause));
    }
    return totals;
  }

  CaptureCounters Read() const override { return ReadCounters().value_or(CaptureCounters{}); }

  uint64_t BytesSeen(uint32_t interface_index, capture_direction direction) const override {
    return SumOverCpus(ethernet_->maps.interface_bytes,
                       CAPTURE_INTERFACE_SLOT(interface_index, direction))
        .value_or(0);
  }

  std::set<uint32_t> ProgramIds() const override {
    const std::lock_guard lock(ip_mutex_);
    std::set<uint32_t> ids;
    for (const capture_bpf* skeleton : {ethernet_.get(), ip_.get()}) {
      bpf_program* program = nullptr;
      if (skeleton != nullptr) {
        bpf_object__for_each_program(program, skeleton->obj) {
          bpf_prog_info info = {};
          uint32_t bytes = sizeof(info);
          if (bpf_program__fd(program) >= 0 &&
              bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &bytes) == 0) {
            ids.insert(info.id);
          }
        }
      }
    }
    return ids;
  }

  void SetSamplingThreshold(uint32_t threshold) override {
    const std::lock_guard lock(ip_mutex_);
    sampling_threshold_.store(threshold, std::memory_order_relaxed);
    // Memory that the programs read.
    ethernet_->data->sampling_threshold = threshold;
    if (ip_ != nullptr) {
      ip_->data->sampling_threshold = threshold;
    }
  }
  uint32_t SamplingThreshold() const override {
    return sampling_threshold_.load(std::memory_order_relaxed);
  }

 private:
  // Memory that the programs for Ethernet read and write.
  volatile interface_sender& SenderSlot(uint32_t interface_index) const {
    return ethernet_->bss->interface_senders[interface_index & (CAPTURE_SENDER_SLOTS - 1)];
  }

  absl::Status LoadIp() {
    ASSIGN_OR_RETURN(Skeleton loading, OpenSkeleton(config_, CAPTURE_LINK_IP));
    RETURN_IF_ERROR(ShareMaps(loading.get()));
    RETURN_IF_ERROR(LoadSkeleton(loading));
    const std::lock_guard lock(ip_mutex_);
    loading->data->sampling_threshold = SamplingThreshold();
    ip_ = std::move(loading);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> SumOverCpus(const bpf_map* map, uint32_t key) const {
    std::vector<uint64_t> per_cpu(cpus_);
    if (bpf_map_lookup_elem(bpf_map__fd(map), &key, per_cpu.data()) != 0) {
      const int error = errno;
      const std::string message =
          fmt::format("cannot read the counters of the capture programs: {}", std::strerror(error));
      return error == EPERM ? absl::PermissionDeniedError(message) : absl::InternalError(message);
    }
    return std::accumulate(per_cpu.begin(), per_cpu.end(), uint64_t{0});
  }

  // All but .rodata, which holds the same in both.
  absl::Status ShareMaps(capture_bpf* with) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, with->obj) {
      if (bpf_map__is_internal(map)) {
        continue;
      }
      const bpf_map* const ours = bpf_object__find_map_by_name(ethernet_->obj, bpf_map__name(map));
      if (const int error = bpf_map__reuse_fd(map, bpf_map__fd(ours)); error != 0) {
        return DescribeLoadFailure(-error, ReadKernelFacts());
      }
    }
    return absl::OkStatus();
  }

  static absl::Status SetPorts(const bpf_map* map, const PortSet& ports) {
    const uint32_t only_entry = 0;
    if (bpf_map_update_elem(bpf_map__fd(map), &only_entry, ports.words().data(), BPF_ANY) != 0) {
      return absl::InternalError(
          fmt::format("cannot hand the ports to the capture programs: {}", std::strerror(errno)));
    }
    return absl::OkStatus();
  }

  const ProbeConfig config_;
  const size_t cpus_;
  // Owns the maps.
  Skeleton ethernet_;
  std::mutex ip_loader_mutex_;
  std::thread ip_loader_;
  // What became of loading; nothing before it was tried. The loader's until it has been joined.
  std::optional<absl::Status> ip_loader_status_;
  std::atomic<uint32_t> sampling_threshold_ = kSamplingAll;
  mutable std::mutex ip_mutex_;
  // Null until it is asked for.
  Skeleton ip_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureProgram>> CaptureProgram::Load(const ProbeConfig& config) {
  auto program = std::make_unique<LoadedCaptureProgram>(config);
  RETURN_IF_ERROR(program->Load());
  return program;
}

void SendLibbpfLogTo(Logger* logger) {
  libbpf_logger = logger;
  libbpf_set_print(LogLibbpf);
}

}  // namespace audio_latency::probe
