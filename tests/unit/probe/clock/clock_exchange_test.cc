#include "probe/clock/clock_exchange.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

namespace audio_latency::probe {
namespace {

v1::ClockResponse Answer(const v1::ClockRequest& request, int64_t t2_ns, int64_t t3_ns) {
  v1::ClockResponse response;
  response.set_sequence(request.sequence());
  response.set_probe_send_time_ns(request.probe_send_time_ns());
  response.set_correlator_receive_time_ns(t2_ns);
  response.set_correlator_send_time_ns(t3_ns);
  return response;
}

TEST_CASE("the completed sample rides with the next request, once") {
  ManualClock clock(1'000);
  ClockExchange exchange(clock);
  exchange.Begin();
  CHECK(exchange.NextDueNs() == 1'000);

  v1::ClockRequest request;
  exchange.Fill(&request);
  CHECK(request.sequence() == 1);
  CHECK(request.probe_send_time_ns() == 1'000);
  CHECK_FALSE(request.has_previous());

  exchange.OnResponse(Answer(request, 500'000, 500'100), 2'100);
  CHECK(exchange.statistics().completed == 1);
  CHECK(exchange.statistics().last_round_trip_ns == 1'000);

  clock.Set(100'000'000);
  exchange.Fill(&request);
  CHECK(request.sequence() == 2);
  REQUIRE(request.has_previous());
  CHECK(request.previous().probe_send_time_ns() == 1'000);
  CHECK(request.previous().correlator_receive_time_ns() == 500'000);
  CHECK(request.previous().correlator_send_time_ns() == 500'100);
  CHECK(request.previous().probe_receive_time_ns() == 2'100);

  exchange.Fill(&request);
  CHECK_FALSE(request.has_previous());
}

TEST_CASE("about ten requests a second, at uneven distances") {
  ManualClock clock;
  ClockExchange exchange(clock);
  exchange.Begin();
  v1::ClockRequest request;
  int64_t least_ns = ClockExchange::kIntervalNs;
  int64_t most_ns = ClockExchange::kIntervalNs;
  for (int i = 0; i < 100; ++i) {
    const int64_t asked_ns = clock.NowNs();
    exchange.Fill(&request);
    clock.Set(exchange.NextDueNs());
    least_ns = std::min(least_ns, clock.NowNs() - asked_ns);
    most_ns = std::max(most_ns, clock.NowNs() - asked_ns);
  }
  CHECK(least_ns >= ClockExchange::kIntervalNs * 8 / 10);
  CHECK(most_ns <= ClockExchange::kIntervalNs * 12 / 10);
  CHECK(most_ns - least_ns > ClockExchange::kIntervalNs / 10);
  CHECK(clock.NowNs() == Approx(10e9).epsilon(0.1));
}

TEST_CASE("an answer to nothing that was asked is no sample") {
  ManualClock clock(5);
  ClockExchange exchange(clock);
  exchange.Begin();
  v1::ClockRequest request;
  exchange.Fill(&request);
  const v1::ClockResponse answer = Answer(request, 1, 2);

  v1::ClockResponse wrong_time = answer;
  wrong_time.set_probe_send_time_ns(6);
  exchange.OnResponse(wrong_time, 9);
  exchange.OnResponse(v1::ClockResponse(), 9);
  CHECK(exchange.statistics().unexpected == 2);

  exchange.OnResponse(answer, 9);
  exchange.OnResponse(answer, 9);
  CHECK(exchange.statistics().completed == 1);
  CHECK(exchange.statistics().unexpected == 3);

  // From the stream before.
  exchange.Fill(&request);
  exchange.Begin();
  exchange.OnResponse(Answer(request, 1, 2), 9);
  CHECK(exchange.statistics().completed == 1);
  exchange.Fill(&request);
  CHECK_FALSE(request.has_previous());
}

TEST_CASE("several requests may be on the way at once") {
  ManualClock clock;
  ClockExchange exchange(clock);
  exchange.Begin();
  std::vector<v1::ClockRequest> requests(5);
  for (v1::ClockRequest& request : requests) {
    clock.Advance(100);
    exchange.Fill(&request);
  }
  for (const v1::ClockRequest& request : requests) {
    exchange.OnResponse(Answer(request, 0, 0), 1'000);
  }
  CHECK(exchange.statistics().completed == 5);
}

}  // namespace
}  // namespace audio_latency::probe
