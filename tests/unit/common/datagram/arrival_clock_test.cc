#include "common/datagram/arrival_clock.h"

#include <array>
#include <catch2/catch.hpp>
#include <deque>

namespace audio_latency {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

// Gives what it was given.
class FakeSocket final : public DatagramSocket {
 public:
  bool Send(std::span<const uint8_t> /*bytes*/) override { return true; }
  bool SendBack(const DatagramRoute& /*route*/, std::span<const uint8_t> /*bytes*/) override {
    return true;
  }
  std::optional<ReceivedDatagram> TryReceive(std::span<uint8_t> /*room*/) override {
    if (waiting.empty()) {
      return std::nullopt;
    }
    ReceivedDatagram datagram;
    datagram.kernel_realtime_ns = waiting.front();
    waiting.pop_front();
    return datagram;
  }
  bool Wait(int64_t /*timeout_ns*/) override {
    if (coming.empty()) {
      return false;
    }
    waiting = std::exchange(coming, {});
    return true;
  }
  void Interrupt() override {}
  int port() const override { return 1; }

  std::deque<std::optional<int64_t>> waiting;
  // What a Wait brings.
  std::deque<std::optional<int64_t>> coming;
};

TEST_CASE("stamps come over to the monotonic clock") {
  FakeSocket socket;
  ManualClock realtime(1'000 * kSecondNs);
  ManualClock monotonic(5 * kSecondNs);
  ArrivalClock clock(&socket, realtime, monotonic);
  std::array<uint8_t, 8> room;
  CHECK_FALSE(clock.Receive(room, 0).has_value());
  realtime.Advance(1'000);
  monotonic.Advance(1'000);
  socket.coming = {realtime.NowNs() - 400, std::nullopt, realtime.NowNs() + 50};
  auto arrival = clock.Receive(room, 0);
  REQUIRE(arrival.has_value());
  CHECK(arrival->monotonic_ns == monotonic.NowNs() - 400);
  CHECK_FALSE(arrival->wall_clock_was_set);
  // Not stamped: when it was taken.
  arrival = clock.Receive(room, 0);
  REQUIRE(arrival.has_value());
  CHECK(arrival->monotonic_ns == monotonic.NowNs());
  // Nothing arrives after it was taken.
  arrival = clock.Receive(room, 0);
  REQUIRE(arrival.has_value());
  CHECK(arrival->monotonic_ns == monotonic.NowNs());
}

TEST_CASE("while the wall clock is set no stamp is believed, and the first after it is") {
  const int64_t step_ns = GENERATE(kSecondNs, -kSecondNs, int64_t{20'000}, int64_t{-20'000});
  FakeSocket socket;
  ManualClock realtime(1'000 * kSecondNs);
  ManualClock monotonic(5 * kSecondNs);
  ArrivalClock clock(&socket, realtime, monotonic);
  std::array<uint8_t, 8> room;
  // Both waited when the clock was set: neither may be believed.
  socket.waiting = {realtime.NowNs(), realtime.NowNs()};
  realtime.Advance(step_ns);
  CHECK(clock.Receive(room, 0)->wall_clock_was_set);
  CHECK(clock.Receive(room, 0)->wall_clock_was_set);
  socket.coming = {realtime.NowNs() - 10};
  const auto arrival = clock.Receive(room, 0);
  REQUIRE(arrival.has_value());
  CHECK_FALSE(arrival->wall_clock_was_set);
  CHECK(arrival->monotonic_ns == monotonic.NowNs() - 10);
  // Set between two: Empty makes it the past.
  realtime.Advance(step_ns);
  socket.waiting = {realtime.NowNs()};
  clock.Empty();
  CHECK(socket.waiting.empty());
  socket.waiting = {realtime.NowNs()};
  CHECK_FALSE(clock.Receive(room, 0)->wall_clock_was_set);
}

// Each reading takes its time, now and then a long one.
class SlowClock final : public Clock {
 public:
  SlowClock(const ManualClock& of, ManualClock* moved_by_reading)
      : of_(of), moved_(*moved_by_reading) {}
  int64_t NowNs() const override {
    moved_.Advance(++readings_ % 4 == 0 ? 200'000 : 20);
    return of_.NowNs();
  }

 private:
  const ManualClock& of_;
  ManualClock& moved_;
  mutable int readings_ = 0;
};

TEST_CASE("an interruption between two readings is not taken for a clock that was set") {
  FakeSocket socket;
  ManualClock time(kSecondNs);
  const SlowClock realtime(time, &time);
  const SlowClock monotonic(time, &time);
  ArrivalClock clock(&socket, realtime, monotonic);
  std::array<uint8_t, 8> room;
  for (int i = 0; i < 100; ++i) {
    const int64_t arrived_ns = time.NowNs();
    socket.coming = {arrived_ns};
    const auto arrival = clock.Receive(room, 0);
    REQUIRE(arrival.has_value());
    CHECK_FALSE(arrival->wall_clock_was_set);
    // Never too early, for a bound to hold; and late by less than the interruption.
    CHECK(arrival->monotonic_ns >= arrived_ns);
    CHECK(arrival->monotonic_ns <= arrived_ns + 1'000);
  }
}

}  // namespace
}  // namespace audio_latency
