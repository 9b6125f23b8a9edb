#include "tests/accuracy/way.h"

#include <algorithm>

namespace audio_latency::accuracy {
namespace {

// The least that two packets are apart on the wire.
constexpr int64_t kSpacingNs = 1'000;
// Enough to be overtaken by packets that follow every 20 ms.
constexpr int64_t kDetourMinNs = 5'000'000;
constexpr int64_t kDetourMaxNs = 60'000'000;

}  // namespace

bool Happens(double probability, std::mt19937_64* random) {
  return probability > 0 && std::uniform_real_distribution<double>(0, 1)(*random) < probability;
}

int64_t UniformNs(int64_t from, int64_t to, std::mt19937_64* random) {
  return std::uniform_int_distribution<int64_t>(from, to)(*random);
}

std::optional<int64_t> Journey::Send(int64_t sent_ns) {
  if (Happens(way_.loss, &random_)) {
    return std::nullopt;
  }
  int64_t arrival_ns = sent_ns + way_.delay_ns;
  if (way_.queueing_ns > 0) {
    arrival_ns += static_cast<int64_t>(std::exponential_distribution<double>(
        1.0 / static_cast<double>(way_.queueing_ns))(random_));
  }
  if (Happens(way_.reordering, &random_)) {
    return arrival_ns + UniformNs(kDetourMinNs, kDetourMaxNs, &random_);
  }
  newest_arrival_ns_ = std::max(arrival_ns, newest_arrival_ns_ + kSpacingNs);
  return newest_arrival_ns_;
}

}  // namespace audio_latency::accuracy
