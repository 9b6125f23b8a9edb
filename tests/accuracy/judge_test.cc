#include "tests/accuracy/judge.h"

#include <catch2/catch.hpp>
#include <memory>

#include "bpf/capture_layout.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "tests/accuracy/cases.h"
#include "tests/accuracy/scenario.h"

namespace audio_latency::accuracy {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;

class NobodyKnown final : public correlator::EndpointDirectory {
 public:
  correlator::Resolution Resolve(const correlator::EndpointQuery& query) const override {
    correlator::Resolution resolution;
    resolution.endpoint.address = query.address;
    return resolution;
  }
};

// Two calls that hear the same: length-prefixed PCM into the relay and raw PCM out of it.
class TwinCalls {
 public:
  TwinCalls() {
    Scenario scenario;
    for (int caller = 0; caller < 2; ++caller) {
      scenario.calls.push_back({.legs = {{.framing = Framing::kLengthPrefix}, {}},
                                .seconds = 6,
                                .hold_jitter_ns = 0,
                                .caller = caller});
    }
    truth_ = MakeTraffic(scenario)->truth;
    judge_ = std::make_unique<Judge>(truth_,
                                     capture_config_make(0, 64, 8, 256, CAPTURE_ALGORITHM_XXHASH));
  }

  // The passage of the window that begins at an audio byte, as a perfect product reports it.
  correlator::Passage PassageOf(size_t call, size_t leg, uint64_t audio_byte) {
    const StreamTruth& stream = truth_.calls[call].legs[leg].streams[0];
    const ByteRange audio = {.begin = audio_byte, .end = audio_byte + 64};
    const ByteRange window = *stream.StreamOf(audio);
    const auto point = [&](size_t side) {
      return correlator::MatchPoint{
          .flow = FlowOf(stream, leg + side),
          .time_ns = *stream.passed[side].PassedAt(window.begin, window.end)};
    };
    correlator::Passage passage;
    passage.position = stream.first_position + static_cast<uint32_t>(window.begin);
    passage.first = point(0);
    passage.last = point(1);
    passage.source_seen = passage.destination_seen = true;
    return passage;
  }

  static correlator::Match Linked(const correlator::Passage& in, correlator::Passage out) {
    out.predecessor = 0;
    return {.signature = 1, .passages = {in, out}};
  }

  Figures Judged(const correlator::Match& match) {
    judge_->Take(match, *flows_);
    return judge_->Finish();
  }

 private:
  correlator::FlowId FlowOf(const StreamTruth& stream, size_t point) {
    correlator::FlowDescription flow;
    flow.node = *flows_->InternNode(PointName(point));
    flow.source = stream.key.source;
    flow.destination = stream.key.destination;
    flow.source_port = stream.key.source_port;
    flow.destination_port = stream.key.destination_port;
    flow.transport = 6;
    return *flows_->Add(flow, 0);
  }

  NobodyKnown directory_;
  std::unique_ptr<correlator::FlowRegistry> flows_ =
      correlator::FlowRegistry::Create(directory_, 100);
  Truth truth_;
  std::unique_ptr<Judge> judge_;
};

// Inside one message of 640 bytes, in the call's fourth second.
constexpr uint64_t kByte = 160 * 640 + 100;

TEST_CASE("A perfect report is true, without error, and covers its second") {
  TwinCalls calls;
  const Figures figures =
      calls.Judged(TwinCalls::Linked(calls.PassageOf(0, 0, kByte), calls.PassageOf(0, 1, kByte)));
  CHECK(figures.matches == 1);
  CHECK(figures.false_matches == 0);
  CHECK(figures.covered_seconds == 1);
  // Two transits, the relay, and the whole way.
  CHECK(figures.errors_us == std::vector<double>{0, 0, 0, 0});
  CHECK(figures.expected > 100);
  CHECK(figures.seconds_with_sound > 4);
}

TEST_CASE("The same audio of another call is false") {
  TwinCalls calls;
  const Figures figures =
      calls.Judged(TwinCalls::Linked(calls.PassageOf(0, 0, kByte), calls.PassageOf(1, 1, kByte)));
  CHECK(figures.false_matches == 1);
  CHECK(figures.covered_seconds == 0);
  CHECK_FALSE(figures.first_false_match.empty());
}

TEST_CASE("Another byte of the same call is false") {
  TwinCalls calls;
  const Figures figures = calls.Judged(
      TwinCalls::Linked(calls.PassageOf(0, 0, kByte), calls.PassageOf(0, 1, kByte + 1)));
  CHECK(figures.false_matches == 1);
}

TEST_CASE("A wrong time is an error") {
  TwinCalls calls;
  correlator::Passage late = calls.PassageOf(0, 1, kByte);
  late.first.time_ns += 70'000;
  const Figures figures = calls.Judged(TwinCalls::Linked(calls.PassageOf(0, 0, kByte), late));
  CHECK(figures.false_matches == 0);
  CHECK(figures.errors_us == std::vector<double>{0, 0, 70, 70});
}

TEST_CASE("A delay that is of another round of the same audio is false") {
  TwinCalls calls;
  correlator::Passage late = calls.PassageOf(0, 1, kByte);
  late.last.time_ns += 1'500'000;
  const Figures figures = calls.Judged(TwinCalls::Linked(calls.PassageOf(0, 0, kByte), late));
  // The transit, and the whole way.
  CHECK(figures.false_matches == 2);
  CHECK(figures.first_false_match.find("a delay of") != std::string::npos);
}

TEST_CASE("A flow that no call has is false") {
  TwinCalls calls;
  correlator::Passage passage = calls.PassageOf(0, 0, kByte);
  passage.last.flow = calls.PassageOf(0, 1, kByte).first.flow;
  CHECK(calls.Judged({.signature = 1, .passages = {passage}}).false_matches == 1);
}

TEST_CASE("A piece that was not seen at every point does not cover its second") {
  TwinCalls calls;
  correlator::Passage in = calls.PassageOf(0, 0, kByte);
  in.last = in.first;
  const Figures figures = calls.Judged(TwinCalls::Linked(in, calls.PassageOf(0, 1, kByte)));
  CHECK(figures.false_matches == 0);
  CHECK(figures.covered_seconds == 0);
}

TEST_CASE("Each bar is told when it breaks") {
  Result result{.name = "speech", .expectation = Expectation::kFollowedFully};
  result.figures = {.matches = 100,
                    .expected = 50,
                    .found = 50,
                    .of_audio = 60,
                    .seconds_with_sound = 200,
                    .covered_seconds = 198,
                    .errors_us = {1, 2, 3}};
  CHECK(BrokenBars(result).empty());

  SECTION("a false match") { result.figures.false_matches = 1; }
  SECTION("a second too few") { result.figures.covered_seconds = 197; }
  SECTION("an error too large") { result.figures.errors_us = {50.1}; }
  SECTION("no delay at all") { result.figures.errors_us.clear(); }
  SECTION("a signature of the raw stream missing") { result.figures.found = 49; }
  SECTION("nothing to be found") { result.figures.expected = result.figures.found = 0; }
  SECTION("ambiguity not counted") { result.expectation = Expectation::kAmbiguousTrap; }
  CHECK(BrokenBars(result).size() == 1);
}

TEST_CASE("Results are told with null where a figure does not apply") {
  Result result{.name = "silence", .expectation = Expectation::kTrap};
  CHECK(ResultsJson({result}) ==
        "[\n  {\n    \"case\": \"silence\",\n    \"recall\": null,\n    \"coverage\": null,\n"
        "    \"false_matches\": 0,\n    \"median_error_us\": null,\n    \"p99_error_us\": null\n"
        "  }\n]\n");
}

}  // namespace
}  // namespace audio_latency::accuracy
