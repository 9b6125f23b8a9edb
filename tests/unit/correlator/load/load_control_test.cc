#include "correlator/load/load_control.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kPeriodNs = 100 * kMs;

// A load control on a clock of its own.
class Bench {
 public:
  explicit Bench(const LoadControlOptions& options = {}) : control(options) {}

  // What is made is taken at once.
  void Run(int seconds, const Backlog& backlog, double events_per_second = 0) {
    for (int i = 0; i < seconds * 10; ++i) {
      Look(backlog, events_per_second / 10, events_per_second / 10);
    }
  }
  // What is made waits at the probes while there is no credit, and then comes as fast as `most`
  // events a look.
  void RunWithProbes(int seconds, const Backlog& backlog, double made_per_second,
                     double most = 1e9) {
    for (int i = 0; i < seconds * 10; ++i) {
      const double made_now = made_per_second * Share() / 10;
      const double taken_now =
          control.decision().gives_credit() ? std::min(pending() + made_now, most) : 0;
      Look(backlog, made_now, taken_now);
    }
  }
  // The probes were away and come back with `events`.
  void BringBack(double events) { brought += events; }
  void Look(const Backlog& backlog, double made_now, double taken_now) {
    now_ns += kPeriodNs;
    made += made_now;
    taken += taken_now;
    control.Update({.backlog = backlog,
                    .taken_events = static_cast<uint64_t>(taken),
                    .taken_batches = static_cast<uint64_t>(taken / 100),
                    .made_events = static_cast<uint64_t>(made),
                    .pending_events = static_cast<uint64_t>(pending()),
                    .probes = 10},
                   now_ns);
  }
  double pending() const { return std::max(0.0, made + brought - taken); }
  double Share() const { return SamplingShare(control.decision().sampling_threshold); }

  LoadControl control;
  int64_t now_ns = 1000 * kMs;
  double made = 0;
  double taken = 0;
  double brought = 0;
};

constexpr Backlog kCalm = {.used_share = 0.01, .oldest_wait_ns = 20 * kMs};
constexpr Backlog kBusy = {.used_share = 0.2, .oldest_wait_ns = 200 * kMs};
constexpr Backlog kBehind = {.used_share = 0.2, .oldest_wait_ns = 700 * kMs};
constexpr Backlog kFull = {.used_share = 0.9, .oldest_wait_ns = 3000 * kMs};

TEST_CASE("a correlator at ease takes everything") {
  Bench bench;
  bench.Run(100, kCalm, 1e6);
  CHECK(bench.Share() == 1);
  CHECK(bench.control.decision().gives_credit());
  CHECK(bench.control.taken_per_second() == Approx(1e6).epsilon(0.01));
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
  CHECK(bench.control.decision().gives_credit());
  bench.Run(1, kFull);
  CHECK_FALSE(bench.control.decision().gives_credit());
  bench.Run(1, {.used_share = 0.5, .oldest_wait_ns = 100 * kMs});
  CHECK_FALSE(bench.control.decision().gives_credit());
  bench.Run(1, kCalm);
  CHECK(bench.control.decision().gives_credit());
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
    bench.RunWithProbes(1, kCalm, 6000);
    if (second > 30) {
      most = std::max(most, bench.Share());
      least = std::min(least, bench.Share());
    }
  }
  CHECK(most == Approx(0.125));
  CHECK(least == Approx(0.125));
  // Nothing is left waiting.
  CHECK(bench.pending() < 1000);
  // The load is gone: all again.
  bench.RunWithProbes(120, kCalm, 100);
  CHECK(bench.Share() == 1);
}

TEST_CASE(
    "far beyond the limit the share still settles, though credit is withheld most of the time") {
  LoadControlOptions options;
  options.max_events_per_second = 1000;
  Bench bench(options);
  bench.RunWithProbes(30, kCalm, 100'000);
  CHECK(bench.Share() <= 1.0 / 128);
  CHECK(bench.Share() >= 1.0 / 256);
}

TEST_CASE("what comes at once after an outage is no reason to ask for less") {
  LoadControlOptions options;
  options.max_events_per_second = 1000;
  for (const double most : {1e9, 1000.0}) {
    Bench bench(options);
    bench.RunWithProbes(10, kCalm, 600);
    bench.BringBack(60'000);
    bool was_withheld = false;
    for (int second = 0; second < 300; ++second) {
      bench.RunWithProbes(1, kCalm, 600, most);
      was_withheld |= !bench.control.decision().gives_credit();
      REQUIRE(bench.Share() == 1);
    }
    CHECK(was_withheld);
    CHECK(bench.control.decision().gives_credit());
    CHECK(bench.pending() < 1000);
  }
}

TEST_CASE("one late look changes nothing, and keeps nobody from recovering") {
  Bench bench;
  bench.Run(1, kCalm);
  for (int i = 0; i < 100; ++i) {
    bench.Look(kBehind, 0, 0);
    bench.Look(kBehind, 0, 0);
    bench.Look(kCalm, 0, 0);
  }
  CHECK(bench.Share() == 1);
  bench.Run(1, kBehind);
  CHECK(bench.Share() == 0.5);
  // One in each second.
  for (int i = 0; i < 7; ++i) {
    bench.Look(kBehind, 0, 0);
    bench.Run(1, kCalm);
  }
  CHECK(bench.Share() == 1);
}

TEST_CASE("while credit is withheld nothing more is taken away") {
  Bench bench;
  bench.Run(1, kCalm);
  bench.Run(30, kFull);
  CHECK_FALSE(bench.control.decision().gives_credit());
  CHECK(bench.Share() == 1);
}

TEST_CASE("all that comes near the limit leaves the patience as it was") {
  // 60 % of the limit: nothing more could be asked for, and nothing has to be.
  LoadControlOptions options;
  options.max_events_per_second = 1000;
  Bench bench(options);
  const auto overload_and_recover = [&] {
    bench.RunWithProbes(5, kCalm, 2100);
    REQUIRE(bench.Share() < 1);
    int seconds = 0;
    while (bench.Share() < 1 && seconds < 300) {
      bench.RunWithProbes(1, kCalm, 600);
      ++seconds;
    }
    return seconds;
  };
  const int first = overload_and_recover();
  for (int i = 0; i < 5; ++i) {
    bench.RunWithProbes(60, kCalm, 600);
    CHECK(overload_and_recover() <= 2 * first + 2);
  }
}

TEST_CASE("ingest that takes less than is made asks for less, although no queue is long") {
  Bench bench;
  bench.RunWithProbes(10, kCalm, 100'000);
  CHECK(bench.Share() == 1);
  // 60,000 a second is what it manages.
  bench.RunWithProbes(60, kCalm, 100'000, 6000);
  CHECK(bench.Share() == 0.5);
}

TEST_CASE("probes have on the way what finds room") {
  Bench bench;
  bench.Run(1, kCalm, 1000);
  CHECK(bench.control.decision().credit_batches == 32);
  // Ten probes, batches of 100 events.
  for (const auto& [room, credit] : {std::pair<uint64_t, uint32_t>{1'000'000, 32},
                                     {32'000, 32},
                                     {20'000, 16},
                                     {9'000, 8},
                                     {1'500, 1},
                                     {0, 1}}) {
    Backlog backlog = kCalm;
    backlog.room_events = room;
    bench.Run(1, backlog, 1000);
    CHECK(bench.control.decision().credit_batches == credit);
  }
}

TEST_CASE("what comes far beyond the limit waits at the probes") {
  LoadControlOptions options;
  options.max_events_per_second = 1000;
  Bench bench(options);
  bench.Run(1, kCalm);
  bench.Run(1, kCalm, 5000);
  CHECK_FALSE(bench.control.decision().gives_credit());
  bench.Run(10, kCalm, 0);
  CHECK(bench.control.decision().gives_credit());
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
