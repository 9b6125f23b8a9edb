// A probe's stream as a hostile probe could fill it: messages in any order, with any content.
//
// Input: per message its length, then a StreamRequest. The first is preceded by a good Hello where
// the first byte says so, so that what lies behind the handshake is reached.

#include <cmath>
#include <memory>
#include <set>

#include "bpf/capture_abi.h"
#include "common/time/clock.h"
#include "correlator/ingest/probe_session.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"
#include "tests/unit/correlator/ingest/batches.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr uint32_t kMaxFlows = 64;

// Checks what ingest hands on.
class CheckingSink final : public NodeEventSink {
 public:
  void BeginInstance(NodeId /*node*/) override {}
  bool AddExchange(NodeId /*node*/, const ClockExchange& exchange) override {
    return exchange.probe_receive_ns >= exchange.probe_send_ns;
  }
  void Take(NodeId /*node*/, std::span<const NodeEvent> events) override {
    for (const NodeEvent& event : events) {
      FUZZ_CHECK(event.node_time_ns >= 0);
      flows.insert(event.flow);
    }
    count += events.size();
  }
  ClockStatus StatusOf(NodeId /*node*/) const override { return {}; }

  std::set<FlowId> flows;
  size_t count = 0;
};

void Run(fuzz::Input input) {
  ManualClock realtime(1'700'000'000 * kSecondNs);
  ManualClock monotonic(1000 * kSecondNs);
  CheckingSink sink;
  const std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  const std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(*directory, kMaxFlows);
  NodeTable nodes(flows.get(), &sink, &realtime, &monotonic,
                  {.max_probes = 4, .max_flows = kMaxFlows / 2});
  const SignatureParameters parameters;
  ClockSessions clock_sessions({.port = 9095, .max_sessions = 1}, monotonic,
                               [](IngestError /*error*/) {});
  ProbeSession session(&nodes, &parameters, &clock_sessions);
  bool has_ended = false;
  const EndStream end_stream = [&has_ended](const absl::Status& why) {
    FUZZ_CHECK(!why.ok());
    has_ended = true;
  };

  const TellFlowControl tell = [](const FlowControl&) {};
  bool is_greeted = (input.Byte() & 1) != 0;
  if (is_greeted) {
    v1::StreamRequest hello;
    *hello.mutable_hello() = MakeHello("node-a", "1");
    ProbeSession::Replies replies;
    FUZZ_CHECK(session.Take(hello, monotonic.NowNs(), end_stream, tell, &replies).ok());
    FUZZ_CHECK(replies.welcome.has_value() && replies.welcome->has_datagram_clock());
  }
  uint64_t acknowledged = 0;
  while (!input.empty() && !has_ended) {
    const uint16_t length = input.Word();
    const std::span<const uint8_t> bytes = input.Bytes(length);
    v1::StreamRequest request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      continue;
    }
    ProbeSession::Replies replies;
    const absl::Status status =
        session.Take(request, monotonic.NowNs(), end_stream, tell, &replies);
    is_greeted |= status.ok() && replies.welcome.has_value();
    FUZZ_CHECK(is_greeted || !status.ok());
    if (replies.flow_control.has_value() && !has_ended) {
      FUZZ_CHECK(replies.flow_control->acknowledged_batch_number >= acknowledged);
      acknowledged = replies.flow_control->acknowledged_batch_number;
    }
    monotonic.Advance(kSecondNs / 100);
  }
  FUZZ_CHECK(sink.flows.size() <= kMaxFlows);
  for (const NodeSnapshot& node : nodes.Nodes()) {
    FUZZ_CHECK(node.events == static_cast<double>(sink.count));
    FUZZ_CHECK(node.lost_share >= 0 && node.lost_share <= 1);
    FUZZ_CHECK(node.flows <= kMaxFlows / 2);
  }
}

}  // namespace
}  // namespace audio_latency::correlator

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::correlator::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
