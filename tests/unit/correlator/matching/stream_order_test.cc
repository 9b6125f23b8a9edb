#include "correlator/matching/stream_order.h"

#include <catch2/catch.hpp>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;

// A relay that adds a tenth of headers; 100 bytes a millisecond.
StreamStep StepAt(uint32_t audio, int64_t entered_ms, int64_t left_ms,
                  uint32_t first_position = 1000) {
  return {.entered_position = first_position + audio,
          .left_position = 50 + audio + audio / 10,
          .entered_ns = entered_ms * kMillisecondNs,
          .left_ns = left_ms * kMillisecondNs};
}

StreamOrder SteadyOrder(uint32_t first_position = 1000) {
  StreamOrder order;
  for (int ms = 0; ms < 1000; ms += 20) {
    order.Add(StepAt(static_cast<uint32_t>(ms) * 100, ms, ms + 40, first_position));
  }
  return order;
}

TEST_CASE("A piece between the same links of both streams keeps the order, whenever it comes") {
  const StreamOrder order = SteadyOrder();
  CHECK(order.Keeps(StepAt(55'500, 555, 595)));
  CHECK(order.Keeps(StepAt(55'500, 555, 5000)));
  CHECK(order.Keeps(StepAt(85'000, 10, 5000)));
}

TEST_CASE("A piece that others have overtaken in one of the streams does not") {
  const StreamOrder order = SteadyOrder();
  StreamStep step = StepAt(35'500, 355, 955);
  step.left_position = StepAt(75'500, 0, 0).left_position;
  CHECK_FALSE(order.Keeps(step));
  step = StepAt(75'500, 755, 395);
  step.left_position = StepAt(35'500, 0, 0).left_position;
  CHECK_FALSE(order.Keeps(step));
  // Ahead in one, behind in the other.
  step = StepAt(35'500, 355, 2000);
  step.left_position = StepAt(120'000, 0, 0).left_position;
  CHECK_FALSE(order.Keeps(step));
}

TEST_CASE("Between links that are far apart, a piece is where its share of the way is") {
  StreamOrder order;
  order.Add(StepAt(0, 0, 40));
  order.Add(StepAt(400'000, 4000, 4040));
  CHECK(order.Keeps(StepAt(100'000, 1000, 4030)));
  // The same piece in the next round of a loop of one second.
  StreamStep step = StepAt(100'000, 1000, 4030);
  step.left_position = StepAt(200'000, 0, 0).left_position;
  CHECK_FALSE(order.Keeps(step));
  order.Clear();
  order.Add(StepAt(0, 0, 40));
  order.Add(StepAt(1'010'000, 10'100, 10'140));
  CHECK_FALSE(order.Keeps(StepAt(100'000, 1000, 10'130)));
}

TEST_CASE("What stood still for six seconds behind a segment lost again and again is in order") {
  StreamOrder order;
  order.Add(StepAt(0, 0, 40));
  // All leave at once, and the last of them is told first.
  order.Add(StepAt(600'000, 6000, 6260));
  CHECK(order.Keeps(StepAt(10'000, 100, 6250)));
  CHECK(order.Keeps(StepAt(550'000, 5500, 6250)));
  // What is said again a second later is another piece, though a second is little of nine.
  order.Clear();
  order.Add(StepAt(0, 0, 40));
  order.Add(StepAt(900'000, 9000, 9040));
  StreamStep step = StepAt(400'000, 4000, 9030);
  CHECK(order.Keeps(step));
  step.left_position = StepAt(460'000, 0, 0).left_position;
  CHECK_FALSE(order.Keeps(step));
}

TEST_CASE("Of what is behind or ahead of all that is remembered nothing is known") {
  CHECK_FALSE(StreamOrder().Keeps(StepAt(0, 0, 40)));
  CHECK_FALSE(SteadyOrder().Keeps(StepAt(120'000, 1200, 5000)));
  StreamOrder order;
  for (int ms = 0; ms < 10'000; ms += 20) {
    order.Add(StepAt(static_cast<uint32_t>(ms) * 100, ms, ms + 40));
  }
  CHECK_FALSE(order.Keeps(StepAt(100'000, 1000, 11'000)));
  CHECK(order.Keeps(StepAt(950'000, 9500, 11'000)));
}

TEST_CASE("Positions wrap") {
  const StreamOrder order = SteadyOrder(0u - 50'000u);
  CHECK(order.Keeps(StepAt(45'500, 455, 5000, 0u - 50'000u)));
  CHECK(order.Keeps(StepAt(55'500, 555, 5000, 0u - 50'000u)));
  CHECK_FALSE(order.Keeps(StepAt(55'500, 555, 5000, 0u - 20'000u)));
}

TEST_CASE("What was held back fills the place that it left") {
  StreamOrder order;
  order.Add(StepAt(0, 0, 40));
  order.Add(StepAt(100'000, 1000, 1040));
  // 200 to 800 ms waited for what entered at 100 ms.
  order.Add(StepAt(50'000, 500, 1030));
  CHECK(order.Keeps(StepAt(20'000, 200, 1020)));
  CHECK(order.Keeps(StepAt(80'000, 800, 1035)));
  StreamStep swapped = StepAt(20'000, 200, 1035);
  swapped.left_position = StepAt(80'000, 0, 0).left_position;
  CHECK_FALSE(order.Keeps(swapped));
}

TEST_CASE("When the streams begin anew, what was before them is forgotten") {
  const uint32_t first_position = GENERATE(1'000u, 3'000'000'000u, 0u - 200'000u);
  StreamOrder order = SteadyOrder();
  for (int ms = 0; ms < 500; ms += 20) {
    StreamStep step = StepAt(static_cast<uint32_t>(ms) * 100, 2000 + ms, 2040 + ms, first_position);
    step.left_position += 0u - 300'000u;
    order.Add(step);
  }
  StreamStep step = StepAt(25'000, 2250, 4000, first_position);
  step.left_position += 0u - 300'000u;
  CHECK(order.Keeps(step));
  // Of the new stream, but taken for an earlier piece.
  step.entered_position = StepAt(5'000, 0, 0, first_position).entered_position;
  CHECK_FALSE(order.Keeps(step));
}

TEST_CASE("However long the call, the memory is bounded, and given back") {
  StreamOrder order;
  for (int ms = 0; ms < 60'000; ms += 20) {
    order.Add(StepAt(static_cast<uint32_t>(ms) * 100, ms, ms + 40));
    REQUIRE(order.memory_bytes() <= StreamOrder::kMaxBytes);
  }
  CHECK(order.memory_bytes() == StreamOrder::kMaxBytes);
  // Told late, from before all that is remembered: it takes nobody's place.
  order.Add(StepAt(4'000'000, 40'000, 40'040));
  CHECK(order.memory_bytes() == StreamOrder::kMaxBytes);
  CHECK_FALSE(order.Keeps(StepAt(4'050'000, 40'500, 61'000)));
  CHECK(order.Keeps(StepAt(5'905'000, 59'050, 61'000)));
  order.Clear();
  CHECK(order.memory_bytes() == 0);
  CHECK_FALSE(order.Keeps(StepAt(5'905'000, 59'050, 61'000)));
}

TEST_CASE("A place is found for what comes late when the memory is full") {
  StreamOrder order;
  for (int ms = 0; ms < 60'000; ms += 1000) {
    order.Add(StepAt(static_cast<uint32_t>(ms) * 100, ms, ms + 40));
  }
  order.Add(StepAt(5'550'000, 55'500, 59'100));
  // Between 55.5 and 56 s: by the shares of 55 to 56 s it is in order too.
  CHECK(order.Keeps(StepAt(5'570'000, 55'700, 59'100)));
  // Between 55 and 55.5 s only with the one added: of 0.2 s in one stream, 0.4 s in the other.
  StreamStep step = StepAt(5'520'000, 55'200, 59'100);
  step.left_position = StepAt(5'526'000, 0, 0).left_position;
  CHECK_FALSE(order.Keeps(step));
}

}  // namespace
}  // namespace audio_latency::correlator
