#include "tests/kubernetes/support/test_nodes.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <vector>

#include "bpf/capture_abi.h"
#include "common/address/ip_address.h"
#include "common/loss/sampling_share.h"
#include "common/signature/signature_parameters.h"
#include "common/time/clock.h"
#include "probe/uplink/batcher.h"
#include "probe/uplink/uplink.h"
#include "tests/lab/lab_test.h"
#include "tests/support/recording_logger.h"

namespace audio_latency::lab {
namespace {

constexpr uint32_t kUplinkIndex = 2;
constexpr int64_t kTransitNs = 200'000;
constexpr uint32_t kPieceBytes = 640;

class NoCounters final : public probe::CounterSource {
 public:
  probe::CaptureCounters Read() const override { return {}; }
  uint32_t SamplingThreshold() const override { return kSamplingAll; }
};

v1::Hello MakeHello(const std::string& node) {
  const SignatureParameters defaults;
  v1::Hello hello;
  hello.set_node(node);
  hello.set_instance("instance-of-" + node);
  hello.set_version("test");
  hello.set_capture_abi_version(CAPTURE_ABI_VERSION);
  v1::SignatureParameters* const parameters = hello.mutable_signature_parameters();
  parameters->set_algorithm(defaults.algorithm);
  parameters->set_window_size_bytes(static_cast<uint32_t>(defaults.window_size_bytes));
  parameters->set_rate_bytes(static_cast<uint32_t>(defaults.rate_bytes));
  parameters->set_seed_fingerprint(SignatureSeedFingerprint(""));
  return hello;
}

void SetAddress(const std::string& text, uint8_t* bytes) {
  const std::array<uint8_t, 16> mapped = Require(IpAddress::Parse(text)).mapped();
  std::copy(mapped.begin(), mapped.end(), bytes);
}

// Spread over all 64 bits, as signatures are.
uint64_t SignatureOf(uint32_t number) { return (number + 1) * 0x9e3779b97f4a7c15ULL; }

}  // namespace

class TestNodes::Node {
 public:
  Node(const std::string& name, const std::string& correlator_address)
      : batcher_(probe::Batcher::Options{},
                 {&directory_, nullptr, &counters_, &queue_, &monotonic_, &logger_}) {
    directory_.Put(kUplinkIndex, "eth0", probe::InterfaceRole::kUplink);
    probe::UplinkOptions options;
    options.correlator_address = correlator_address;
    options.hello = MakeHello(name);
    uplink_ =
        probe::Uplink::Start(options, &queue_, &exchange_, datagrams_.get(), monotonic_, &logger_);
  }

  void See(signature_event event, uint8_t direction, int64_t time_ns) {
    event.direction = direction;
    event.time_ns = static_cast<uint64_t>(time_ns);
    batcher_.OnEvents({&event, 1});
    batcher_.Flush();
  }

  int64_t NowNs() const { return monotonic_.NowNs(); }

 private:
  const RealtimeClock realtime_;
  const MonotonicClock monotonic_;
  const NoCounters counters_;
  probe::InterfaceDirectory directory_;
  probe::BatchQueue queue_{probe::BatchQueue::Limits{}};
  probe::ClockExchange exchange_{monotonic_};
  testing::RecordingLogger logger_;
  const std::unique_ptr<probe::DatagramExchange> datagrams_ = probe::DatagramExchange::Create(
      {.realtime = realtime_, .monotonic = monotonic_, .logger = &logger_});
  probe::Batcher batcher_;
  std::unique_ptr<probe::Uplink> uplink_;
};

TestNodes::TestNodes(const std::string& correlator_address)
    : node_a_(std::make_unique<Node>("node-a", correlator_address)),
      node_b_(std::make_unique<Node>("node-b", correlator_address)) {}

TestNodes::~TestNodes() = default;

std::string TestNodes::Send(const Conversation& conversation) {
  signature_event event = {};
  event.signature = SignatureOf(sent_);
  SetAddress(conversation.source, event.source_address);
  SetAddress(conversation.destination, event.destination_address);
  event.source_port = conversation.source_port;
  event.destination_port = conversation.destination_port;
  event.interface_index = kUplinkIndex;
  event.transport = IPPROTO_TCP;
  event.kind = CAPTURE_SIGNATURE_CONTENT;
  event.flags = CAPTURE_EVENT_SIGNED;
  event.position = sent_ * kPieceBytes;
  event.level = CAPTURE_LEVEL_UNKNOWN;
  ++sent_;
  const int64_t now_ns = node_a_->NowNs();
  node_a_->See(event, CAPTURE_DIRECTION_EGRESS, now_ns);
  node_b_->See(event, CAPTURE_DIRECTION_INGRESS, now_ns + kTransitNs);
  return fmt::format("{:016x}", event.signature);
}

}  // namespace audio_latency::lab
