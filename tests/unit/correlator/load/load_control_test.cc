#include "correlator/load/load_control.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kPeriodNs = 100 * kMs;

// A load control on a clock of its own.
class Bench {
 public:
  explicit Bench(const LoadControlOptions& options = {}) : control(options) {}

  void Run(int seconds, const Backlog& backlog, double events_per_second = 0) {
    for (int i = 0; i < seconds * 10; ++i) {
      now_ns += kPeriodNs;
      events += events_per_second / 10;
      control.Update(backlog, static_cast<uint64_t>(events), now_ns);
    }
  }
  double Share() const { return SamplingShare(control.decision().sampling_threshold); }

  LoadControl control;
  int64_t now_ns = 1000 * kMs;
  double events = 0;
};

constexpr Backlog kCalm = {.used_share = 0.01, .oldest_wait_ns = 20 * kMs};
constexpr Backlog kBusy = {.used_share = 0.2, .oldest_wait_ns = 200 * kMs};
constexpr Backlog kBehind = {.used_share = 0.2, .oldest_wait_ns = 700 * kMs};
constexpr Backlog kFull = {.used_share = 0.9, .oldest_wait_ns = 3000 * kMs};

TEST_CASE("a correlator at ease takes everything") {
  Bench bench;
  bench.Run(100, kCalm, 1e6);
  CHECK(bench.Share() == 1);
  CHECK(bench.control.decision().gives_credit);
  CHECK(bench.control.events_per_second() == Approx(1e6).epsilon(0.01));
}

TEST_CASE("who falls behind asks for half, step by step, and for all again when at ease") {
  Bench bench;
  bench.Run(1, kCalm);
  bench.Run(2, kBehind);
  CHECK(bench.Share() < 1);
  const double lowered = bench.Share();
  // Neither behind nor at ease: nothing changes, however long.
  bench.Run(60, kBusy);
  CHECK(bench.Share() == lowered);
  bench.Run(4, kCalm);
  CHECK(bench.Share() == lowered);
  bench.Run(60, kCalm);
  CHECK(bench.Share() == 1);
}

TEST_CASE("steps wait until the one before can show, and end somewhere") {
  Bench bench;
  bench.Run(1, kCalm);
  const double before = bench.Share();
  bench.Run(1, kBehind);
  CHECK(bench.Share() >= before / 2);
  bench.Run(100, kBehind);
  CHECK(bench.Share() == Approx(1.0 / 1024));
}

TEST_CASE("credit is withheld only far behind, and given when most is worked off") {
  Bench bench;
  bench.Run(1, kBehind);
  CHECK(bench.control.decision().gives_credit);
  bench.Run(1, kFull);
  CHECK_FALSE(bench.control.decision().gives_credit);
  bench.Run(1, {.used_share = 0.5, .oldest_wait_ns = 100 * kMs});
  CHECK_FALSE(bench.control.decision().gives_credit);
  bench.Run(1, kCalm);
  CHECK(bench.control.decision().gives_credit);
}

TEST_CASE("what cannot be borne is asked for less and less often") {
  Bench bench;
  bench.Run(1, kCalm);
  // All of it is too much, half is not.
  int raised = 0;
  for (int second = 0; second < 600; ++second) {
    const double before = bench.Share();
    bench.Run(1, before == 1 ? kBehind : kCalm);
    raised += bench.Share() > before ? 1 : 0;
  }
  CHECK(raised >= 3);
  CHECK(raised <= 12);
}

TEST_CASE("with a limit the share settles where the events are within it") {
  LoadControlOptions options;
  options.max_events_per_second = 1000;
  Bench bench(options);
  double most = 0;
  double least = 1;
  for (int second = 0; second < 300; ++second) {
    bench.Run(1, kCalm, bench.control.decision().gives_credit ? 6000 * bench.Share() : 0);
    if (second > 30) {
      most = std::max(most, bench.Share());
      least = std::min(least, bench.Share());
    }
  }
  CHECK(most == Approx(0.125));
  CHECK(least == Approx(0.125));
  // The load is gone: all again.
  bench.Run(60, kCalm, 100);
  CHECK(bench.Share() == 1);
}

TEST_CASE("what comes far beyond the limit waits at the probes") {
  LoadControlOptions options;
  options.max_events_per_second = 1000;
  Bench bench(options);
  bench.Run(1, kCalm);
  bench.Run(1, kCalm, 5000);
  CHECK_FALSE(bench.control.decision().gives_credit);
  bench.Run(10, kCalm, 0);
  CHECK(bench.control.decision().gives_credit);
}

TEST_CASE("a meter tells how long the oldest has waited, in the queue or in work") {
  WaitMeter meter;
  CHECK(meter.OldestWaitNs(100) == 0);
  meter.Add(100);
  meter.Add(150);
  CHECK(meter.OldestWaitNs(180) == 80);
  meter.Begin();
  meter.Add(190);
  CHECK(meter.OldestWaitNs(200) == 100);
  meter.Done();
  CHECK(meter.OldestWaitNs(200) == 10);
  meter.Begin();
  meter.Done();
  CHECK(meter.OldestWaitNs(300) == 0);
}

}  // namespace
}  // namespace audio_latency::correlator
