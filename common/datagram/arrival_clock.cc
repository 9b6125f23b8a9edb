#include "common/datagram/arrival_clock.h"

#include <algorithm>
#include <array>

namespace audio_latency {
namespace {

// Readings of the two clocks that were this close together are good enough; the best of a few is
// taken where the thread was interrupted between them.
constexpr int64_t kCloseNs = 500;
constexpr int kReadings = 5;
// Clocks that stand further from each other than before were not only read with some error.
constexpr int64_t kSetNs = 5'000;

}  // namespace

ArrivalClock::Distance ArrivalClock::Read() const {
  Distance best;
  for (int i = 0; i < kReadings; ++i) {
    const int64_t before_ns = monotonic_.NowNs();
    const int64_t realtime_ns = realtime_.NowNs();
    const int64_t after_ns = monotonic_.NowNs();
    const Distance distance{.least_ns = realtime_ns - after_ns, .most_ns = realtime_ns - before_ns};
    if (i == 0 || distance.most_ns - distance.least_ns < best.most_ns - best.least_ns) {
      best = distance;
    }
    if (best.most_ns - best.least_ns <= kCloseNs) {
      break;
    }
  }
  return best;
}

void ArrivalClock::Empty() {
  std::array<uint8_t, 1> room;
  // Bounded: a peer that sends faster than this reads would be read for ever.
  constexpr int kMostDatagrams = 256;
  Distance before = Read();
  for (int i = 0; i < kMostDatagrams && socket_.TryReceive(room).has_value(); ++i) {
    before = Read();
  }
  when_empty_ = before;
}

std::optional<ArrivalClock::Arrival> ArrivalClock::Receive(std::span<uint8_t> room,
                                                           int64_t timeout_ns) {
  // Read before looking: what arrives meanwhile must not have been stamped by an earlier clock.
  const Distance before = Read();
  std::optional<ReceivedDatagram> received = socket_.TryReceive(room);
  if (!received.has_value()) {
    when_empty_ = before;
    if (!socket_.Wait(timeout_ns) || !(received = socket_.TryReceive(room)).has_value()) {
      return std::nullopt;
    }
  }
  const int64_t taken_ns = monotonic_.NowNs();
  const Distance now = Read();
  Arrival arrival{.datagram = *received, .monotonic_ns = taken_ns};
  if (received->kernel_realtime_ns.has_value()) {
    arrival.monotonic_ns = std::min(taken_ns, *received->kernel_realtime_ns - now.least_ns);
    arrival.wall_clock_was_set =
        now.least_ns > when_empty_.most_ns + kSetNs || now.most_ns < when_empty_.least_ns - kSetNs;
  }
  return arrival;
}

}  // namespace audio_latency
