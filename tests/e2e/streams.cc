#include "tests/e2e/streams.h"

#include <stop_token>
#include <utility>

#include "tests/lab/lab_test.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr int kReadyMs = 60'000;
constexpr int kSendMs = 100;

}  // namespace

StreamSetting::StreamSetting(int streams, const std::string& log_folder)
    : cluster(Require(Cluster::Create())),
      node_a(Require(cluster->AddNode("node-a"))),
      node_b(Require(cluster->AddNode("node-b"))),
      sender(Require(cluster->AddPod(node_a, "sender-1", "sender", "voice"))),
      receiver(Require(cluster->AddPod(node_b, "receiver-1", "receiver", "voice"))),
      folder(log_folder.empty() ? own_folder.path() : log_folder),
      deployment(Require(Deployment::Create(cluster.get(), folder))),
      load_(std::make_unique<bench::MediaLoad>(
          Require(bench::MediaLoad::Create(*sender, *receiver, streams)))) {}

StreamSetting::~StreamSetting() {
  streams_.request_stop();
  if (streams_.joinable()) {
    streams_.join();
  }
}

void StreamSetting::Start(const std::map<std::string, std::string>& correlator,
                          std::map<std::string, std::string> probes) {
  probes.insert({"AUDIO_PORTS", "10000-12000"});
  Require(deployment->StartCorrelator(correlator));
  Require(deployment->StartProbes(probes));
  Require(deployment->WaitUntilReady(kReadyMs));
}

void StreamSetting::StartStreams() {
  streams_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      // A machine that is busy sends later, which is no matter here.
      const absl::Status sent = load_->Send(kSendMs);
      if (!sent.ok() && !absl::IsResourceExhausted(sent)) {
        sent_ = sent;
        return;
      }
    }
  });
}

void StreamSetting::StopStreams() {
  streams_.request_stop();
  streams_.join();
  Require(sent_);
}

std::vector<Ledger> StreamSetting::Ledgers() const {
  return {Require(ReadLedger(*deployment, *node_a)), Require(ReadLedger(*deployment, *node_b))};
}

std::vector<Ledger> StreamSetting::SettledLedgers() const {
  std::vector<Ledger> ledgers;
  const auto are_settled = [&] {
    ledgers = Ledgers();
    return ledgers[0].IsSettled() && ledgers[1].IsSettled();
  };
  Eventually(are_settled);
  for (const Ledger& ledger : ledgers) {
    INFO(ledger.Text());
    CHECK(ledger.IsSettled());
  }
  MatchingLedger matching;
  Eventually([&] {
    matching = Require(ReadMatchingLedger(*deployment));
    return matching.IsSettled();
  });
  INFO(matching.Text());
  CHECK(matching.IsSettled());
  return ledgers;
}

double StreamSetting::OnProbe(const std::string& sample) const {
  return MetricOn(Require(deployment->FetchMetrics(node_a->machine.address)), sample);
}

double StreamSetting::OnCorrelator(const std::string& family) const {
  const std::string page =
      Require(deployment->FetchMetrics(deployment->correlator_machine().address));
  return family.find('{') == std::string::npos ? SumOn(page, family) : MetricOn(page, family);
}

std::string StreamSetting::Log(const std::string& program) const {
  return ReadFile(folder + "/" + program + ".log");
}

}  // namespace audio_latency::lab
