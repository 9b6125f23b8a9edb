#include "tests/accuracy/track.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "tests/accuracy/sound.h"

namespace audio_latency::accuracy {
namespace {

TEST_CASE("A-law is that of ITU-T G.711") {
  // Silence, both extremes, and both sides of a segment's end (table 1a).
  const std::array<int16_t, 6> samples = {0, -1, 32'767, -32'768, 255, 256};
  std::vector<int16_t> frame(80, 0);
  std::copy(samples.begin(), samples.end(), frame.begin());
  const auto track = Encode(frame, Codec::kALaw);
  REQUIRE(track.ok());
  CHECK(track->bytes.substr(0, 6) == "\xd5\x55\xaa\x2a\xda\xc5");
}

TEST_CASE("The frames of a track are its bytes, in order and at their rate") {
  const auto samples = MakeSound({.seed = 1}, 5);
  REQUIRE(samples.ok());
  const std::pair<Codec, uint32_t> codecs[] = {
      {Codec::kMuLaw, 8'000},    {Codec::kALaw, 8'000},     {Codec::kL16At8, 16'000},
      {Codec::kL16At16, 32'000}, {Codec::kL16At48, 96'000}, {Codec::kPcmAt16, 32'000}};
  for (const auto& [codec, bytes_per_second] : codecs) {
    const auto track = Encode(*samples, codec);
    REQUIRE(track.ok());
    CHECK(track->bytes.size() == 5 * bytes_per_second);
    CHECK(track->frames.size() == 500);
    CHECK(track->frames.back().begin + track->frames.back().bytes == track->bytes.size());
    CHECK(track->SecondOf(bytes_per_second - 1) == 0);
    CHECK(track->SecondOf(bytes_per_second) == 1);
    CHECK(track->seconds_with_sound.size() == 5);
  }
}

TEST_CASE("Opus packets differ in length, and stop in silence when told to") {
  const auto samples = MakeSound({.seed = 1, .interlude = SoundKind::kSilence}, 10);
  REQUIRE(samples.ok());
  const auto track = Encode(*samples, Codec::kOpusDtx);
  REQUIRE(track.ok());
  CHECK(track->frames.size() == 500);
  const auto silent = std::count_if(track->frames.begin(), track->frames.end(),
                                    [](const AudioFrame& frame) { return frame.is_silent; });
  CHECK(silent > 100);
  CHECK(silent < 300);
}

TEST_CASE("Sounds are as long as asked, and loops repeat") {
  for (const SoundKind kind :
       {SoundKind::kSpeech, SoundKind::kMusic, SoundKind::kSilence, SoundKind::kDither,
        SoundKind::kComfortNoise, SoundKind::kTone, SoundKind::kDtmf}) {
    const auto sound = MakeSound({.kind = kind, .loop_seconds = 2}, 5);
    REQUIRE(sound.ok());
    REQUIRE(sound->size() == 40'000);
    CHECK(std::equal(sound->begin(), sound->begin() + 16'000, sound->begin() + 16'000));
  }
}

}  // namespace
}  // namespace audio_latency::accuracy
