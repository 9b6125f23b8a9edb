#include "correlator/matching/link_memory.h"

#include <catch2/catch.hpp>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kDelayMs = 40;

LinkCandidate LinkAt(int64_t entered_ms, int64_t left_ms) {
  const auto position = static_cast<uint32_t>(entered_ms * 100);
  return {.from = 3,
          .to = 7,
          .entered_ns = entered_ms * kMillisecondNs,
          .left_ns = left_ms * kMillisecondNs,
          .entered_position = position,
          .left_position = position};
}

TEST_CASE("What a lock remembers of its streams lasts as long as anything may ask") {
  const LinkOptions options;
  LinkMemory memory(options);
  constexpr int64_t kEndMs = 4000;
  bool is_locked = false;
  for (int64_t ms = 0; ms <= kEndMs; ms += 20) {
    const LinkCandidate link = LinkAt(ms, ms + kDelayMs);
    if (is_locked) {
      memory.Use(link, /*is_unique=*/true);
    } else {
      is_locked = memory.AddEvidence(link);
    }
  }
  REQUIRE(is_locked);
  const int64_t last_use_ns = (kEndMs + kDelayMs) * kMillisecondNs;
  // By time it was overtaken, by its place in the streams not.
  const LinkCandidate held_back = LinkAt(3050, kEndMs + kDelayMs);
  REQUIRE(memory.KeepsOrder(held_back));

  memory.Forget(last_use_ns + options.memory_ns);
  CHECK(memory.OwnerOf(7, last_use_ns + options.memory_ns) == 3);
  CHECK(memory.KeepsOrder(held_back));

  memory.Forget(last_use_ns + options.memory_ns + 1);
  CHECK(memory.OwnerOf(7, last_use_ns + options.memory_ns + 1) == LinkMemory::kNobody);
  CHECK_FALSE(memory.KeepsOrder(held_back));
}

}  // namespace
}  // namespace audio_latency::correlator
