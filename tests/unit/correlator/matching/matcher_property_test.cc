// Calls whose truth is known, many of them alike: not one false link, and no silence where the
// truth can be told.

#include <catch2/catch.hpp>
#include <functional>
#include <iterator>
#include <string>

#include "fmt/format.h"
#include "tests/unit/correlator/testing/call_simulation.h"
#include "tests/unit/correlator/testing/cluster.h"

namespace audio_latency::correlator {
namespace {

using testing::CallSimulation;
using testing::Cluster;
using testing::ConversationFlows;
using testing::PassageKey;
using testing::SimulationOptions;

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStartNs = 1000 * kSecondNs;
constexpr int64_t kProcessingNs = 40 * kMillisecondNs;
// What a media relay takes.
constexpr int64_t kRelayNs = 100'000;
// One signature every 20 ms.
constexpr int64_t kPieceNs = 20 * kMillisecondNs;

// Content: what audio a call plays at its n-th piece.
using Content = std::function<uint64_t(uint64_t piece)>;

uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

Content Speech(uint64_t speaker) {
  return [speaker](uint64_t piece) { return Mix(speaker * 1'000'003 + piece + 1); };
}

Content Loop(uint64_t recording, uint64_t pieces) {
  return [recording, pieces](uint64_t piece) { return Speech(recording)(piece % pieces); };
}

// The prompt first, then speech.
Content PromptThenSpeech(uint64_t prompt, uint64_t pieces, uint64_t speaker) {
  return [=](uint64_t piece) {
    return piece < pieces ? Speech(prompt)(piece) : Speech(speaker)(piece);
  };
}

// One direction of a call: into a processor and out of it again.
struct Leg {
  ConversationFlows in;
  ConversationFlows out;
};

void Play(CallSimulation* simulation, const Leg& leg, const Content& content, int64_t start_ns,
          int64_t duration_ns, int64_t processing_ns = kProcessingNs) {
  for (uint64_t piece = 0; static_cast<int64_t>(piece) * kPieceNs < duration_ns; ++piece) {
    const uint32_t position = static_cast<uint32_t>(1000 + piece * 160);
    const PassageKey origin{leg.in.conversation, position};
    const int64_t sent_ns = start_ns + static_cast<int64_t>(piece) * kPieceNs;
    const int64_t arrived_ns = simulation->Send(leg.in, content(piece), position, sent_ns);
    simulation->Send(leg.out, content(piece), position + 77, arrived_ns + processing_ns, &origin);
  }
}

class Calls {
 public:
  Calls() { cluster_.AddPod("processor-1", "processor", "node-b"); }

  // All through one processor; callers and called on their own pods, or on one pod each.
  Leg Add(bool own_pods = true) {
    const std::string number = own_pods ? fmt::format("{}", ++calls_) : "0";
    if (own_pods || calls_++ == 0) {
      cluster_.AddPod("caller-" + number, "caller", "node-a");
      cluster_.AddPod("called-" + number, "called", "node-c");
    }
    return {.in = cluster_.AddConversation("caller-" + number, "processor-1"),
            .out = cluster_.AddConversation("processor-1", "called-" + number)};
  }
  Cluster& cluster() { return cluster_; }

 private:
  Cluster cluster_;
  int calls_ = 0;
};

void RequirePrecision(const CallSimulation::Result& result) {
  CHECK(result.false_links == 0);
  CHECK(result.repeated == 0);
}

const double kLosses[] = {0, 0.01, 0.1, 0.3, 0.5};

TEST_CASE("Calls with their own speech are all told apart") {
  for (const double loss : kLosses) {
    for (const int64_t clock_error_ns : {int64_t{0}, kMillisecondNs}) {
      CAPTURE(loss, clock_error_ns);
      Calls calls;
      CallSimulation simulation(
          &calls.cluster(),
          {.seed = 5, .observation_loss = loss, .clock_error_ns = clock_error_ns});
      for (uint64_t call = 0; call < 40; ++call) {
        Play(&simulation, calls.Add(), Speech(call), kStartNs + static_cast<int64_t>(call) * 7,
             10 * kSecondNs);
      }
      const auto result = simulation.Run();
      RequirePrecision(result);
      CHECK(result.transits == result.possible_transits);
      // The first links of a pair are evidence only.
      CHECK(result.recall() > 0.98);
    }
  }
}

TEST_CASE("Identical prompts at identical times are never guessed") {
  for (const bool own_pods : {true, false}) {
    for (const double loss : kLosses) {
      for (uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(own_pods, loss, seed);
        Calls calls;
        CallSimulation simulation(&calls.cluster(),
                                  {.seed = seed, .observation_loss = loss, .passage_loss = loss});
        const int count = seed % 2 == 0 ? 2 : 5;
        for (int call = 0; call < count; ++call) {
          Play(&simulation, calls.Add(own_pods), Speech(1), kStartNs, 10 * kSecondNs);
        }
        const auto result = simulation.Run();
        RequirePrecision(result);
      }
    }
  }
}

TEST_CASE("Identical prompts at staggered times are never guessed") {
  for (const int64_t stagger_ns :
       {3 * kMillisecondNs, 100 * kMillisecondNs, 580 * kMillisecondNs, 3 * kSecondNs}) {
    for (const double loss : kLosses) {
      for (uint64_t seed = 1; seed <= 6; ++seed) {
        CAPTURE(stagger_ns, loss, seed);
        Calls calls;
        CallSimulation simulation(&calls.cluster(), {.seed = seed,
                                                     .observation_loss = loss / 2,
                                                     .passage_loss = loss,
                                                     .clock_error_ns = kMillisecondNs});
        for (int call = 0; call < 4; ++call) {
          Play(&simulation, calls.Add(), Speech(1), kStartNs + call * stagger_ns, 12 * kSecondNs);
        }
        RequirePrecision(simulation.Run());
      }
    }
  }
}

TEST_CASE("Calls that begin with one prompt are told apart by their speech, and stay so") {
  for (const double loss : {0.0, 0.01, 0.1, 0.3}) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(loss, seed);
      Calls calls;
      CallSimulation simulation(&calls.cluster(),
                                {.seed = seed, .observation_loss = loss, .passage_loss = loss});
      for (uint64_t call = 0; call < 6; ++call) {
        // 4 s of prompt, 8 s of speech, then the prompt again for all at once.
        const Content content = [call](uint64_t piece) {
          return piece >= 600 ? Speech(1)(piece - 600)
                              : PromptThenSpeech(1, 200, 100 + call)(piece);
        };
        Play(&simulation, calls.Add(), content, kStartNs, 20 * kSecondNs);
      }
      const auto result = simulation.Run();
      RequirePrecision(result);
      if (loss <= 0.01) {
        // All of the last 16 s but the run that locks.
        CHECK(result.recall() > 0.7);
        CHECK(result.counters.lock_links > 0);
      }
    }
  }
}

TEST_CASE("Both ends of a call that play one file are told apart") {
  for (const double loss : {0.0, 0.01, 0.1, 0.3}) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(loss, seed);
      Cluster cluster;
      cluster.AddPod("a", "caller", "node-a");
      cluster.AddPod("processor", "processor", "node-b");
      cluster.AddPod("b", "called", "node-c");
      const Leg onward{.in = cluster.AddConversation("a", "processor"),
                       .out = cluster.AddConversation("processor", "b")};
      const Leg back{.in = cluster.AddConversation("b", "processor"),
                     .out = cluster.AddConversation("processor", "a")};
      CallSimulation simulation(&cluster,
                                {.seed = seed, .observation_loss = loss, .passage_loss = loss});
      Play(&simulation, onward, Speech(1), kStartNs, 10 * kSecondNs);
      Play(&simulation, back, Speech(1), kStartNs + static_cast<int64_t>(seed) * kMillisecondNs,
           10 * kSecondNs);
      const auto result = simulation.Run();
      RequirePrecision(result);
      if (loss == 0) {
        CHECK(result.recall() > 0.9);
      }
    }
  }
}

TEST_CASE("Through a quick relay an end that plays the same file later is no echo") {
  // The second to speak starts when the first has long been heard: what it says looks like what it
  // heard.
  for (const double loss : {0.0, 0.01, 0.1, 0.3}) {
    for (const int64_t ahead_ms : {0, 2, 5, 30, 150, 600}) {
      for (uint64_t seed = 1; seed <= 5; ++seed) {
        CAPTURE(loss, ahead_ms, seed);
        Cluster cluster;
        cluster.AddPod("a", "caller", "node-a");
        cluster.AddPod("relay", "relay", "node-b");
        cluster.AddPod("b", "called", "node-c");
        const Leg onward{.in = cluster.AddConversation("a", "relay"),
                         .out = cluster.AddConversation("relay", "b")};
        const Leg back{.in = cluster.AddConversation("b", "relay"),
                       .out = cluster.AddConversation("relay", "a")};
        CallSimulation simulation(&cluster,
                                  {.seed = seed, .observation_loss = loss, .passage_loss = loss});
        Play(&simulation, onward, Speech(1), kStartNs, 10 * kSecondNs, kRelayNs);
        Play(&simulation, back, Speech(1), kStartNs + ahead_ms * kMillisecondNs, 10 * kSecondNs,
             kRelayNs);
        const auto result = simulation.Run();
        RequirePrecision(result);
        if (loss == 0) {
          CHECK(result.recall() > 0.9);
        }
      }
    }
  }
}

TEST_CASE("Hold music in a loop is matched to itself, not to its other rounds") {
  for (const double loss : kLosses) {
    for (const uint64_t loop_pieces : {100u, 400u}) {
      for (const int count : {1, 3}) {
        for (uint64_t seed = 1; seed <= 3; ++seed) {
          CAPTURE(loss, loop_pieces, count, seed);
          Calls calls;
          CallSimulation simulation(&calls.cluster(),
                                    {.seed = seed, .observation_loss = loss, .passage_loss = loss});
          for (int call = 0; call < count; ++call) {
            // All hear the same loop, each from where it was when the call came.
            const Content music = [=](uint64_t piece) {
              return Loop(1, loop_pieces)(piece + static_cast<uint64_t>(call) * 37);
            };
            Play(&simulation, calls.Add(), music, kStartNs + call * 130 * kMillisecondNs,
                 25 * kSecondNs);
          }
          const auto result = simulation.Run();
          RequirePrecision(result);
          if (count == 1 && loss == 0) {
            CHECK(result.recall() > 0.95);
          }
        }
      }
    }
  }
}

TEST_CASE("Fan-out is several links of one passage") {
  for (const double loss : kLosses) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(loss, seed);
      Cluster cluster;
      cluster.AddPod("a", "caller", "node-a");
      cluster.AddPod("processor", "processor", "node-b");
      cluster.AddPod("b", "called", "node-c");
      cluster.AddPod("r", "recorder", "node-c");
      const ConversationFlows in = cluster.AddConversation("a", "processor");
      const ConversationFlows called = cluster.AddConversation("processor", "b");
      const ConversationFlows recorder = cluster.AddConversation("processor", "r");
      CallSimulation simulation(&cluster,
                                {.seed = seed, .observation_loss = loss, .passage_loss = loss});
      for (uint32_t piece = 0; piece < 500; ++piece) {
        const PassageKey origin{in.conversation, piece};
        const int64_t arrived_ns =
            simulation.Send(in, Mix(piece), piece, kStartNs + piece * kPieceNs);
        simulation.Send(called, Mix(piece), piece, arrived_ns + kProcessingNs, &origin);
        simulation.Send(recorder, Mix(piece), piece, arrived_ns + 2 * kProcessingNs, &origin);
      }
      const auto result = simulation.Run();
      RequirePrecision(result);
      CHECK(result.recall() > (loss < 0.2 ? 0.93 : 0.6));
    }
  }
}

TEST_CASE("A jump of the processing delay is told, not taken for another piece") {
  Calls calls;
  CallSimulation simulation(&calls.cluster(), {.seed = 3, .observation_loss = 0.05});
  const Leg leg = calls.Add();
  int64_t left_ns = 0;
  for (uint32_t piece = 0; piece < 500; ++piece) {
    const PassageKey origin{leg.in.conversation, piece};
    const int64_t arrived_ns =
        simulation.Send(leg.in, Mix(piece), piece, kStartNs + piece * kPieceNs);
    // After 5 s the processor falls behind by 900 ms at once.
    left_ns = arrived_ns + (piece < 250 ? kProcessingNs : 940 * kMillisecondNs);
    simulation.Send(leg.out, Mix(piece), piece, left_ns, &origin);
  }
  const auto result = simulation.Run();
  RequirePrecision(result);
  CHECK(result.recall() > 0.97);
}

TEST_CASE("Echo services are told apart when the callers did not start together") {
  for (const double loss : {0.0, 0.1}) {
    CAPTURE(loss);
    Cluster cluster;
    cluster.AddPod("echo", "echo", "node-b");
    CallSimulation simulation(&cluster, {.seed = 3, .observation_loss = loss});
    for (int call = 0; call < 3; ++call) {
      const std::string pod = fmt::format("caller-{}", call);
      cluster.AddPod(pod, "caller", "node-a");
      const Leg leg{.in = cluster.AddConversation(pod, "echo"),
                    .out = cluster.AddConversation("echo", pod)};
      Play(&simulation, leg, Speech(1), kStartNs + call * 200 * kMillisecondNs, 5 * kSecondNs);
    }
    RequirePrecision(simulation.Run());
  }
}

TEST_CASE("Callers of an echo service behind a relay are told apart") {
  for (const double loss : {0.0, 0.1}) {
    for (const int64_t apart_ms : {0, 3, 200}) {
      for (uint64_t seed = 1; seed <= 5; ++seed) {
        CAPTURE(loss, apart_ms, seed);
        Cluster cluster;
        cluster.AddPod("relay", "relay", "node-b");
        cluster.AddPod("echo", "echo", "node-c");
        CallSimulation simulation(&cluster, {.seed = seed, .observation_loss = loss});
        for (int64_t call = 0; call < 2; ++call) {
          const std::string pod = fmt::format("caller-{}", call);
          cluster.AddPod(pod, "caller", "node-a");
          const ConversationFlows way[] = {
              cluster.AddConversation(pod, "relay"), cluster.AddConversation("relay", "echo"),
              cluster.AddConversation("echo", "relay"), cluster.AddConversation("relay", pod)};
          for (uint32_t piece = 0; piece < 250; ++piece) {
            int64_t at_ns = kStartNs + call * apart_ms * kMillisecondNs + piece * kPieceNs;
            for (size_t i = 0; i < std::size(way); ++i) {
              const PassageKey origin{way[i > 0 ? i - 1 : 0].conversation, piece};
              at_ns = kRelayNs + simulation.Send(way[i], Speech(1)(piece), piece, at_ns,
                                                 i > 0 ? &origin : nullptr);
            }
          }
        }
        RequirePrecision(simulation.Run());
      }
    }
  }
}

TEST_CASE("A slow processor is linked when its output comes seconds later") {
  Calls calls;
  CallSimulation simulation(&calls.cluster(), {.seed = 3});
  Play(&simulation, calls.Add(), Speech(4), kStartNs, 12 * kSecondNs, 4 * kSecondNs);
  const auto result = simulation.Run();
  RequirePrecision(result);
  CHECK(result.recall() > 0.97);
  CHECK(result.transits == result.possible_transits);
}

}  // namespace
}  // namespace audio_latency::correlator
