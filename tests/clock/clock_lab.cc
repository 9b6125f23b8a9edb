#include "tests/clock/clock_lab.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>

#include "bpf/capture_abi.h"
#include "common/loss/sampling_share.h"
#include "correlator/clock/clock_error_board.h"
#include "correlator/clock/clock_stage.h"
#include "correlator/clock/linear_clock_model.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/ingest/clock_server.h"
#include "correlator/ingest/clock_sessions.h"
#include "correlator/ingest/node_table.h"
#include "correlator/ingest/probe_service.h"
#include "correlator/matching/matching_stage.h"
#include "correlator/paths/path_stage.h"
#include "probe/uplink/batcher.h"
#include "probe/uplink/uplink.h"
#include "tests/clock/settable_realtime.h"
#include "tests/clock/skewed_clock.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/probe/uplink/test_events.h"

namespace audio_latency::testing {
namespace {

using correlator::ClockErrorBoard;
using correlator::FlowRegistry;
using correlator::Observation;

constexpr uint32_t kInterface = 7;  // of TcpEvent
constexpr auto kSpacing = std::chrono::milliseconds(10);
// The probe's reader is a little behind what the kernel saw.
constexpr int64_t kReadAfterNs = 5'000'000;

class NoCounters final : public probe::CounterSource {
 public:
  probe::CaptureCounters Read() const override { return {}; }
  uint32_t SamplingThreshold() const override { return kSamplingAll; }
};

class Names final : public correlator::EndpointDirectory {
 public:
  correlator::Resolution Resolve(const correlator::EndpointQuery& query) const override {
    correlator::Resolution resolution;
    correlator::Endpoint& endpoint = resolution.endpoint;
    endpoint.address = query.address;
    endpoint.workload = query.address.ToString() == "10.0.0.1" ? "source" : "destination";
    endpoint.pod = endpoint.workload + "-1";
    return resolution;
  }
};

std::string NodeName(size_t node) { return "node-" + std::to_string(node); }

// Notes what the clock stage makes of each event, and hands it on.
class Notes final : public correlator::ObservationSink {
 public:
  struct Seen {
    int64_t time_ns = 0;
    // When it was handed on, on the true clock.
    int64_t told_ns = 0;
  };

  Notes(const FlowRegistry& flows, correlator::ObservationSink* next)
      : flows_(flows), next_(*next) {}

  void Take(std::span<const Observation> observations) override {
    {
      const int64_t now_ns = monotonic_.NowNs();
      const std::lock_guard lock(mutex_);
      for (const Observation& observation : observations) {
        const correlator::NodeId node = flows_.Record(observation.flow).node;
        const size_t index = flows_.NodeName(node) == NodeName(0) ? 0 : 1;
        seen_[index][observation.signature] = {observation.time_ns, now_ns};
      }
    }
    next_.Take(observations);
  }

  std::array<std::unordered_map<uint64_t, Seen>, 2> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  const FlowRegistry& flows_;
  const MonotonicClock monotonic_;
  correlator::ObservationSink& next_;
  mutable std::mutex mutex_;
  std::array<std::unordered_map<uint64_t, Seen>, 2> seen_;
};

// As correlator/main.cc has it; but each node has an entrance of its own, behind its relay.
class LabCorrelator {
 public:
  LabCorrelator()
      : flows_(FlowRegistry::Create(names_, 100)),
        paths_(correlator::PathStage::Start(*flows_, errors_, monotonic_, true_realtime_, {})),
        matching_(correlator::MatchingStage::Start(*flows_, monotonic_, *paths_, {})),
        notes_(*flows_, matching_.get()),
        clocks_(correlator::ClockStage::Create(
            monotonic_, notes_, errors_,
            [] { return std::make_unique<correlator::LinearClockModel>(); })),
        nodes_(flows_.get(), clocks_.get(), &true_realtime_, &monotonic_, {}) {}

  // The port for a node's probe to connect to.
  int Open(const std::optional<DelayRelay::Ways>& ways) {
    Entrance& entrance = *entrances_.emplace_back(std::make_unique<Entrance>());
    auto socket =
        std::make_unique<RestampedSocket>(BindDatagramSocket("127.0.0.1", 0).value(), realtime_);
    const int udp_port = socket->port();
    if (ways.has_value()) {
      entrance.relay = DelayRelay::Open(*ways);
    }
    const auto count_error = [this](correlator::IngestError error, uint64_t count = 1) {
      nodes_.CountError(error, count);
    };
    const correlator::ClockSessions::Options options{
        .port = entrance.relay == nullptr ? udp_port : entrance.relay->udp_port()};
    entrance.sessions =
        std::make_unique<correlator::ClockSessions>(options, monotonic_, count_error);
    entrance.clock_server = correlator::ClockServer::Start(
        std::move(socket), entrance.sessions.get(), realtime_, monotonic_, count_error);
    correlator::ProbeServiceOptions service_options;
    service_options.correlator_instance = "lab";
    service_options.clock_sessions = entrance.sessions.get();
    entrance.service =
        correlator::MakeProbeService(&nodes_, &true_realtime_, &monotonic_, service_options);
    int tcp_port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &tcp_port);
    builder.RegisterService(entrance.service.get());
    entrance.server = builder.BuildAndStart();
    REQUIRE(entrance.server != nullptr);
    if (entrance.relay == nullptr) {
      return tcp_port;
    }
    entrance.relay->PassOnTo(tcp_port, udp_port);
    return entrance.relay->tcp_port();
  }

  SettableRealtime& realtime() { return realtime_; }
  const Notes& notes() const { return notes_; }
  // As paths would tell it now of a delay between the nodes.
  int64_t BarNs() const {
    int64_t bar_ns = 0;
    for (size_t node = 0; node < 2; ++node) {
      const auto id = flows_->InternNode(NodeName(node));
      REQUIRE(id.ok());
      bar_ns += errors_.ErrorBoundNs(*id);
    }
    return bar_ns;
  }
  const correlator::NodeTable& nodes() const { return nodes_; }
  const correlator::PathStage& paths() const { return *paths_; }

 private:
  struct Entrance {
    std::unique_ptr<correlator::ClockSessions> sessions;
    std::unique_ptr<correlator::ClockServer> clock_server;
    std::unique_ptr<v1::ProbeService::CallbackService> service;
    std::unique_ptr<DelayRelay> relay;
    std::unique_ptr<grpc::Server> server;

    ~Entrance() {
      if (server != nullptr) {
        server->Shutdown(std::chrono::system_clock::now());
        server->Wait();
      }
    }
  };

  SettableRealtime realtime_;
  const RealtimeClock true_realtime_;
  const MonotonicClock monotonic_;
  Names names_;
  ClockErrorBoard errors_;
  std::unique_ptr<FlowRegistry> flows_;
  std::unique_ptr<correlator::PathStage> paths_;
  std::unique_ptr<correlator::MatchingStage> matching_;
  Notes notes_;
  std::unique_ptr<correlator::ClockStage> clocks_;
  correlator::NodeTable nodes_;
  std::vector<std::unique_ptr<Entrance>> entrances_;
};

// As probe/main.cc has it, with events made by the test in place of the kernel's.
class LabProbe {
 public:
  LabProbe(size_t node, const NodeWrongs& wrongs, int correlator_port)
      : clock_(wrongs.offset_ns, wrongs.drift) {
    directory_.Put(kInterface, "veth7", probe::InterfaceRole::kContainer);
    probe::UplinkOptions options;
    options.correlator_address = "127.0.0.1:" + std::to_string(correlator_port);
    options.hello.set_node(NodeName(node));
    options.hello.set_instance("instance-" + std::to_string(node));
    options.hello.set_capture_abi_version(CAPTURE_ABI_VERSION);
    const SignatureParameters signature;
    v1::SignatureParameters* const parameters = options.hello.mutable_signature_parameters();
    parameters->set_algorithm(signature.algorithm);
    parameters->set_window_size_bytes(static_cast<uint32_t>(signature.window_size_bytes));
    parameters->set_rate_bytes(static_cast<uint32_t>(signature.rate_bytes));
    parameters->set_seed_fingerprint(SignatureSeedFingerprint(signature.seed_text));
    uplink_ =
        probe::Uplink::Start(options, &queue_, &exchange_, datagrams_.get(), clock_, &logger_);
  }

  void See(uint64_t signature, int64_t true_ns, bool arrives) {
    signature_event event = probe::TcpEvent(signature, clock_.At(true_ns));
    event.direction = arrives ? CAPTURE_DIRECTION_EGRESS : CAPTURE_DIRECTION_INGRESS;
    event.position = position_ += 640;
    batcher_.OnEvents(std::span(&event, 1));
    batcher_.OnTick();
  }
  SettableRealtime& realtime() { return realtime_; }
  SkewedClock& clock() { return clock_; }

 private:
  SkewedClock clock_;
  SettableRealtime realtime_;
  RecordingLogger logger_;
  probe::InterfaceDirectory directory_;
  NoCounters counters_;
  probe::BatchQueue queue_{probe::BatchQueue::Limits{}};
  probe::ClockExchange exchange_{clock_};
  std::unique_ptr<probe::DatagramExchange> datagrams_ = probe::DatagramExchange::Create(
      {.realtime = realtime_,
       .monotonic = clock_,
       .logger = &logger_,
       .connect = [this](const std::string& host,
                         int port) -> absl::StatusOr<std::unique_ptr<DatagramSocket>> {
         return std::make_unique<RestampedSocket>(ConnectDatagramSocket(host, port).value(),
                                                  realtime_);
       }});
  probe::Batcher batcher_{{}, {&directory_, nullptr, &counters_, &queue_, &clock_, &logger_}};
  uint32_t position_ = 0;
  std::unique_ptr<probe::Uplink> uplink_;
};

class TwoNodeLab final : public ClockLab {
 public:
  explicit TwoNodeLab(const std::array<NodeWrongs, 2>& wrongs) {
    for (size_t node = 0; node < wrongs.size(); ++node) {
      probes_[node] =
          std::make_unique<LabProbe>(node, wrongs[node], correlator_.Open(wrongs[node].ways));
    }
  }

  void Run(double seconds) override {
    auto next = std::chrono::steady_clock::now();
    const auto end = next + std::chrono::nanoseconds(std::llround(seconds * 1e9));
    for (; next < end; next += kSpacing) {
      std::this_thread::sleep_until(next);
      const int64_t left_ns = monotonic_.NowNs() - kTrueDelayNs - kReadAfterNs;
      const uint64_t signature = random_();
      left_ns_[signature] = left_ns;
      probes_[0]->See(signature, left_ns, /*arrives=*/false);
      probes_[1]->See(signature, left_ns + kTrueDelayNs, /*arrives=*/true);
      bars_.emplace(monotonic_.NowNs(), correlator_.BarNs());
    }
  }

  void StepWallClock(int node, int64_t by_ns) override {
    (node < 0 ? correlator_.realtime() : probes_.at(static_cast<size_t>(node))->realtime())
        .Step(by_ns);
  }

  void SetDrift(size_t node, double drift) override { probes_.at(node)->clock().SetDrift(drift); }

  std::vector<LabAnswer> Answers() const override {
    const auto seen = correlator_.notes().seen();
    std::vector<LabAnswer> answers;
    for (const auto& [signature, left] : seen[0]) {
      const auto arrived = seen[1].find(signature);
      if (arrived == seen[1].end()) {
        continue;
      }
      // Matching waits this long for what others report late; then paths ask for the bar.
      const auto bar = bars_.lower_bound(std::max(left.told_ns, arrived->second.told_ns) +
                                         correlator::MatcherOptions().hold_ns);
      if (bar != bars_.end()) {
        answers.push_back({.true_ns = left_ns_.at(signature),
                           .delay_error_ns = arrived->second.time_ns - left.time_ns - kTrueDelayNs,
                           .bar_ns = bar->second});
      }
    }
    std::sort(answers.begin(), answers.end(),
              [](const LabAnswer& a, const LabAnswer& b) { return a.true_ns < b.true_ns; });
    return answers;
  }

  std::vector<correlator::NodeSnapshot> Nodes() const override {
    return correlator_.nodes().Nodes();
  }

  std::optional<correlator::HopSnapshot> Hop(uint32_t window_seconds) const override {
    const std::vector<correlator::HopSnapshot> hops = correlator_.paths().Hops(window_seconds);
    return hops.empty() ? std::nullopt : std::optional(hops.front());
  }

 private:
  const MonotonicClock monotonic_;
  std::mt19937_64 random_{7};
  std::unordered_map<uint64_t, int64_t> left_ns_;
  std::map<int64_t, int64_t> bars_;  // by the true time
  LabCorrelator correlator_;
  std::array<std::unique_ptr<LabProbe>, 2> probes_;
};

int64_t Median(std::vector<int64_t> values) {
  REQUIRE_FALSE(values.empty());
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::unique_ptr<ClockLab> ClockLab::Start(const std::array<NodeWrongs, 2>& wrongs) {
  return std::make_unique<TwoNodeLab>(wrongs);
}

double ShareInside(const std::vector<LabAnswer>& answers) {
  const auto inside = std::count_if(answers.begin(), answers.end(), [](const LabAnswer& answer) {
    return std::abs(answer.delay_error_ns) <= answer.bar_ns;
  });
  return static_cast<double>(inside) / static_cast<double>(answers.size());
}

int64_t MedianErrorNs(const std::vector<LabAnswer>& answers) {
  std::vector<int64_t> errors;
  std::transform(answers.begin(), answers.end(), std::back_inserter(errors),
                 [](const LabAnswer& answer) { return std::abs(answer.delay_error_ns); });
  return Median(std::move(errors));
}

int64_t MedianBarNs(const std::vector<LabAnswer>& answers) {
  std::vector<int64_t> bars;
  std::transform(answers.begin(), answers.end(), std::back_inserter(bars),
                 [](const LabAnswer& answer) { return answer.bar_ns; });
  return Median(std::move(bars));
}

}  // namespace audio_latency::testing
