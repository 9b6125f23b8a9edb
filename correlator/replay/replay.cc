#include "correlator/replay/replay.h"

#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "common/status/status_macros.h"
#include "correlator/clock/clock_error_board.h"
#include "correlator/paths/path_aggregator.h"
#include "correlator/replay/link_header.h"
#include "correlator/replay/replay_flows.h"
#include "correlator/replay/replay_nodes.h"
#include "correlator/replay/replay_paths.h"
#include "correlator/replay/role_guess.h"
#include "correlator/replay/rtp_segments.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

// Decisions fall due on this grid of the packets' time, so that they do not depend on which packet
// happens to come next.
constexpr int64_t kStepNs = 20'000'000;
constexpr int64_t kForgetNs = 10'000'000'000;
constexpr int64_t kSlackNs = 1'000'000'000;
// More than any node has; beyond, a cooked capture's interfaces are not told apart.
constexpr size_t kMaxCookedInterfaces = 65'536;

absl::StatusOr<capture_config> MakeCaptureConfig(const ReplayOptions& options) {
  const SignatureParameters& signature = options.signature;
  RETURN_IF_ERROR(CheckSignatureParameters(signature));
  ASSIGN_OR_RETURN(const capture_algorithm algorithm,
                   SignatureAlgorithmNumber(signature.algorithm));
  capture_config config = capture_config_make(
      SignatureSeed(signature.seed_text), static_cast<uint32_t>(signature.window_size_bytes),
      SignatureRateBits(signature), options.silence_threshold, algorithm);
  config.detect_cadence = options.detect_cadence && options.audio_ports.empty();
  return config;
}

class ReplayImplementation final : public Replay {
 public:
  ReplayImplementation(const ReplayOptions& options, const capture_config& config,
                       const EndpointDirectory& directory, ReplayTap* tap)
      : options_(options),
        config_(config),
        tap_(tap),
        registry_(FlowRegistry::Create(directory, options.max_flows)),
        flows_(registry_.get(), options.flow_timeout_ns, options.max_flows),
        nodes_(&flows_),
        matcher_(*registry_, options.matcher),
        aggregator_(registry_.get(), &clock_errors_, options.max_series),
        log_(&clock_),
        paths_(&aggregator_, &log_, &clock_) {}

  absl::StatusOr<PointId> AddPoint(const ObservationPoint& description) override {
    ASSIGN_OR_RETURN(const NodeId node, registry_->InternNode(description.node));
    const PointId id = static_cast<PointId>(points_.size());
    Point& point = points_.emplace_back();
    point.description = description;
    point.node = node;
    point.counts = nodes_.AddPoint(node, description);
    clock_errors_.Set(node, nodes_.ErrorBoundNs(node));
    clock_errors_.SetOwnClockStep(node, nodes_.TimeResolutionNs(node));
    point.capture =
        SoftwareCapture::Create(config_, options_.max_flows_per_point,
                                [this, id](const signature_event& event) { TakeEvent(id, event); });
    return id;
  }

  void Packet(PointId id, int64_t time_ns, std::span<const uint8_t> packet, uint32_t original_bytes,
              Direction direction) override {
    Point& point = points_[id];
    const int64_t common_ns = time_ns + nodes_.OffsetNs(point.node);
    Advance(common_ns);
    ++counters_.packets;
    counters_.cut_packets += packet.size() < original_bytes;
    counters_.late_packets += common_ns < clock_.NowNs() - options_.matcher.hold_ns;
    LinkFrame frame;
    if (!links_.Read(point.description.link_layer, packet, &frame)) {
      ++counters_.malformed_packets;
      return;
    }
    packet_direction_ = frame.direction != Direction::kUnknown ? frame.direction : direction;
    packet_time_ns_ = common_ns;
    const uint32_t interface = InterfaceOf(id, frame.interface_index);
    if (packet_direction_ != Direction::kUnknown) {
      if (const std::optional<IpGlance> glance = GlanceAtIp(frame.ethernet)) {
        roles_[point.node].Note(interface, packet_direction_, *glance);
      }
    }
    const uint32_t segment_bytes = RtpSegmentBytes(frame.ethernet);
    counters_.segmented_packets += segment_bytes > 0;
    // Where the direction is unknown it is the same for all, so that it tells no flows apart.
    point.capture->Packet(frame.ethernet, static_cast<uint64_t>(time_ns), interface,
                          packet_direction_ == Direction::kEgress ? CAPTURE_DIRECTION_EGRESS
                                                                  : CAPTURE_DIRECTION_INGRESS,
                          {.segment_bytes = segment_bytes});
    nodes_.NotePacket(point.node, point.counts, common_ns, point.capture->counters());
    if (!observations_.empty()) {
      matcher_.Add(observations_, clock_.NowNs());
      observations_.clear();
    }
  }

  void Finish() override {
    if (!has_begun_) {
      return;
    }
    // What was held is decided, and the paths of young conversations are told.
    Advance(clock_.NowNs() + options_.matcher.hold_ns + PathAggregator::kYoungNs + kSlackNs);
  }

  PathReader& paths() override { return paths_; }
  const NodeReader& nodes() const override { return nodes_; }
  const FlowRegistry& flows() const override { return *registry_; }
  MatchingCounters matching_counters() const override { return matcher_.counters(); }
  const Clock& clock() const override { return clock_; }
  const Counters& counters() const override { return counters_; }

 private:
  struct Point {
    ObservationPoint description;
    NodeId node = 0;
    ReplayNodes::PointCounts* counts = nullptr;
    std::unique_ptr<SoftwareCapture> capture;
  };
  struct Interface {
    PointId point = 0;
    std::string name;
  };

  // The number of an interface over all points; `index` is the cooked header's.
  uint32_t InterfaceOf(PointId point, uint32_t index) {
    if (interfaces_.size() >= kMaxCookedInterfaces) {
      index = 0;
    }
    const auto [found, is_new] =
        interface_numbers_.try_emplace({point, index}, static_cast<uint32_t>(interfaces_.size()));
    if (is_new) {
      const std::string& name = points_[point].description.interface_name;
      interfaces_.push_back(
          {.point = point, .name = index == 0 ? name : fmt::format("{}#{}", name, index)});
    }
    return found->second;
  }

  InterfaceRole RoleOf(const Point& point, const signature_event& event) {
    switch (point.description.role) {
      case ObservationPoint::Role::kUplink:
        return InterfaceRole::kUplink;
      case ObservationPoint::Role::kContainer:
        return InterfaceRole::kContainer;
      case ObservationPoint::Role::kUnknown:
        break;
    }
    if (packet_direction_ == Direction::kUnknown) {
      return InterfaceRole::kUplink;
    }
    return roles_[point.node].RoleOf(event.interface_index, packet_direction_,
                                     IpAddress::FromMapped(event.source_address),
                                     IpAddress::FromMapped(event.destination_address));
  }

  bool IsWanted(const signature_event& event) const {
    const auto has = [&event](const PortSet& ports) {
      return ports.Contains(event.source_port) || ports.Contains(event.destination_port);
    };
    return (options_.audio_ports.empty() || has(options_.audio_ports)) &&
           !has(options_.excluded_ports);
  }

  void TakeEvent(PointId id, const signature_event& event) {
    Point& point = points_[id];
    if (!IsWanted(event)) {
      ++point.counts->unwanted_events;
      return;
    }
    ++counters_.events;
    const std::string& interface_name = interfaces_[event.interface_index].name;
    std::optional<FlowId> flow;
    if ((event.flags & CAPTURE_EVENT_SIGNED) != 0) {
      counters_.untested_tcp_signatures += event.transport == IPPROTO_TCP &&
                                           options_.audio_ports.empty() && !options_.detect_cadence;
      flow = flows_.Find(event,
                         {.node = point.node,
                          .interface_name = interface_name,
                          .role = RoleOf(point, event),
                          .direction = packet_direction_},
                         clock_.NowNs());
      if (flow.has_value()) {
        nodes_.NoteSignature(registry_->EndpointOf(registry_->Record(*flow).source),
                             event.interface_index);
        observations_.push_back({.signature = event.signature,
                                 .time_ns = packet_time_ns_,
                                 .flow = *flow,
                                 .position = event.position});
      } else {
        ++point.counts->flow_table_full;
      }
    }
    ++point.counts->events;
    if (tap_ != nullptr) {
      tap_->OnEvent({.point = id,
                     .event = event,
                     .time_ns = packet_time_ns_,
                     .flow = flow,
                     .interface_name = interface_name,
                     .direction = packet_direction_});
    }
  }

  // Lets time pass up to `now_ns`, if that is not past already.
  void Advance(int64_t now_ns) {
    if (!has_begun_) {
      has_begun_ = true;
      clock_.Set(now_ns);
      next_step_ns_ = NextStep(now_ns);
      next_forget_ns_ = now_ns + kForgetNs;
      return;
    }
    // After so long a silence nothing waits any more.
    const int64_t quiet_ns = clock_.NowNs() + options_.matcher.hold_ns +
                             options_.matcher.decision.window_ns + PathAggregator::kUnprovenNs;
    while (next_step_ns_ <= now_ns) {
      Step(next_step_ns_);
      const bool may_skip = next_step_ns_ > quiet_ns;
      next_step_ns_ =
          NextStep(may_skip ? std::max(now_ns - kStepNs, next_step_ns_) : next_step_ns_);
    }
    clock_.Set(std::max(clock_.NowNs(), now_ns));
  }

  static int64_t NextStep(int64_t after_ns) { return (after_ns / kStepNs + 1) * kStepNs; }

  void Step(int64_t now_ns) {
    clock_.Set(now_ns);
    std::vector<Match> matches;
    matcher_.Decide(now_ns, &matches);
    if (!matches.empty()) {
      if (tap_ != nullptr) {
        for (const Match& match : matches) {
          tap_->OnMatch(match);
        }
      }
      const auto block = std::make_shared<const std::vector<Match>>(std::move(matches));
      aggregator_.Take(block, now_ns);
      log_.Append(block);
    }
    aggregator_.Tick(now_ns);
    if (now_ns >= next_forget_ns_) {
      next_forget_ns_ = now_ns + kForgetNs;
      flows_.ForgetIdle(now_ns);
      registry_->ReleaseRemoved(now_ns);
    }
  }

  const ReplayOptions options_;
  const capture_config config_;
  ReplayTap* const tap_;
  ManualClock clock_;
  std::unique_ptr<FlowRegistry> registry_;
  ReplayFlows flows_;
  ReplayNodes nodes_;
  ClockErrorBoard clock_errors_;
  Matcher matcher_;
  PathAggregator aggregator_;
  MatchLog log_;
  ReplayPaths paths_;
  LinkHeaderReader links_;
  Counters counters_;

  std::vector<Point> points_;
  std::vector<Interface> interfaces_;
  std::map<std::pair<PointId, uint32_t>, uint32_t> interface_numbers_;
  std::map<NodeId, RoleGuess> roles_;

  bool has_begun_ = false;
  int64_t next_step_ns_ = 0;
  int64_t next_forget_ns_ = 0;
  // Of the packet in work.
  Direction packet_direction_ = Direction::kUnknown;
  int64_t packet_time_ns_ = 0;
  std::vector<Observation> observations_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Replay>> Replay::Create(const ReplayOptions& options,
                                                       const EndpointDirectory& directory,
                                                       ReplayTap* tap) {
  ASSIGN_OR_RETURN(const capture_config config, MakeCaptureConfig(options));
  return std::make_unique<ReplayImplementation>(options, config, directory, tap);
}

}  // namespace audio_latency::correlator
