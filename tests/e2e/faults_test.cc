// Parts that are not there, or go away, and come back.

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "tests/lab/demo/calls.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/scratch_folder.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr int kReadyMs = 30'000;

// A call of `seconds` through three pods, and how many pieces of it the correlator has then seen
// go all the way.
struct Setting {
  std::unique_ptr<Cluster> cluster = Require(Cluster::Create());
  Node* node_a = Require(cluster->AddNode("node-a"));
  Node* node_b = Require(cluster->AddNode("node-b"));
  Node* node_c = Require(cluster->AddNode("node-c"));
  CallPlan plan = {.is_rtp = false,
                   .hold_ms = 40,
                   .seconds = 5,
                   .language = "en",
                   .seed = 11,
                   .source = Require(cluster->AddPod(node_a, "ingress-1", "ingress", "voice")),
                   .relay = Require(cluster->AddPod(node_b, "processor-2", "processor", "voice")),
                   .sink = Require(cluster->AddPod(node_c, "egress-3", "egress", "voice"))};
  ScratchFolder folder;
  std::unique_ptr<Deployment> deployment =
      Require(Deployment::Create(cluster.get(), folder.path()));

  // Runs the call to its end; its bytes must arrive whatever the product does.
  void RunCall(const std::function<void()>& meanwhile = [] {}) {
    const std::unique_ptr<Call> call = Require(Call::Start(plan, folder.path()));
    meanwhile();
    while (call->IsSpeaking()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    const Call::Outcome outcome = Require(call->Finish());
    CHECK(outcome.sent.bytes == int64_t{plan.seconds} * 32000);
    CHECK(outcome.received == outcome.sent);
  }

  double PathCount() const {
    grpc::ClientContext context;
    audio_latency::v1::GetPathRequest request;
    request.set_path("ingress > processor > egress");
    audio_latency::v1::GetPathResponse response;
    return deployment->stub()->GetPath(&context, request, &response).ok() ? response.path().count()
                                                                          : 0;
  }

  bool ProbesSay(const std::string& event) const {
    for (const char* name : {"node-a", "node-b", "node-c"}) {
      if (ReadFile(folder.path() + "/probe-" + name + ".log").find(event) == std::string::npos) {
        return false;
      }
    }
    return true;
  }
};

TEST_CASE("probes wait for a correlator that is not there, say so, and then work") {
  Setting setting;
  Require(setting.deployment->StartProbes({{"AUDIO_PORTS", kCallPorts}}));
  CHECK(Eventually([&] { return setting.ProbesSay("\"correlator_unreachable\""); }));
  setting.RunCall();
  Require(setting.deployment->CheckAlive());

  Require(setting.deployment->StartCorrelator());
  Require(setting.deployment->WaitUntilReady(kReadyMs));
  setting.RunCall();
  CHECK(Eventually([&] { return setting.PathCount() > 100; }));
}

TEST_CASE("a correlator that goes away in mid-call harms nothing, and is found again") {
  Setting setting;
  Require(setting.deployment->StartCorrelator());
  Require(setting.deployment->StartProbes({{"AUDIO_PORTS", kCallPorts}}));
  Require(setting.deployment->WaitUntilReady(kReadyMs));
  setting.RunCall([&] {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    Require(setting.deployment->StopCorrelator());
  });
  CHECK(Eventually([&] { return setting.ProbesSay("\"correlator_unreachable\""); }));
  Require(setting.deployment->CheckAlive());

  Require(setting.deployment->StartCorrelator());
  Require(setting.deployment->WaitUntilReady(kReadyMs));
  setting.RunCall();
  CHECK(Eventually([&] { return setting.PathCount() > 100; }));
}

TEST_CASE("traffic goes on when probes are killed, and new ones take over") {
  Setting setting;
  Require(setting.deployment->StartCorrelator());
  Require(setting.deployment->StartProbes({{"AUDIO_PORTS", kCallPorts}}));
  Require(setting.deployment->WaitUntilReady(kReadyMs));
  setting.RunCall([&] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    setting.deployment->KillProbes();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    Require(setting.deployment->StartProbes({{"AUDIO_PORTS", kCallPorts}}));
  });
  Require(setting.deployment->WaitUntilReady(kReadyMs));
  const double before = setting.PathCount();
  setting.RunCall();
  CHECK(Eventually([&] { return setting.PathCount() > before + 100; }));
}

}  // namespace
}  // namespace audio_latency::lab
