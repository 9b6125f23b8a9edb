// Which signatures are kept under load: a share of them, and the same ones everywhere.

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "bpf/sampling.h"
#pragma GCC diagnostic pop

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::RtpOptions;
using testing::RtpPacket;

constexpr uint32_t kEighth = (1U << 29) - 1;

capture_config Config(capture_algorithm algorithm = CAPTURE_ALGORITHM_XXHASH) {
  return capture_config_make(42, 64, 5, 256, algorithm);
}

const Bytes& Audio() {
  static const Bytes audio = testing::MuLaw(testing::Speech(320000, 3));
  return audio;
}

// The events of the audio in RTP packets of `bytes` under SSRC `ssrc`, of packets `from` to `to`.
struct Observed {
  std::vector<signature_event> events;
  uint64_t sampled_out = 0;

  std::set<uint64_t> Signatures(uint8_t kind) const {
    std::set<uint64_t> signatures;
    for (const signature_event& event : events) {
      if (event.kind == kind && (event.flags & CAPTURE_EVENT_SIGNED) != 0) {
        signatures.insert(event.signature);
      }
    }
    return signatures;
  }
};

Observed Observe(size_t bytes, uint32_t ssrc, uint32_t threshold,
                 capture_algorithm algorithm = CAPTURE_ALGORITHM_XXHASH) {
  Observed observed;
  const auto capture = SoftwareCapture::Create(
      Config(algorithm), 64,
      [&observed](const signature_event& event) { observed.events.push_back(event); });
  capture->SetSamplingThreshold(threshold);
  RtpOptions rtp;
  rtp.ssrc = ssrc;
  for (size_t at = 0; at + bytes <= Audio().size(); at += bytes) {
    capture->Packet(testing::UdpFrame(RtpPacket({Audio().data() + at, bytes}, rtp)), 1, 3,
                    CAPTURE_DIRECTION_INGRESS, {});
    ++rtp.sequence;
    rtp.timestamp += static_cast<uint32_t>(bytes);
  }
  observed.sampled_out = capture->counters()[CAPTURE_COUNTER_SAMPLED_OUT];
  return observed;
}

std::set<uint64_t> Kept(const std::set<uint64_t>& signatures, uint32_t threshold) {
  std::set<uint64_t> kept;
  for (const uint64_t signature : signatures) {
    if (sampling_keeps(signature, threshold)) {
      kept.insert(signature);
    }
  }
  return kept;
}

TEST_CASE("the threshold keeps its share of any values, and a lower one keeps no others") {
  std::mt19937_64 random(1);
  for (const uint32_t shift : {0U, 1U, 3U, 10U}) {
    const uint32_t threshold = SAMPLING_ALL >> shift;
    int random_kept = 0;
    int small_kept = 0;
    constexpr int kValues = 100000;
    for (int i = 0; i < kValues; ++i) {
      const uint64_t value = random();
      random_kept += sampling_keeps(value, threshold);
      small_kept += sampling_keeps(static_cast<uint64_t>(i), threshold);  // as SSRCs may be
      CHECK((!sampling_keeps(value, threshold >> 1) || sampling_keeps(value, threshold)));
    }
    const double share = 1.0 / (1U << shift);
    CHECK(random_kept / double{kValues} == Approx(share).epsilon(0.2));
    CHECK(small_kept / double{kValues} == Approx(share).epsilon(0.2));
  }
}

TEST_CASE(
    "of the signatures the share is kept, whole payloads and content alike, of any algorithm") {
  for (const capture_algorithm algorithm :
       {CAPTURE_ALGORITHM_XXHASH, CAPTURE_ALGORITHM_CRC32, CAPTURE_ALGORITHM_ROLLING_HASH}) {
    const Observed all = Observe(160, 7, SAMPLING_ALL, algorithm);
    const Observed sampled = Observe(160, 7, kEighth, algorithm);
    CHECK(all.sampled_out == 0);
    size_t kept = 0;
    for (const uint8_t kind : {CAPTURE_SIGNATURE_RTP_PAYLOAD, CAPTURE_SIGNATURE_RTP_CONTENT}) {
      const std::set<uint64_t> signatures = all.Signatures(kind);
      REQUIRE(signatures.size() > 500);
      CHECK(sampled.Signatures(kind) == Kept(signatures, kEighth));
      CHECK(static_cast<double>(sampled.Signatures(kind).size()) ==
            Approx(static_cast<double>(signatures.size()) / 8).epsilon(0.25));
      kept += sampled.Signatures(kind).size();
    }
    CHECK(sampled.sampled_out + kept == all.Signatures(CAPTURE_SIGNATURE_RTP_PAYLOAD).size() +
                                            all.Signatures(CAPTURE_SIGNATURE_RTP_CONTENT).size());
  }
}

TEST_CASE("other packets and another SSRC of the same audio keep the same content") {
  const std::set<uint64_t> one = Observe(160, 7, kEighth).Signatures(CAPTURE_SIGNATURE_RTP_CONTENT);
  const std::set<uint64_t> other =
      Observe(320, 8, kEighth).Signatures(CAPTURE_SIGNATURE_RTP_CONTENT);
  CHECK(one == other);
  CHECK(one.size() > 100);
}

TEST_CASE("of a stream every packet has its event, or only those with a signature that is kept") {
  uint32_t kept = 1;
  uint32_t left_out = 1;
  while (!sampling_keeps(kept, kEighth)) {
    ++kept;
  }
  while (sampling_keeps(left_out, kEighth)) {
    ++left_out;
  }
  const auto packets = [](const Observed& observed) {
    return std::count_if(
        observed.events.begin(), observed.events.end(),
        [](const signature_event& event) { return event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD; });
  };
  const auto all = packets(Observe(160, kept, SAMPLING_ALL));
  const Observed whole = Observe(160, kept, kEighth);
  CHECK(packets(whole) == all);
  for (size_t i = 1; i < whole.events.size(); ++i) {
    if ((whole.events[i].flags & CAPTURE_EVENT_SIGNED) == 0) {
      CHECK(whole.events[i].signature == 0);
    }
  }
  const Observed thinned = Observe(160, left_out, kEighth);
  CHECK(packets(thinned) < all / 4);
  for (const signature_event& event : thinned.events) {
    CHECK((event.flags & CAPTURE_EVENT_SIGNED) != 0);
  }
}

}  // namespace
}  // namespace audio_latency
