// The comparison of live and replay finds what either lacks: one that could not would show nothing.

#include "tests/interop/settled_links.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <functional>

namespace audio_latency::lab {
namespace {

using audio_latency::v1::Trace;
using audio_latency::v1::TracePoint;

constexpr int kPackets = 500;  // ten seconds
constexpr double kStartSeconds = 1.7e9;

// Of packet i when `is_told(i)`: along the network to the relay, and through it in `delay_us`.
std::vector<Trace> MakeTraces(const std::function<bool(int)>& is_told, double delay_us = 80) {
  std::vector<Trace> traces;
  for (int i = 0; i < kPackets; ++i) {
    if (!is_told(i)) {
      continue;
    }
    Trace& trace = traces.emplace_back();
    trace.set_signature(fmt::format("{:016x}", i));
    const auto add = [&](const char* source, const char* destination, uint32_t ssrc, int position,
                         double delay_seconds) {
      TracePoint* point = trace.add_points();
      point->mutable_source()->set_address(source);
      point->mutable_destination()->set_address(destination);
      point->set_rtp_ssrc(ssrc);
      point->set_position(static_cast<uint32_t>(position));
      point->set_delay_seconds(delay_seconds);
      point->set_time_unix_seconds(kStartSeconds + i * 0.02 + delay_seconds);
    };
    add("10.0.0.1", "10.0.0.2", 11, i, 0);
    add("10.0.0.1", "10.0.0.2", 11, i, 30e-6);
    add("10.0.0.2", "10.0.0.3", 22, 1000 + i, 30e-6 + delay_us * 1e-6);
  }
  return traces;
}

bool Always(int) { return true; }

TEST_CASE("What both tell is the same") {
  const auto hops = CompareSettled(MakeTraces(Always), MakeTraces(Always));
  REQUIRE(hops.size() == 2);
  for (const SettledHop& hop : hops) {
    CAPTURE(hop.name);
    // From second 2 to second 8.98.
    CHECK(hop.both == 350);
    CHECK(hop.MissingShare() == 0);
    CHECK(hop.live_p50_us == Approx(hop.replayed_p50_us));
  }
  CHECK(hops[0].replayed_p50_us == Approx(30).margin(0.01));
  CHECK(hops[1].replayed_p50_us == Approx(80).margin(0.01));
}

TEST_CASE("What is told twice is one link, and the order is nothing") {
  std::vector<Trace> twice = MakeTraces(Always);
  const std::vector<Trace> once = twice;
  twice.insert(twice.end(), once.rbegin(), once.rend());
  CHECK(CompareSettled(twice, once).at(1).both == 350);
}

TEST_CASE("One may learn the pair later, but not later than it takes") {
  const std::vector<Trace> all = MakeTraces(Always);
  CHECK(CompareSettled(MakeTraces([](int i) { return i >= 90; }), all).at(1).MissingShare() == 0);
  CHECK(CompareSettled(MakeTraces([](int i) { return i >= 150; }), all).at(1).only_replayed == 50);
}

TEST_CASE("What one lacks in the midst is counted, whichever it is") {
  const std::vector<Trace> all = MakeTraces(Always);
  const std::vector<Trace> some = MakeTraces([](int i) { return i % 10 != 0; });
  const SettledHop live_lacks = CompareSettled(some, all).at(1);
  CHECK(live_lacks.both == 315);
  CHECK(live_lacks.only_replayed == 35);
  CHECK(live_lacks.only_live == 0);
  CHECK(live_lacks.MissingShare() == Approx(0.1));
  const SettledHop replay_lacks = CompareSettled(all, some).at(1);
  CHECK(replay_lacks.only_live == 35);
  CHECK(replay_lacks.only_replayed == 0);
}

TEST_CASE("One signature at another position is another link") {
  std::vector<Trace> moved = MakeTraces(Always);
  moved[200].mutable_points(2)->set_position(7);
  const SettledHop hop = CompareSettled(moved, MakeTraces(Always)).at(1);
  CHECK(hop.both == 349);
  CHECK(hop.only_live == 1);
  CHECK(hop.only_replayed == 1);
}

TEST_CASE("A hop of one alone is missing") {
  std::vector<Trace> no_relay = MakeTraces(Always);
  for (Trace& trace : no_relay) {
    trace.mutable_points()->RemoveLast();
  }
  const auto hops = CompareSettled(no_relay, MakeTraces(Always));
  REQUIRE(hops.size() == 2);
  CHECK(hops[0].MissingShare() == 0);
  CHECK(hops[1].MissingShare() == 1);
}

TEST_CASE("What the live answers did not wait for is not asked for") {
  const auto hops = CompareSettled(MakeTraces([](int i) { return i < 300; }), MakeTraces(Always));
  CHECK(hops.at(1).both == 150);
  CHECK(hops.at(1).MissingShare() == 0);
}

TEST_CASE("Delays that differ show in the medians") {
  const SettledHop hop = CompareSettled(MakeTraces(Always, 140), MakeTraces(Always, 80)).at(1);
  CHECK(hop.live_p50_us - hop.replayed_p50_us == Approx(60).margin(0.01));
}

}  // namespace
}  // namespace audio_latency::lab
