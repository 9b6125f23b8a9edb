#include "tests/interop/case_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "correlator/matching/link_memory.h"
#include "tests/interop/result_table.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

constexpr double kLeastCoverage = 0.99;
constexpr double kMostMedianErrorUs = 50;
// Percentiles of answers come from steps of under 1 %.
constexpr double kStep = 0.01;

void CheckBars(const CaseResult& result, const std::vector<HopAnswer>& hops, const Pod& relay) {
  INFO(ResultTable({result}) << result.first_false_match);
  CHECK(result.false_matches == 0);
  CHECK(result.speech_seconds > 0);
  CHECK(result.coverage() >= kLeastCoverage);
  CHECK(result.median_error_us <= kMostMedianErrorUs);
  const HopAnswer* const answer = FindInside(hops, relay);
  REQUIRE(answer != nullptr);
  CHECK(answer->count == static_cast<double>(result.matches));
  CHECK(std::abs(answer->p50_us - result.median_delay_us) <=
        kMostMedianErrorUs + kStep * result.median_delay_us);
}

// How many matches the live correlator may miss of those that a replay has: each of its matchers
// learns a pair of conversations for itself, the replay has one.
double MostUnlearned() {
  const correlator::LinkOptions options;
  constexpr unsigned kMostMatchers = 4;
  constexpr unsigned kPairs = 2;  // both directions of a call
  return kPairs * options.contended_links_to_lock *
         std::clamp(std::thread::hardware_concurrency(), 1u, kMostMatchers);
}

}  // namespace

const HopAnswer* FindInside(const std::vector<HopAnswer>& hops, const Pod& pod) {
  const auto found = std::find_if(hops.begin(), hops.end(), [&](const HopAnswer& hop) {
    return hop.kind == "PROCESSING" && hop.source_pod == pod.name;
  });
  return found == hops.end() ? nullptr : &*found;
}

void CheckRelay(const MediaLab& lab, const MediaLab::ReplayAnswer& replay, const Pod& relay,
                size_t streams, const AuditOptions& options) {
  const RelayTruth truth = MakeRelayTruth(Require(lab.ReadRelay(relay)), relay.address);
  CHECK(truth.streams.size() == streams);
  CHECK(lab.unseen_matches() == 0);
  const CaseResult live = AuditRelay(truth, lab.traces(), options);
  Require(lab.Keep(live));
  CheckBars(live, lab.hops(), relay);

  AuditOptions replay_options = options;
  replay_options.name += "-replay";
  const CaseResult replayed = AuditRelay(truth, replay.traces, replay_options);
  Require(lab.Keep(replayed));
  CheckBars(replayed, replay.hops, relay);
  // The truth is in the very files that it reads.
  CHECK(replayed.max_error_us < 1);
}

void CheckSameHops(const MediaLab& lab, const MediaLab::ReplayAnswer& replay) {
  CHECK(lab.hops().size() == replay.hops.size());
  for (const HopAnswer& live : lab.hops()) {
    CAPTURE(live.name());
    const auto found =
        std::find_if(replay.hops.begin(), replay.hops.end(),
                     [&](const HopAnswer& hop) { return hop.name() == live.name(); });
    if (found == replay.hops.end()) {
      FAIL_CHECK("the replay does not tell of it");
      continue;
    }
    CHECK(std::abs(live.count - found->count) <= MostUnlearned());
    CHECK(std::abs(live.p50_us - found->p50_us) <=
          kMostMedianErrorUs + live.error_bound_us + kStep * found->p50_us);
  }
}

}  // namespace audio_latency::lab
