#include "probe/capture/capture_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bpf/capture.skel.h"
// C, which the BPF programs share.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "bpf/capture_layout.h"
#pragma GCC diagnostic pop
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

capture_algorithm AlgorithmNumber(std::string_view name) {
  return name == "crc32"          ? CAPTURE_ALGORITHM_CRC32
         : name == "rolling_hash" ? CAPTURE_ALGORITHM_ROLLING_HASH
                                  : CAPTURE_ALGORITHM_XXHASH;
}

uint32_t WindowBytes(const ProbeConfig& config) {
  return static_cast<uint32_t>(config.signature.window_size_bytes);
}

class LoadedCaptureProgram final : public CaptureProgram {
 public:
  explicit LoadedCaptureProgram(capture_bpf* skeleton)
      : skeleton_(skeleton), cpus_(std::max(1, libbpf_num_possible_cpus())) {}

  absl::Status Load(const ProbeConfig& config) {
    capture_config parameters =
        capture_config_make(SignatureSeed(config.signature.seed_text), WindowBytes(config),
                            SignatureRateBits(config.signature), config.silence_threshold,
                            AlgorithmNumber(config.signature.algorithm));
    parameters.detect_cadence = config.audio_ports.empty() ? 1 : 0;
    static_assert(sizeof(skeleton_->rodata->capture_configuration) == sizeof(parameters));
    std::memcpy(&skeleton_->rodata->capture_configuration, &parameters, sizeof(parameters));
    int error = bpf_map__set_max_entries(skeleton_->maps.events, config.ring_bytes);
    if (error == 0) {
      error = bpf_map__set_max_entries(skeleton_->maps.flows, config.max_flows);
    }
    if (error == 0) {
      error = bpf_map__set_value_size(skeleton_->maps.flows,
                                      capture_flow_value_bytes(WindowBytes(config)));
    }
    if (error == 0) {
      error = capture_bpf__load(skeleton_.get());
    }
    if (error != 0) {
      return DescribeLoadFailure(-error, ReadKernelFacts());
    }
    RETURN_IF_ERROR(SetPorts(skeleton_->maps.port_filter,
                             config.audio_ports.empty() ? PortSet::All() : config.audio_ports));
    PortSet own_ports;
    own_ports.Add(config.correlator_port);
    return SetPorts(skeleton_->maps.port_exclude, own_ports);
  }

  LinkLayerPrograms programs() const override {
    return {.ethernet = {bpf_program__fd(skeleton_->progs.capture_ingress),
                         bpf_program__fd(skeleton_->progs.capture_egress)},
            .ip = {bpf_program__fd(skeleton_->progs.capture_ingress_ip),
                   bpf_program__fd(skeleton_->progs.capture_egress_ip)}};
  }

  int ring_fd() const override { return bpf_map__fd(skeleton_->maps.events); }

  CaptureCounters Read() const override {
    CaptureCounters totals = {};
    std::vector<uint64_t> per_cpu(cpus_);
    const int fd = bpf_map__fd(skeleton_->maps.counters);
    for (uint32_t cause = 0; cause < totals.size(); ++cause) {
      if (bpf_map_lookup_elem(fd, &cause, per_cpu.data()) == 0) {
        for (const uint64_t count : per_cpu) {
          totals[cause] += count;
        }
      }
    }
    return totals;
  }

 private:
  static absl::Status SetPorts(const bpf_map* map, const PortSet& ports) {
    const uint32_t only_entry = 0;
    if (bpf_map_update_elem(bpf_map__fd(map), &only_entry, ports.words().data(), BPF_ANY) != 0) {
      return absl::InternalError(
          fmt::format("cannot hand the ports to the capture programs: {}", std::strerror(errno)));
    }
    return absl::OkStatus();
  }

  std::unique_ptr<capture_bpf, SkeletonDeleter> skeleton_;
  const size_t cpus_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureProgram>> CaptureProgram::Load(const ProbeConfig& config) {
  capture_bpf* const skeleton = capture_bpf__open();
  if (skeleton == nullptr) {
    return DescribeLoadFailure(errno, ReadKernelFacts());
  }
  auto program = std::make_unique<LoadedCaptureProgram>(skeleton);
  RETURN_IF_ERROR(program->Load(config));
  return program;
}

void SendLibbpfLogTo(Logger* logger) {
  libbpf_logger = logger;
  libbpf_set_print(LogLibbpf);
}

}  // namespace audio_latency::probe
