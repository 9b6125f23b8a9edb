// Every promise can be broken, and is then said to be.

#include "tests/lab/demo/promises.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/lab/demo/figures.h"

namespace audio_latency::lab {
namespace {

ScenarioResult GoodResult() {
  ScenarioResult result;
  audio_latency::v1::Path* path = result.answer.add_paths();
  path->set_path("ingress > processor > egress");
  const auto add_hop = [path](audio_latency::v1::Hop::Kind kind, double p50_seconds) {
    audio_latency::v1::Hop* hop = path->add_hops();
    hop->set_kind(kind);
    hop->mutable_one_way_delay()->set_p50_seconds(p50_seconds);
  };
  add_hop(audio_latency::v1::Hop::TRANSIT, 50e-6);
  add_hop(audio_latency::v1::Hop::PROCESSING, 40.1e-3);
  add_hop(audio_latency::v1::Hop::TRANSIT, 60e-6);
  TransferReport report;
  report.bytes = 1000;
  report.digest = "0123456789abcdef";
  result.calls = {{"ingress > processor > egress", 40, report, report, {500, 100, 100}}};
  result.matches = 500;
  return result;
}

int Broken(const ScenarioResult& result) {
  const std::vector<Promise> promises = CheckPromises(result);
  return static_cast<int>(std::count_if(promises.begin(), promises.end(),
                                        [](const Promise& promise) { return !promise.held; }));
}

TEST_CASE("promises that hold are said to") {
  CHECK(Broken(GoodResult()) == 0);
  CHECK(CheckPromises(GoodResult()).size() == 7);
}

TEST_CASE("each promise is broken by what breaks it") {
  ScenarioResult result = GoodResult();
  SECTION("processing too long") {
    result.answer.mutable_paths(0)->mutable_hops(1)->mutable_one_way_delay()->set_p50_seconds(
        41.2e-3);
  }
  SECTION("processing too short") {
    result.answer.mutable_paths(0)->mutable_hops(1)->mutable_one_way_delay()->set_p50_seconds(
        38.9e-3);
  }
  SECTION("slow network") {
    result.answer.mutable_paths(0)->mutable_hops(2)->mutable_one_way_delay()->set_p50_seconds(
        1.1e-3);
  }
  SECTION("a hop is missing") { result.answer.mutable_paths(0)->mutable_hops()->RemoveLast(); }
  SECTION("no such path") { result.answer.mutable_paths(0)->set_path("ingress > processor"); }
  SECTION("two seconds of a hundred are not covered") {
    result.calls[0].audit.covered_seconds = 98;
  }
  SECTION("no speech at all") { result.calls[0].audit = CallAudit(); }
  SECTION("bytes are missing") { result.calls[0].received.bytes = 999; }
  SECTION("bytes are changed") { result.calls[0].received.digest = "0123456789abcdee"; }
  SECTION("a false match") { result.false_matches = 1; }
  SECTION("no matches") { result.matches = 0; }
  SECTION("matches that nobody checked") { result.unseen_matches = 3; }
  CHECK(Broken(result) == 1);
}

TEST_CASE("delays are written for people") {
  CHECK(DelayText(62e-6) == "62 us");
  CHECK(DelayText(-3e-6) == "-3 us");
  CHECK(DelayText(0.0400712) == "40.07 ms");
  CHECK(DelayText(1.25) == "1.250 s");
}

}  // namespace
}  // namespace audio_latency::lab
