#include "tests/accuracy/truth.h"

#include <catch2/catch.hpp>

namespace audio_latency::accuracy {
namespace {

TEST_CASE("A byte keeps the time at which it first passed") {
  PassTimes times;
  times.Add(0, 100, 10);
  times.Add(200, 300, 20);
  times.Add(50, 250, 30);  // fills the gap, and comes again for the rest
  CHECK(times.PassedAt(0, 100) == 10);
  CHECK(times.PassedAt(99, 101) == 30);
  CHECK(times.PassedAt(100, 200) == 30);
  CHECK(times.PassedAt(200, 300) == 20);
  CHECK(times.PassedAt(0, 300) == 30);
}

TEST_CASE("What never passed as a whole has no time") {
  PassTimes times;
  CHECK_FALSE(times.PassedAt(0, 1));
  times.Add(100, 200, 10);
  times.Add(300, 400, 20);
  CHECK_FALSE(times.PassedAt(99, 101));
  CHECK_FALSE(times.PassedAt(150, 301));
  CHECK_FALSE(times.PassedAt(399, 401));
  CHECK_FALSE(times.PassedAt(150, 150));
  CHECK(times.PassedAt(399, 400) == 20);
}

// Two frames of 160 bytes of audio, each behind a header of 4 bytes.
StreamTruth FramedStream() {
  StreamTruth stream;
  stream.AddRun({.stream_begin = 4, .audio_begin = 0, .bytes = 160});
  stream.AddRun({.stream_begin = 168, .audio_begin = 160, .bytes = 160});
  return stream;
}

TEST_CASE("Audio is found in a stream, and a stream's audio") {
  const StreamTruth stream = FramedStream();
  CHECK(stream.AudioOf({.begin = 4, .end = 68}) == ByteRange{.begin = 0, .end = 64});
  CHECK(stream.AudioOf({.begin = 150, .end = 178}) == ByteRange{.begin = 146, .end = 170});
  CHECK_FALSE(stream.AudioOf({.begin = 164, .end = 168}));
  CHECK_FALSE(stream.AudioOf({.begin = 400, .end = 464}));
  CHECK(stream.StreamOf({.begin = 200, .end = 264}) == ByteRange{.begin = 208, .end = 272});
  // A header lies in between.
  CHECK_FALSE(stream.StreamOf({.begin = 150, .end = 170}));
  CHECK_FALSE(stream.StreamOf({.begin = 300, .end = 321}));
}

TEST_CASE("Runs that follow each other are one") {
  StreamTruth stream;
  stream.AddRun({.stream_begin = 0, .audio_begin = 0, .bytes = 160});
  stream.AddRun({.stream_begin = 160, .audio_begin = 160, .bytes = 160});
  stream.AddRun({.stream_begin = 320, .audio_begin = 480, .bytes = 160});
  CHECK(stream.runs.size() == 2);
  CHECK(stream.StreamOf({.begin = 100, .end = 300}));
}

TEST_CASE("A piece has passed a leg when its last part has, also over a reconnection") {
  LegTruth leg;
  leg.streams.resize(2);
  leg.streams[0].AddRun({.stream_begin = 0, .audio_begin = 0, .bytes = 160});
  leg.streams[0].passed[1].Add(0, 160, 50);
  leg.streams[1].AddRun({.stream_begin = 0, .audio_begin = 160, .bytes = 160});
  leg.streams[1].passed[1].Add(0, 100, 40);
  CHECK(leg.PassedAt({.begin = 0, .end = 160}, 1) == 50);
  CHECK(leg.PassedAt({.begin = 200, .end = 260}, 1) == 40);
  CHECK(leg.PassedAt({.begin = 100, .end = 200}, 1) == 50);
  CHECK_FALSE(leg.PassedAt({.begin = 200, .end = 261}, 1));
  CHECK_FALSE(leg.PassedAt({.begin = 0, .end = 160}, 0));
}

}  // namespace
}  // namespace audio_latency::accuracy
