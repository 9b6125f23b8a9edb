#include "correlator/replay/replay.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "common/status/status_macros.h"
#include "tests/unit/correlator/replay/captured_call.h"

namespace audio_latency::correlator {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

struct Looker final : ReplayTap {
  void OnEvent(const ReplayEvent& event) override { events.push_back(event.event); }
  void OnMatch(const Match& match) override { matches.push_back(match); }
  std::vector<signature_event> events;
  std::vector<Match> matches;
};

struct Setup {
  CallNames names;
  Looker looker;
  std::unique_ptr<Replay> replay;

  explicit Setup(const ReplayOptions& options = {}) {
    auto created = Replay::Create(options, names, &looker);
    REQUIRE(created.ok());
    replay = *std::move(created);
  }
  PointId Add(const ObservationPoint& point) {
    const auto id = replay->AddPoint(point);
    REQUIRE(id.ok());
    return *id;
  }
  void AddPods() {
    for (const char* node : {"a", "b", "c"}) {
      Add({.node = node, .interface_name = "veth"});
    }
  }
  void Run(const std::vector<CapturedPacket>& packets, bool tell_direction) {
    for (const CapturedPacket& packet : packets) {
      replay->Packet(packet.place, packet.time_ns, packet.frame,
                     static_cast<uint32_t>(packet.frame.size()),
                     tell_direction ? packet.direction : Direction::kUnknown);
    }
    replay->Finish();
  }
  // The whole path and its three hops.
  PathSnapshot OnlyPath() const {
    const std::vector<PathSnapshot> paths = replay->paths().Paths(0);
    REQUIRE(paths.size() == 1);
    return paths[0];
  }
};

void CheckCall(const PathSnapshot& path) {
  CHECK(path.path == "ingress > processor > egress");
  CHECK(path.delay.count > 100);
  CHECK(path.delay.max_seconds == Approx(0.0406).epsilon(0.001));
  CHECK(path.delay.min_seconds == Approx(0.0406).epsilon(0.001));
  REQUIRE(path.hops.size() == 3);
  CHECK(path.hops[0].delay.max_seconds == Approx(0.0003).epsilon(0.001));
  CHECK(path.hops[1].delay.max_seconds == Approx(0.040).epsilon(0.001));
  CHECK(path.hops[1].kind == HopKind::kProcessing);
  CHECK(path.hops[2].delay.max_seconds == Approx(0.0003).epsilon(0.001));
  for (const HopSnapshot& hop : path.hops) {
    CHECK(hop.delay.count == path.delay.count);
    CHECK(hop.delay.negative_count == 0);
  }
}

TEST_CASE("a call is told whole from captures at the pods, whether they tell directions or not") {
  const bool tell_direction = GENERATE(true, false);
  const bool is_rtp = GENERATE(true, false);
  Setup setup;
  setup.AddPods();
  setup.Run(CaptureCall({.is_rtp = is_rtp}), tell_direction);
  CheckCall(setup.OnlyPath());
  CHECK(setup.replay->counters().late_packets == 0);
}

TEST_CASE("a capture at the relay alone tells how long the audio was inside") {
  Setup setup;
  setup.AddPods();
  std::vector<CapturedPacket> at_b;
  for (const CapturedPacket& packet : CaptureCall({})) {
    if (packet.place == kAtB) {
      at_b.push_back(packet);
    }
  }
  setup.Run(at_b, false);
  const PathSnapshot path = setup.OnlyPath();
  REQUIRE(path.hops.size() == 3);
  CHECK(path.hops[0].delay.count == 0);
  CHECK(path.hops[1].delay.min_seconds == Approx(0.040).epsilon(0.001));
  CHECK(path.hops[2].delay.count == 0);
}

TEST_CASE("events are those of the capture code on the same packets") {
  const std::vector<CapturedPacket> packets = CaptureCall({.is_rtp = GENERATE(true, false)});
  ReplayOptions options;
  options.signature.algorithm = GENERATE("xxhash", "crc32", "rolling_hash");
  options.signature.seed_text = "a secret";
  Setup setup(options);
  setup.AddPods();
  setup.Run(packets, true);

  std::map<int, std::vector<signature_event>> live;
  const std::map<std::string, capture_algorithm> algorithms = {
      {"xxhash", CAPTURE_ALGORITHM_XXHASH},
      {"crc32", CAPTURE_ALGORITHM_CRC32},
      {"rolling_hash", CAPTURE_ALGORITHM_ROLLING_HASH}};
  std::vector<signature_event> events;
  std::vector<std::unique_ptr<SoftwareCapture>> captures;
  for (int i = 0; i < 3; ++i) {
    captures.push_back(SoftwareCapture::Create(
        capture_config_make(SignatureSeed("a secret"), 64, 8, 256,
                            algorithms.at(options.signature.algorithm)),
        1000, [&events](const signature_event& event) { events.push_back(event); }));
  }
  for (const CapturedPacket& packet : packets) {
    captures[packet.place]->Packet(packet.frame, static_cast<uint64_t>(packet.time_ns), 1,
                                   static_cast<capture_direction>(packet.direction), {});
  }
  REQUIRE(setup.looker.events.size() == events.size());
  REQUIRE(events.size() > 400);
  for (size_t i = 0; i < events.size(); ++i) {
    CHECK(setup.looker.events[i].signature == events[i].signature);
    CHECK(setup.looker.events[i].time_ns == events[i].time_ns);
    CHECK(setup.looker.events[i].position == events[i].position);
    CHECK(setup.looker.events[i].direction == events[i].direction);
  }
}

TEST_CASE("clock offsets put the points on one clock, and the errors make the bar") {
  constexpr int64_t kOffsetNs = 3'700 * kSecondNs;
  Setup setup;
  setup.Add({.node = "a", .interface_name = "veth"});
  setup.Add({.node = "b",
             .interface_name = "veth",
             .clock_offset_ns = -kOffsetNs,
             .clock_error_ns = 2 * kMillisecondNs});
  setup.Add({.node = "c", .interface_name = "veth", .time_resolution_ns = 1000});
  std::vector<CapturedPacket> packets = CaptureCall({});
  for (CapturedPacket& packet : packets) {
    packet.time_ns += packet.place == kAtB ? kOffsetNs : 0;
  }
  setup.Run(packets, false);
  const PathSnapshot path = setup.OnlyPath();
  CheckCall(path);
  CHECK(path.delay.error_bound_seconds == Approx(0.5e-6).margin(0.2e-6));
  CHECK(path.hops[0].delay.error_bound_seconds == Approx(0.002).margin(1e-6));
  CHECK(path.hops[2].delay.error_bound_seconds == Approx(0.0020005).margin(1e-6));
}

TEST_CASE("a packet that is late by less than the hold changes nothing") {
  std::vector<CapturedPacket> packets = CaptureCall({});
  Setup in_order;
  in_order.AddPods();
  in_order.Run(packets, false);

  // What C saw is handed over half a second after the others.
  std::stable_sort(packets.begin(), packets.end(),
                   [](const CapturedPacket& x, const CapturedPacket& y) {
                     const auto due = [](const CapturedPacket& packet) {
                       return packet.time_ns + (packet.place == kAtC ? 500 * kMillisecondNs : 0);
                     };
                     return due(x) < due(y);
                   });
  Setup late;
  late.AddPods();
  late.Run(packets, false);
  CHECK(late.OnlyPath().delay.count == in_order.OnlyPath().delay.count);
  CHECK(late.OnlyPath().delay.sum_seconds == in_order.OnlyPath().delay.sum_seconds);
  CHECK(late.replay->counters().late_packets == 0);
}

TEST_CASE("packets that are later than the hold are counted") {
  std::vector<CapturedPacket> packets = CaptureCall({});
  std::stable_partition(packets.begin(), packets.end(),
                        [](const CapturedPacket& packet) { return packet.place != kAtC; });
  Setup setup;
  setup.AddPods();
  setup.Run(packets, false);
  CHECK(setup.replay->counters().late_packets > 100);
  // Within the window they are matched all the same.
  CHECK(setup.replay->paths().Hops(0).size() == 3);
}

TEST_CASE("ports that were not asked for are left out, and counted") {
  ReplayOptions options;
  SECTION("not in the list") { options.audio_ports = *PortSet::Parse("1-100"); }
  SECTION("excluded") { options.excluded_ports = *PortSet::Parse("9000"); }
  Setup setup(options);
  setup.AddPods();
  setup.Run(CaptureCall({}), false);
  CHECK(setup.looker.events.empty());
  const std::vector<NodeSnapshot> nodes = setup.replay->nodes().Nodes();
  REQUIRE(nodes.size() == 3);
  CHECK(nodes[0].events == 0);
  CHECK(std::any_of(nodes[0].drops.begin(), nodes[0].drops.end(), [](const auto& drop) {
    return drop.cause == "port_filtered" && drop.count > 100 && !drop.lost;
  }));
}

TEST_CASE("what has no cadence of audio is left out where that is asked for") {
  ReplayOptions options;
  options.detect_cadence = true;
  Setup asked(options);
  asked.AddPods();
  const std::vector<CapturedPacket> packets = CaptureCall({.seconds = 1});
  asked.Run(packets, false);
  Setup not_asked;
  not_asked.AddPods();
  not_asked.Run(packets, false);
  CHECK(asked.looker.events.size() < not_asked.looker.events.size());
  const std::vector<NodeSnapshot> nodes = asked.replay->nodes().Nodes();
  CHECK(std::any_of(nodes[0].drops.begin(), nodes[0].drops.end(),
                    [](const auto& drop) { return drop.cause == "not_audio"; }));
}

TEST_CASE("flows beyond the limit are counted as lost") {
  ReplayOptions options;
  options.max_flows = 2;
  Setup setup(options);
  setup.AddPods();
  setup.Run(CaptureCall({}), false);
  double lost = 0;
  for (const NodeSnapshot& node : setup.replay->nodes().Nodes()) {
    for (const NodeSnapshot::Drop& drop : node.drops) {
      lost += drop.cause == "correlator_flow_table_full" ? drop.count : 0;
    }
  }
  CHECK(lost > 100);
  CHECK(setup.replay->paths().Hops(0).size() == 1);
}

TEST_CASE("packets cut by the capture are counted and not signed") {
  Setup setup;
  setup.AddPods();
  for (const CapturedPacket& packet : CaptureCall({})) {
    setup.replay->Packet(packet.place, packet.time_ns,
                         std::span(packet.frame).first(std::min<size_t>(packet.frame.size(), 96)),
                         static_cast<uint32_t>(packet.frame.size()), Direction::kUnknown);
  }
  setup.replay->Finish();
  CHECK(setup.replay->counters().cut_packets > 100);
  CHECK(setup.looker.events.empty());
  CHECK(setup.replay->paths().Paths(0).empty());
}

TEST_CASE("two calls days apart are both told") {
  Setup setup;
  setup.AddPods();
  std::vector<CapturedPacket> packets = CaptureCall({});
  const size_t count = packets.size();
  for (size_t i = 0; i < count; ++i) {
    packets.push_back(packets[i]);
    packets.back().time_ns += 20 * 24 * 3600 * kSecondNs;
  }
  setup.Run(packets, false);
  const PathSnapshot path = setup.OnlyPath();
  CHECK(path.delay.max_seconds == Approx(0.0406).epsilon(0.001));
}

TEST_CASE("options out of range are refused by name") {
  const CallNames names;
  ReplayOptions options;
  std::string named;
  SECTION("algorithm") {
    options.signature.algorithm = "md5";
    named = "signature algorithm \"md5\": use xxhash, crc32 or rolling_hash";
  }
  SECTION("window") {
    options.signature.window_size_bytes = 8;
    named = "signature window size 8: use 16 to 1024 bytes";
  }
  SECTION("rate") {
    options.signature.rate_bytes = 100;
    named = "signature rate 100: use a power of two from 32 to 65536";
  }
  const auto replay = Replay::Create(options, names, nullptr);
  REQUIRE(replay.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(Message(replay.status()) == named);
}

TEST_CASE("nothing in, nothing out") {
  Setup setup;
  setup.replay->Finish();
  CHECK(setup.replay->paths().Paths(0).empty());
  CHECK(setup.replay->paths().Hops(0).empty());
  CHECK_FALSE(setup.replay->paths().Newest("").has_value());
}

}  // namespace
}  // namespace audio_latency::correlator
