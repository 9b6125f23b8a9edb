// Many probes at once, on threads of our own: ThreadSanitizer leaves out what gRPC's threads do.

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/correlator/ingest/node_table_fixture.h"

namespace audio_latency::correlator {
namespace {

constexpr int kProbes = 6;
constexpr int kStreamsOfEach = 20;
constexpr int kBatchesOfEach = 20;

// Six threads, two for each of three nodes, so that streams of one node push each other out too.
TEST_CASE("probes that come, tell and go at once beside those who ask") {
  NodeTableFixture fixture({.max_probes = 10}, 100'000);
  std::atomic<uint64_t> acknowledged = 0;
  std::atomic<bool> is_over = false;

  std::thread reader([&] {
    uint32_t round = 0;
    while (!is_over.load()) {
      static_cast<void>(fixture.table.Nodes());
      static_cast<void>(fixture.table.Signatures());
      static_cast<void>(fixture.table.Errors());
      static_cast<void>(fixture.table.Load());
      static_cast<void>(fixture.table.Use());
      ++round;
      fixture.table.SetFlowControl(round, 1 + round % 32);
      static_cast<void>(fixture.table.FlowControlAt(round));
      fixture.table.Sweep();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });

  std::vector<std::thread> probes;
  for (int probe = 0; probe < kProbes; ++probe) {
    probes.emplace_back([&, probe] {
      const std::string node = fmt::format("node-{}", probe % (kProbes / 2));
      for (int stream = 0; stream < kStreamsOfEach; ++stream) {
        const auto attachment =
            fixture.table.Attach(MakeHello(node, fmt::format("{}-{}", probe, stream)),
                                 [](const absl::Status& /*why*/) {});
        if (!attachment.ok()) {
          continue;
        }
        for (uint64_t number = 1; number <= kBatchesOfEach; ++number) {
          v1::EventBatch batch = MakeBatch(number, {7});
          AddEvents({number, number + 1}, 7, &batch);
          acknowledged.fetch_add(fixture.table.TakeBatch(*attachment, batch).has_value() ? 1 : 0);
          v1::ClockReport report;
          fixture.table.TakeClockReport(*attachment, report);
        }
        fixture.table.Detach(*attachment);
      }
    });
  }
  for (std::thread& probe : probes) {
    probe.join();
  }
  is_over.store(true);
  reader.join();

  CHECK(fixture.table.Nodes().size() == kProbes / 2);
  // What was acknowledged has gone on, each event once.
  CHECK(acknowledged > 0);
  CHECK(fixture.sink.events().size() == 2 * acknowledged);
}

}  // namespace
}  // namespace audio_latency::correlator
