// What changes in the cluster is in the answers within a second, at the right time, whatever
// happens to the watch: cut, compacted, or the API server away for a while.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/kubernetes/support/setting.h"
#include "tests/lab/lab_test.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;
using Clock = std::chrono::steady_clock;

constexpr char kAddress[] = "10.244.1.5";
constexpr char kLists[] = "audio_latency_kubernetes_lists_total{resource=\"pods\"}";

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// Sends pieces to `address` until one is named `name`; how long after `since` it was sent, and how
// long after `since` its name was in an answer.
struct Delay {
  double sent_s = 0;
  double told_s = 0;
};
Delay NamedAfter(Setting* setting, const std::string& address, const std::string& name,
                 Clock::time_point since) {
  struct Piece {
    std::string signature;
    Clock::time_point sent;
  };
  std::vector<Piece> pieces;
  size_t first_undecided = 0;
  Delay delay;
  const bool was_named = Eventually([&] {
    pieces.push_back(
        {setting->nodes->Send(
             {.source = "192.0.2.1", .destination = address, .source_port = setting->NewPort()}),
         Clock::now()});
    while (first_undecided < pieces.size()) {
      const Piece& piece = pieces[first_undecided];
      const std::optional<v1::Trace> trace = setting->correlator->TraceOf(piece.signature);
      if (!trace.has_value()) {
        break;
      }
      if (DestinationOf(*trace) == name) {
        delay = {Seconds(piece.sent - since), Seconds(Clock::now() - since)};
        return true;
      }
      ++first_undecided;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
    return false;
  });
  INFO(setting->correlator->Log());
  INFO(name);
  REQUIRE(was_named);
  return delay;
}

TEST_CASE("a pod's coming, going and successor are in the answers within a second") {
  Setting setting;
  setting.StartCorrelator();
  // Nodes' clocks are known from here on.
  CHECK(setting.NameOfHost(kAddress) == kAddress);

  double slowest_s = 0;
  for (int round = 0; round < 5; ++round) {
    const std::string pod = fmt::format("processor-{}", round);
    setting.cluster->AddPod(pod, kAddress);
    const Delay named = NamedAfter(&setting, kAddress, fmt::format(" ({})", pod), Clock::now());
    slowest_s = std::max(slowest_s, named.told_s);
    fmt::print("{} is named by pieces sent {:.3f} s after it was made, told after {:.3f} s\n", pod,
               named.sent_s, named.told_s);
    CHECK(named.sent_s < 1);
    setting.cluster->DeletePod(pod);
  }
  // With the time that a decision waits for late reports (MATCH_HOLD_MS, 0.6 s).
  fmt::print("slowest: in an answer after {:.3f} s\n", slowest_s);
  CHECK(slowest_s < 2);
}

TEST_CASE("an address that another pod has two seconds later is each pod's at its time") {
  Setting setting;
  setting.cluster->AddPod("first", kAddress);
  setting.StartCorrelator();
  CHECK(setting.NameOfHost(kAddress) == " (first)");

  Conversation conversation = {.source = "192.0.2.1", .destination = kAddress};
  std::vector<std::string> before;
  for (int i = 0; i < 10; ++i) {
    before.push_back(setting.nodes->Send(conversation));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  setting.cluster->DeletePod("first");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  setting.cluster->AddPod("second", kAddress);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  conversation.source_port = setting.NewPort();
  std::vector<std::string> after;
  for (int i = 0; i < 10; ++i) {
    after.push_back(setting.nodes->Send(conversation));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const auto name_of = [&](const std::string& signature) {
    std::optional<v1::Trace> trace;
    Eventually([&] { return (trace = setting.correlator->TraceOf(signature)).has_value(); });
    return trace.has_value() ? DestinationOf(*trace) : "no trace";
  };
  for (const std::string& signature : after) {
    CHECK(name_of(signature) == " (second)");
  }
  // Now that the second one is known, too.
  for (const std::string& signature : before) {
    CHECK(name_of(signature) == " (first)");
  }
}

TEST_CASE("a watch that is cut twenty times misses nothing") {
  Setting setting;
  setting.cluster->AddPod("pod-0", kAddress);
  setting.StartCorrelator();
  CHECK(setting.NameOfHost(kAddress) == " (pod-0)");
  for (int round = 1; round <= 20; ++round) {
    // Before, within and behind the break.
    if (round % 3 == 0) {
      setting.CutConnections();
    }
    setting.cluster->DeletePod(fmt::format("pod-{}", round - 1));
    if (round % 3 == 1) {
      setting.CutConnections();
    }
    const std::string pod = fmt::format("pod-{}", round);
    setting.cluster->AddPod(pod, kAddress);
    if (round % 3 == 2) {
      setting.CutConnections();
    }
    NamedAfter(&setting, kAddress, fmt::format(" ({})", pod), Clock::now());
  }
  setting.cluster->DeletePod("pod-20");
  NamedAfter(&setting, kAddress, kAddress, Clock::now());
  CHECK(setting.correlator->IsReady());
}

// Of a namespace "voice", as etcd keeps a running pod.
nlohmann::json StoredPod(const std::string& name, const std::string& address, int number) {
  const PodSpec spec = {.name = name, .address = address};
  nlohmann::json pod = PodObject(spec);
  pod.update(RunningStatus(spec, "10.0.0.1"));
  pod["metadata"]["uid"] = fmt::format("00000000-0000-4000-8000-{:012x}", number);
  pod["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
  return pod;
}

TEST_CASE("while the API server is away answers go on, and when it is back nothing is stale") {
  Setting setting;
  setting.cluster->AddPod("stays", "10.244.1.1");
  setting.cluster->AddPod("goes", "10.244.1.2");
  setting.StartCorrelator();
  CHECK(setting.NameOfHost("10.244.1.2") == " (goes)");

  const bool forgets = GENERATE(false, true);
  CAPTURE(forgets);
  setting.server->Stop(/*at_once=*/true);
  Require(setting.server->DeleteStored("pods/voice/goes"));
  Require(setting.server->PutStored({{"pods/voice/comes", StoredPod("comes", "10.244.1.3", 7)}}));
  CHECK(setting.NameOfHost("10.244.1.1") == " (stays)");
  CHECK(setting.NameOfHost("10.244.1.2") == " (goes)");
  CHECK(setting.NameOfHost("10.244.1.3") == "10.244.1.3");
  CHECK(setting.correlator->Get("/healthz").status == 200);

  const double lists = setting.correlator->Metric(kLists);
  // With its history of changes, or without: then a watch cannot go on (410) and all is listed.
  Require(forgets ? setting.server->RestartWithoutHistory() : setting.server->StartAgain());
  NamedAfter(&setting, "10.244.1.3", " (comes)", Clock::now());
  NamedAfter(&setting, "10.244.1.2", "10.244.1.2", Clock::now());
  CHECK(setting.NameOfHost("10.244.1.1") == " (stays)");
  if (forgets) {
    CHECK(setting.correlator->Metric(kLists) > lists);
  }
  // And it is followed again.
  setting.cluster->AddPod("later", "10.244.1.4");
  const Delay named = NamedAfter(&setting, "10.244.1.4", " (later)", Clock::now());
  CHECK(named.sent_s < 1);
}

}  // namespace
}  // namespace audio_latency::lab
