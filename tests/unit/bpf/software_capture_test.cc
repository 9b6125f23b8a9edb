// The capture code in user space: every way of cutting a stream gives the same signatures.

#include "bpf/software/software_capture.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "bpf/capture_layout.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/reference_signer.h"
#include "tests/unit/bpf/software_stream.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::Config;
using testing::FrameOptions;
using testing::kSyn;
using testing::RandomBytes;
using testing::ReferenceSignatures;
using testing::Signatures;
using testing::Speech;
using testing::Stream;
using testing::TcpFrame;

Signatures Cut(const Bytes& stream, const capture_config& config, std::mt19937& random,
               size_t longest) {
  Stream cut(config);
  cut.Syn();
  for (size_t at = 0; at < stream.size();) {
    const size_t bytes = std::min(stream.size() - at, 1 + random() % longest);
    cut.Segment(stream, at, bytes);
    at += bytes;
  }
  return cut.signatures;
}

TEST_CASE(
    "thousands of random cuts of speech, G.711 and noise all give the reference's signatures") {
  std::mt19937 random(1);
  const Bytes speech = Speech(12000, 1);
  const Bytes streams[] = {speech, testing::MuLaw(Speech(24000, 2)), RandomBytes(12000, 3)};
  for (const uint32_t window_bytes : {16U, 64U, 100U, 256U, 1024U}) {
    const capture_config config = Config(window_bytes, 6);
    for (const Bytes& stream : streams) {
      const Signatures reference = ReferenceSignatures(stream, config);
      REQUIRE(reference.size() > 20);
      for (int round = 0; round < 150; ++round) {
        const size_t longest = size_t{1} << (random() % 15);
        if (longest < 4 && round % 16 != 0) {
          continue;  // a byte a segment is slow; a few rounds of it do
        }
        REQUIRE(Cut(stream, config, random, longest) == reference);
      }
    }
  }
}

TEST_CASE("retransmissions and overlaps change nothing") {
  std::mt19937 random(2);
  const Bytes stream = Speech(20000, 4);
  const capture_config config = Config(64, 6);
  const Signatures reference = ReferenceSignatures(stream, config);
  for (int round = 0; round < 200; ++round) {
    Stream cut(config);
    cut.Syn();
    size_t next = 0;
    while (next < stream.size()) {
      const size_t back = std::min<size_t>(next, random() % 3 == 0 ? random() % 500 : 0);
      const size_t from = next - back;
      const size_t bytes = std::min(stream.size() - from, 1 + random() % 1400);
      cut.Segment(stream, from, bytes);
      next = std::max(next, from + bytes);
    }
    REQUIRE(cut.signatures == reference);
  }
}

TEST_CASE("a stream joined midway is signed from its fifth byte on") {
  const Bytes stream = Speech(8000, 6);
  const capture_config config = Config(64, 6);
  Stream joined(config);
  joined.Segment(stream, 2000, 6000);
  for (const auto& [offset, signature] : ReferenceSignatures(stream, config)) {
    CHECK(joined.signatures.contains(offset) == (offset >= 2004));
  }
}

TEST_CASE("a reused 5-tuple begins anew, with and without its SYN seen") {
  const Bytes first = Speech(4000, 7);
  const Bytes second = Speech(4000, 8);
  const capture_config config = Config(64, 6);
  std::vector<signature_event> events;
  auto capture =
      SoftwareCapture::Create(config, 4, [&](const signature_event& e) { events.push_back(e); });
  const auto send = [&](const Bytes& bytes, uint32_t sequence, uint8_t flags) {
    FrameOptions options;
    options.sequence = sequence;
    options.tcp_flags = flags;
    capture->Packet(TcpFrame(bytes, options), 1, 3, CAPTURE_DIRECTION_INGRESS, {});
  };
  const size_t expected = ReferenceSignatures(second, config).size();
  send(first, 3000000000, 0x18);
  events.clear();
  SECTION("SYN") {
    send({}, 999, kSyn);
    send(second, 1000, 0x18);
    CHECK(events.size() == expected);
    CHECK((events.at(0).flags & CAPTURE_EVENT_INITIAL_SEQUENCE_KNOWN) != 0);
    CHECK(events.at(0).initial_sequence == 1000);
  }
  SECTION("jump back") {
    send(second, 2000000000, 0x18);
    CHECK(events.size() == expected);
  }
}

TEST_CASE("silence, tones and fill patterns are not signed, and it is counted why") {
  const auto signatures = [](const Bytes& stream, Stream* counted) {
    counted->Syn();
    for (size_t at = 0; at < stream.size(); at += 640) {
      counted->Segment(stream, at, std::min<size_t>(640, stream.size() - at));
    }
    return counted->signatures.size();
  };
  const capture_config config = Config(64, 5);
  SECTION("digital silence of every codec") {
    for (const int value : {0x00, 0xff, 0x7f, 0xd5, 0x55, 0x80}) {
      Stream stream(config);
      CHECK(signatures(Bytes(64000, static_cast<uint8_t>(value)), &stream) == 0);
    }
  }
  SECTION("an exactly periodic tone of few values") {
    Bytes tone;
    for (int i = 0; i < 32000; ++i) {
      const auto sample = static_cast<int16_t>(i % 4 < 2 ? 8000 : -8000);
      tone.push_back(static_cast<uint8_t>(sample));
      tone.push_back(static_cast<uint8_t>(sample >> 8));
    }
    Stream stream(config);
    CHECK(signatures(tone, &stream) == 0);
  }
  SECTION("quiet noise as 16-bit samples at either byte parity, and as G.711") {
    std::mt19937 random(9);
    Bytes quiet;
    for (int i = 0; i < 32000; ++i) {
      const auto sample = static_cast<int16_t>(static_cast<int>(random() % 300) - 150);
      quiet.push_back(static_cast<uint8_t>(sample));
      quiet.push_back(static_cast<uint8_t>(sample >> 8));
    }
    Bytes odd = quiet;
    odd.insert(odd.begin(), 0x12);
    for (const Bytes& bytes : {quiet, odd, testing::MuLaw(quiet)}) {
      Stream gated(config);
      CHECK(signatures(bytes, &gated) == 0);
      CHECK(gated.Count(CAPTURE_COUNTER_GATE_SILENCE) > 0);
      Stream open(Config(64, 5, 0));
      CHECK(signatures(bytes, &open) > 100);
    }
  }
}

TEST_CASE("GSO packets of 64 KiB are signed in full") {
  const Bytes stream = RandomBytes(200000, 10);
  const capture_config config = Config(64, 8);
  Stream large(config);
  large.Syn();
  for (size_t at = 0; at < stream.size(); at += 65000) {
    large.Segment(stream, at, std::min<size_t>(65000, stream.size() - at));
  }
  CHECK(large.signatures == ReferenceSignatures(stream, config));
  CHECK(large.Count(CAPTURE_COUNTER_ANCHORS_OVERFLOW) == 0);
}

TEST_CASE("what is beyond the longest payload is counted, and nothing is signed across it") {
  const Bytes stream = RandomBytes(90000, 12);
  const capture_config config = Config(64, 6);
  Stream big(config);
  big.Syn();
  big.Big(stream, 80000);
  big.Segment(stream, 80000, 10000);
  CHECK(big.Count(CAPTURE_COUNTER_PACKET_TOO_LONG) == 1);
  for (const auto& [offset, signature] : ReferenceSignatures(stream, config)) {
    const bool is_whole = offset + 64 <= CAPTURE_PAYLOAD_MAX_BYTES || offset >= 80004;
    REQUIRE(big.signatures.contains(offset) == is_whole);
  }
}

TEST_CASE("the flow table is bounded") {
  const Bytes speech = Speech(2000, 11);
  size_t events = 0;
  auto capture =
      SoftwareCapture::Create(Config(64, 6), 8, [&](const signature_event&) { ++events; });
  for (uint16_t port = 1; port <= 1000; ++port) {
    FrameOptions options;
    options.source_port = port;
    capture->Packet(TcpFrame(speech, options), 1, 3, CAPTURE_DIRECTION_EGRESS, {});
  }
  CHECK(events > 1000);
  CHECK(capture->counters()[CAPTURE_COUNTER_PACKETS] == 1000);
}

}  // namespace
}  // namespace audio_latency
