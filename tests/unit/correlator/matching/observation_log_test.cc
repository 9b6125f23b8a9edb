#include "correlator/matching/observation_log.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

namespace audio_latency::correlator {
namespace {

Observation Make(uint64_t signature, int64_t time_ns, uint32_t position) {
  return {.signature = signature, .time_ns = time_ns, .flow = 7, .position = position};
}

std::vector<uint32_t> PositionsOf(ObservationLog* log, uint64_t signature) {
  std::vector<uint32_t> positions;
  for (uint64_t i = log->ChainHead(signature); i != 0; i = log->ChainNext(i)) {
    if (log->At(i).signature() == signature) {
      positions.push_back(log->At(i).position);
    }
  }
  return positions;
}

TEST_CASE("A signature's observations are found, the newest first") {
  ObservationLog log(1024);
  const std::vector<Observation> observations = {Make(5, 0, 1), Make(6, 0, 2), Make(5, 0, 3)};
  CHECK(log.Append(observations, 1) == 0);
  CHECK(PositionsOf(&log, 5) == std::vector<uint32_t>{3, 1});
  CHECK(PositionsOf(&log, 6) == std::vector<uint32_t>{2});
  CHECK(PositionsOf(&log, 7).empty());
  // The same low half: told apart by the whole.
  CHECK(PositionsOf(&log, 5 | uint64_t{1} << 40).empty());
}

TEST_CASE("The oldest observations give way, and undecided ones are counted") {
  ObservationLog log(1024);
  std::mt19937_64 random(1);
  std::vector<Observation> observations;
  for (uint32_t i = 0; i < 1024; ++i) {
    observations.push_back(Make(i / 16, 0, i));
  }
  CHECK(log.Append(observations, 1) == 0);
  CHECK(PositionsOf(&log, 0).size() == 16);
  log.At(1).flow_and_flags |= kLogDecided;
  const std::vector<Observation> three(3, Make(1'000'000, 0, 0));
  // The first was decided, the other two were not.
  CHECK(log.Append(three, 1) == 2);
  CHECK(log.begin() == 4);
  CHECK(PositionsOf(&log, 0).size() == 13);
  // The cursor is past them.
  CHECK(log.Append(three, 100) == 0);
  CHECK(PositionsOf(&log, 1'000'000).size() == 6);
}

TEST_CASE("A chain never holds what is no longer there, however often the ring turns") {
  ObservationLog log(1024);
  std::mt19937_64 random(1);
  for (uint32_t i = 1; i < 20'000; ++i) {
    const Observation observation = Make(random() % 300, 0, i);
    log.Append({&observation, 1}, 1);
    if (i % 97 == 0) {
      for (const uint32_t position : PositionsOf(&log, random() % 300)) {
        REQUIRE(position + 1024 > i);
      }
    }
  }
}

TEST_CASE("More signatures than the index holds give up the oldest") {
  ObservationLog log(1024);
  std::mt19937_64 random(3);
  std::vector<Observation> observations;
  for (uint32_t i = 0; i < 1024; ++i) {
    observations.push_back(Make(random(), 0, i));
  }
  // All are undecided, and no signature comes twice: the index has a quarter of the slots.
  const uint64_t lost = log.Append(observations, 1);
  size_t found = 0;
  for (const Observation& observation : observations) {
    found += !PositionsOf(&log, observation.signature).empty();
  }
  CHECK(found + lost == 1024);
  CHECK(found > 200);
  CHECK_FALSE(PositionsOf(&log, observations.back().signature).empty());
}

TEST_CASE("Times survive in few bits") {
  ObservationLog log(1024);
  for (const int64_t time_ns :
       {int64_t{0}, int64_t{1'000'000'000}, int64_t{86'400'000'000'000} * 400}) {
    const Observation observation = Make(1, time_ns, 0);
    log.Append({&observation, 1}, 1);
    const LogEntry& entry = log.At(log.end() - 1);
    for (const int64_t away_ns : {int64_t{0}, int64_t{60'000'000'000}, int64_t{-60'000'000'000}}) {
      CHECK(std::abs(ObservationLog::TimeNs(entry, time_ns + away_ns) - time_ns) <=
            kLogTimeUnitNs / 2);
    }
  }
}

}  // namespace
}  // namespace audio_latency::correlator
