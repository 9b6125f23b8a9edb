#include "probe/capture/hidden_traffic.h"

#include <catch2/catch.hpp>

namespace audio_latency::probe {
namespace {

// Looks at an interface after more traffic each time.
class Interface {
 public:
  bool Look(uint64_t packets, uint64_t bytes, uint64_t seen_bytes) {
    sample_.packets += packets;
    sample_.bytes += bytes;
    sample_.seen_bytes += seen_bytes;
    return traffic.Look(sample_);
  }

  HiddenTraffic traffic;

 private:
  // What was there before the first look says nothing.
  TrafficSample sample_ = {1'000'000, 1'000'000'000, 0};
};

TEST_CASE("traffic that is seen is not hidden, nor are headers that GRO takes away") {
  Interface all;
  Interface joined;
  for (int i = 0; i < 10; ++i) {
    CHECK_FALSE(all.Look(1000, 200'000, 200'000));
    // Forty segments of 100 bytes with 66 bytes of headers each, as one.
    CHECK_FALSE(joined.Look(4000, 664'000, 406'600));
  }
  CHECK(all.traffic.seen_share() == 1);
}

TEST_CASE("two looks without what the interface counted tell that it is hidden") {
  Interface link;
  CHECK_FALSE(link.Look(1000, 200'000, 200'000));
  CHECK_FALSE(link.Look(1000, 200'000, 0));
  CHECK(link.Look(1000, 200'000, 0));
  CHECK(link.traffic.seen_share() == 0);
  // A third of it seen is still most of it hidden.
  CHECK(link.Look(900, 180'000, 60'000));
  CHECK(link.traffic.seen_share() == Approx(1.0 / 3));
  // Silence changes nothing, traffic that is seen does.
  CHECK(link.Look(0, 0, 0));
  CHECK_FALSE(link.Look(1000, 200'000, 200'000));
}

TEST_CASE("a burst between the two readings of one look is no hiding") {
  Interface link;
  CHECK_FALSE(link.Look(1000, 200'000, 200'000));
  CHECK_FALSE(link.Look(0, 0, 20'000));
  CHECK_FALSE(link.Look(100, 20'000, 0));
  CHECK_FALSE(link.Look(1000, 200'000, 200'000));
  CHECK_FALSE(link.Look(100, 20'000, 0));
}

TEST_CASE("a few packets say nothing until there are enough") {
  Interface link;
  link.Look(0, 0, 0);
  for (uint64_t i = 1; i < HiddenTraffic::kLeastPackets; ++i) {
    CHECK_FALSE(link.Look(1, 200, 0));
  }
  CHECK_FALSE(link.Look(1, 200, 0));
  for (uint64_t i = 1; i < HiddenTraffic::kLeastPackets; ++i) {
    CHECK_FALSE(link.Look(1, 200, 0));
  }
  CHECK(link.Look(1, 200, 0));
}

TEST_CASE("an interface that counts anew is looked at anew") {
  HiddenTraffic traffic;
  CHECK_FALSE(traffic.Look({1000, 100'000, 0}));
  CHECK_FALSE(traffic.Look({2000, 200'000, 0}));
  CHECK_FALSE(traffic.Look({100, 10'000, 0}));
  CHECK(traffic.Look({1100, 110'000, 0}));
}

}  // namespace
}  // namespace audio_latency::probe
