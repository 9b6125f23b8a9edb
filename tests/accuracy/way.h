// Packets on their way: when each arrives, if it does.

#ifndef TESTS_ACCURACY_WAY_H_
#define TESTS_ACCURACY_WAY_H_

#include <cstdint>
#include <optional>
#include <random>

#include "tests/accuracy/leg.h"

namespace audio_latency::accuracy {

// Takes packets in the order in which they are sent. Keeps their order but for those that it
// reorders.
class Journey {
 public:
  Journey(const Way& way, std::mt19937_64* random) : way_(way), random_(*random) {}

  // When the packet arrives; nothing: it is lost.
  std::optional<int64_t> Send(int64_t sent_ns);

 private:
  const Way way_;
  std::mt19937_64& random_;
  int64_t newest_arrival_ns_ = 0;
};

// True with this probability.
bool Happens(double probability, std::mt19937_64* random);
// Of [from, to].
int64_t UniformNs(int64_t from, int64_t to, std::mt19937_64* random);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_WAY_H_
