#include "tests/lab/devices/watched_interface.h"

#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "bpf/software/software_capture.h"
#include "common/logging/logger.h"
#include "common/signature/signature_parameters.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "probe/capture/capture_program.h"
#include "probe/capture/event_sink.h"
#include "probe/capture/interface_rule.h"
#include "probe/capture/link_monitor.h"
#include "probe/capture/ring_reader.h"
// C, which the BPF programs share.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "bpf/capture_layout.h"
#pragma GCC diagnostic pop

namespace audio_latency::lab {
namespace {

constexpr size_t kSoftwareFlows = 10000;

void Order(std::vector<signature_event>* events) {
  for (signature_event& event : *events) {
    event.time_ns = 0;
    event.interface_index = 0;
  }
  std::sort(events->begin(), events->end(),
            [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof(a)) < 0; });
}

class ListSink final : public probe::EventSink {
 public:
  void OnEvents(std::span<const signature_event> events) override {
    list.insert(list.end(), events.begin(), events.end());
  }
  void OnTick() override {}

  std::vector<signature_event> list;
};

class Watched final : public WatchedInterface {
 public:
  Watched(const NetworkNamespace& network, const probe::ProbeConfig& config)
      : network_(network), config_(config), logger_(MakeJsonLogger(LogLevel::kError, realtime_)) {}

  ~Watched() override { Detach().IgnoreError(); }

  absl::Status Attach(const std::string& name) {
    ASSIGN_OR_RETURN(program_, probe::CaptureProgram::Load(config_));
    ASSIGN_OR_RETURN(reader_, probe::RingReader::Start(program_->ring_fd(), config_.ring_bytes,
                                                       &sink_, monotonic_, logger_.get()));
    return network_.RunInside([&]() -> absl::Status {
      ASSIGN_OR_RETURN(const auto monitor, probe::LinkMonitor::Open());
      ASSIGN_OR_RETURN(const std::vector<probe::Link> links, monitor->List());
      for (const probe::Link& link : links) {
        if (link.name == name) {
          link_layer_ = probe::LinkLayerOf(link);
        }
      }
      if (!link_layer_.has_value()) {
        return absl::NotFoundError(name + " is not there or of an unknown kind");
      }
      ASSIGN_OR_RETURN(attacher_,
                       probe::MakeAttacher(config_.tc_attach, config_.tcx_order, program_.get()));
      ASSIGN_OR_RETURN(attachment_,
                       attacher_->Attach(if_nametoindex(name.c_str()), name, *link_layer_));
      ASSIGN_OR_RETURN(PacketTap tap, PacketTap::Open(name));
      tap_.emplace(std::move(tap));
      return absl::OkStatus();
    });
  }

  absl::StatusOr<SeenEvents> Finish() override {
    RETURN_IF_ERROR(Detach());
    reader_->Stop();
    SeenEvents seen;
    seen.kernel = sink_.list;
    seen.counters = program_->Read();
    ASSIGN_OR_RETURN(const std::vector<TappedPacket> packets, tap_->Take());
    const capture_config parameters = capture_config_make(
        SignatureSeed(config_.signature.seed_text),
        static_cast<uint32_t>(config_.signature.window_size_bytes),
        SignatureRateBits(config_.signature), config_.silence_threshold, CAPTURE_ALGORITHM_XXHASH);
    const auto software = SoftwareCapture::Create(
        parameters, kSoftwareFlows,
        [&](const signature_event& event) { seen.software.push_back(event); });
    for (const TappedPacket& packet : packets) {
      software->Packet(packet.bytes, 0, 0, packet.direction, {.link_layer = *link_layer_});
    }
    Order(&seen.kernel);
    Order(&seen.software);
    return seen;
  }

 private:
  // A filter can be taken away only from inside of its network.
  absl::Status Detach() {
    return network_.RunInside([&] {
      attachment_.reset();
      return absl::OkStatus();
    });
  }

  const NetworkNamespace& network_;
  const probe::ProbeConfig config_;
  const RealtimeClock realtime_;
  const MonotonicClock monotonic_;
  const std::unique_ptr<Logger> logger_;
  ListSink sink_;
  std::optional<capture_link_layer> link_layer_;
  std::unique_ptr<probe::CaptureProgram> program_;
  std::unique_ptr<probe::RingReader> reader_;
  std::unique_ptr<probe::Attacher> attacher_;
  std::unique_ptr<probe::Attachment> attachment_;
  std::optional<PacketTap> tap_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WatchedInterface>> WatchedInterface::Start(
    const NetworkNamespace& network, const std::string& interface_name, probe::TcAttach attach,
    const PortSet& ports) {
  probe::ProbeConfig config;
  config.audio_ports = ports;
  config.tc_attach = attach;
  auto watched = std::make_unique<Watched>(network, config);
  RETURN_IF_ERROR(watched->Attach(interface_name));
  return watched;
}

bool AreSame(std::span<const signature_event> one, std::span<const signature_event> other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const signature_event& a, const signature_event& b) {
                      return std::memcmp(&a, &b, sizeof(a)) == 0;
                    });
}

}  // namespace audio_latency::lab
