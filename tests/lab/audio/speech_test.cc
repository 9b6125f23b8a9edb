// The speech of the lab: what it is made of and how it is encoded.

#include "tests/lab/audio/speech.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <set>
#include <string>
#include <vector>

#include "tests/lab/audio/rtp_packet.h"
#include "tests/lab/audio/transfer_report.h"
#include "tests/lab/audio/wav.h"

namespace audio_latency::lab {
namespace {

TEST_CASE("speech is the same for one seed, and other for another") {
  SpeechOptions options;
  options.seconds = 20;
  const auto first = LoadSpeech(options);
  REQUIRE(first.ok());
  CHECK(first->size() == size_t{20} * 8000);
  CHECK(*LoadSpeech(options) == *first);
  options.seed = 2;
  CHECK(*LoadSpeech(options) != *first);
}

TEST_CASE("ten minutes of speech hold no second twice") {
  for (const char* language : {"en", "es"}) {
    CAPTURE(language);
    SpeechOptions options;
    options.language = language;
    options.seconds = 600;
    const auto speech = LoadSpeech(options);
    REQUIRE(speech.ok());
    // Any 100 ms of speech that is found again would end up in this set twice.
    std::set<std::vector<int16_t>> pieces;
    int spoken = 0;
    for (size_t at = 0; at + 8000 <= speech->size(); at += 8000) {
      const std::vector<int16_t> second(speech->begin() + static_cast<int64_t>(at),
                                        speech->begin() + static_cast<int64_t>(at) + 8000);
      if (SecondsWithSpeech(second, 8000, 256)[0]) {
        ++spoken;
        CHECK(pieces.insert(second).second);
      }
    }
    CHECK(spoken > 400);
  }
}

TEST_CASE("a language without voices is an error that says what to install") {
  SpeechOptions options;
  options.language = "xx";
  const auto speech = LoadSpeech(options);
  REQUIRE_FALSE(speech.ok());
  CHECK(std::string(speech.status().message()).find("asterisk-core-sounds-xx-wav") !=
        std::string::npos);
}

TEST_CASE("a file that is no WAV is refused by name") {
  const auto wav = ReadWav("/proc/self/stat");
  REQUIRE_FALSE(wav.ok());
  CHECK(std::string(wav.status().message()).find("/proc/self/stat") != std::string::npos);
}

TEST_CASE("doubling the sample rate keeps a tone") {
  std::vector<int16_t> tone;
  tone.reserve(800);
  for (int i = 0; i < 800; ++i) {
    tone.push_back(static_cast<int16_t>(
        std::lround(10000 * std::sin(2 * std::numbers::pi * 1000 * i / 8000))));
  }
  const std::vector<int16_t> doubled = DoubleSampleRate(tone);
  REQUIRE(doubled.size() == 1600);
  for (int i = 100; i < 1500; ++i) {  // away from the ends
    const double expected = 10000 * std::sin(2 * std::numbers::pi * 1000 * i / 16000);
    CHECK(std::abs(doubled[static_cast<size_t>(i)] - expected) < 60);
  }
}

TEST_CASE("mu-law bytes are those of G.711") {
  const std::vector<int16_t> samples = {0, -1, 1000, -1000, 32767, -32768};
  // From ITU-T G.711's tables.
  CHECK(MuLawBytes(samples) == std::string("\xff\x7f\xce\x4e\x80\x00", 6));
}

TEST_CASE("RTP packets survive encoding; other bytes are no packets") {
  RtpPacket packet;
  packet.marker = true;
  packet.sequence = 65535;
  packet.timestamp = 0x12345678;
  packet.ssrc = 0xdeadbeef;
  packet.payload = "speech";
  const auto decoded = DecodeRtp(EncodeRtp(packet));
  REQUIRE(decoded.has_value());
  CHECK(decoded->marker);
  CHECK(decoded->sequence == packet.sequence);
  CHECK(decoded->timestamp == packet.timestamp);
  CHECK(decoded->ssrc == packet.ssrc);
  CHECK(decoded->payload == packet.payload);
  CHECK_FALSE(DecodeRtp("too short").has_value());
}

TEST_CASE("the digest depends on every byte and not on how they came") {
  PayloadDigest whole;
  whole.Add("some speech");
  PayloadDigest pieces;
  pieces.Add("some ");
  pieces.Add("speech");
  CHECK(whole.Text() == pieces.Text());
  pieces.Add("!");
  CHECK(whole.Text() != pieces.Text());
}

}  // namespace
}  // namespace audio_latency::lab
