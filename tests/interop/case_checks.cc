#include "tests/interop/case_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "tests/interop/result_table.h"
#include "tests/interop/settled_links.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

constexpr double kLeastCoverage = 0.99;
constexpr double kMostMedianErrorUs = 50;
// Between two nodes the live figure also holds the estimate of their clocks.
constexpr double kMostClockErrorUs = 50;
// Percentiles of answers come from steps of under 1 %.
constexpr double kStep = 0.01;
// Share of a hop's links that only one of live and replay tells: what a full machine drops.
constexpr double kMostMissing = 0.005;

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

// Each of the correlator's matchers learns pairs of streams for itself, from its share of the
// signatures: where the same audio also goes elsewhere, a second each.
SettlingTime TimeToLearn() {
  constexpr unsigned kMostMatchers = 4;
  const unsigned matchers = std::clamp(std::thread::hardware_concurrency(), 2u, kMostMatchers);
  return {.begin_seconds = static_cast<double>(matchers)};
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
    // Medians of the answers come from the same kind of histogram.
    const double most_us = live.kind == "PROCESSING" ? kMostMedianErrorUs : kMostClockErrorUs;
    CHECK(std::abs(live.p50_us - found->p50_us) <= most_us + kStep * found->p50_us);
  }
  const std::vector<SettledHop> settled =
      CompareSettled(lab.traces(), replay.traces, TimeToLearn());
  CHECK(settled.size() >= lab.hops().size());
  int64_t links = 0;
  int64_t missing = 0;
  double most_apart_us = 0;
  for (const SettledHop& hop : settled) {
    CAPTURE(hop.name, hop.both, hop.only_live, hop.only_replayed);
    CHECK(hop.MissingShare() <= kMostMissing);
    const double apart_us = std::abs(hop.live_p50_us - hop.replayed_p50_us);
    CHECK(apart_us <= kMostClockErrorUs);
    most_apart_us = std::max(most_apart_us, apart_us);
    links += hop.both + hop.only_live + hop.only_replayed;
    missing += hop.only_live + hop.only_replayed;
  }
  fmt::print(
      "live and replayed: {} links of {} hops, {} told by one alone, medians at most {:.1f} us "
      "apart\n",
      links, settled.size(), missing, most_apart_us);
}

}  // namespace audio_latency::lab
