// RTP in the capture code: recognised by its sequence, stripped to its payload, signed whole.

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::MuLaw;
using testing::RandomBytes;
using testing::RtpOptions;
using testing::RtpPacket;
using testing::Speech;
using testing::UdpFrame;

constexpr size_t kFrameBytes = 160;

class Receiver {
 public:
  Receiver()
      : capture_(
            SoftwareCapture::Create(capture_config_make(1, 64, 8, 256, CAPTURE_ALGORITHM_XXHASH),
                                    64, [this](const signature_event& event) {
                                      // Windows of the content have a test of their own.
                                      if (event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD) {
                                        events.push_back(event);
                                      }
                                    })) {}

  void Datagram(const Bytes& payload, uint16_t source_port = 40000) {
    testing::FrameOptions options;
    options.source_port = source_port;
    capture_->Packet(UdpFrame(payload, options), time_ns_, 3, CAPTURE_DIRECTION_INGRESS, {});
  }

  void Pass(uint64_t milliseconds) { time_ns_ += milliseconds * 1'000'000; }

  uint64_t Count(capture_counter counter) const { return capture_->counters()[counter]; }

  std::vector<signature_event> events;

 private:
  std::unique_ptr<SoftwareCapture> capture_;
  uint64_t time_ns_ = 1'000'000'000'000;
};

Bytes Frame(const Bytes& audio, size_t number) {
  const auto from = audio.begin() + static_cast<std::ptrdiff_t>(number * kFrameBytes);
  return {from, from + kFrameBytes};
}

// Loud G.711: the first part of a prompt may be a pause.
const Bytes& Audio() {
  static const Bytes audio = MuLaw(Speech(640000, 3));
  return audio;
}

TEST_CASE("every packet after the first gives an event with its RTP fields") {
  Receiver receiver;
  for (uint16_t i = 0; i < 50; ++i) {
    RtpOptions rtp;
    rtp.sequence = static_cast<uint16_t>(65520 + i);  // wraps
    rtp.timestamp = 0xffffff00 + i * 160U;
    rtp.marker = i == 10;
    receiver.Datagram(RtpPacket(Frame(Audio(), i), rtp));
  }
  REQUIRE(receiver.events.size() == 49);
  CHECK(receiver.Count(CAPTURE_COUNTER_RTP_PROBATION) == 1);
  const signature_event& event = receiver.events[9];
  CHECK(event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD);
  CHECK(event.position == static_cast<uint16_t>(65530));
  CHECK(event.rtp_timestamp == 0xffffff00 + 1600U);
  CHECK(event.rtp_ssrc == 0x1234);
  CHECK(event.rtp_payload_type == 0);
  CHECK(event.payload_bytes == kFrameBytes);
  CHECK((event.flags & CAPTURE_EVENT_RTP_MARKER) != 0);
  CHECK((receiver.events[8].flags & CAPTURE_EVENT_RTP_MARKER) == 0);
  CHECK(event.level <= 127);
}

TEST_CASE(
    "the signature is the payload's alone: header, CSRCs, extension and padding do not count") {
  const auto signatures = [](const RtpOptions& base) {
    Receiver receiver;
    std::vector<uint64_t> found;
    for (uint16_t i = 0; i < 200; ++i) {
      RtpOptions rtp = base;
      rtp.sequence = static_cast<uint16_t>(base.sequence + i);
      rtp.timestamp = base.timestamp + i * 160U;
      receiver.Datagram(RtpPacket(Frame(Audio(), i), rtp));
    }
    for (const signature_event& event : receiver.events) {
      found.push_back(event.signature);
    }
    return found;
  };
  const std::vector<uint64_t> plain = signatures({});
  CHECK(std::set<uint64_t>(plain.begin(), plain.end()).size() > 50);
  CHECK(signatures({.sequence = 9000, .timestamp = 77, .ssrc = 99}) == plain);
  CHECK(signatures({.csrcs = {1, 2, 3}}) == plain);
  CHECK(signatures({.extension = {0x10203040, 0x50607080}}) == plain);
  CHECK(signatures({.padding_bytes = 12}) == plain);
  CHECK(signatures({.csrcs = {5}, .extension = {1}, .padding_bytes = 1}) == plain);
}

TEST_CASE("each SSRC of a flow is a stream of its own") {
  Receiver receiver;
  for (uint16_t i = 0; i < 30; ++i) {
    for (const uint32_t ssrc : {1U, 2U, 3U}) {
      RtpOptions rtp;
      rtp.ssrc = ssrc;
      rtp.sequence = static_cast<uint16_t>(1000 * ssrc + i);
      receiver.Datagram(RtpPacket(Frame(Audio(), i), rtp));
    }
  }
  CHECK(receiver.events.size() == 29 * 3);
}

TEST_CASE("an SSRC of zero is one as any other") {
  Receiver receiver;
  for (uint16_t i = 0; i < 30; ++i) {
    RtpOptions rtp;
    rtp.ssrc = 0;
    rtp.sequence = i;
    receiver.Datagram(RtpPacket(Frame(Audio(), i), rtp));
  }
  CHECK(receiver.events.size() == 29);
}

TEST_CASE("many sources of one flow, joined midway, are all believed within a second") {
  constexpr uint32_t kSources = 25;
  constexpr uint16_t kPackets = 50;
  Receiver receiver;
  std::mt19937 random(1);
  std::vector<uint32_t> ssrcs(kSources);
  for (uint32_t& ssrc : ssrcs) {
    ssrc = static_cast<uint32_t>(random());
  }
  std::set<uint32_t> heard;
  for (uint16_t i = 0; i < kPackets; ++i) {
    for (const uint32_t ssrc : ssrcs) {
      RtpOptions rtp;
      rtp.ssrc = ssrc;
      rtp.sequence = i;
      receiver.Datagram(RtpPacket(Frame(Audio(), i), rtp));
    }
    receiver.Pass(20);
  }
  for (const signature_event& event : receiver.events) {
    heard.insert(event.rtp_ssrc);
  }
  CHECK(heard.size() == kSources);
  CHECK(receiver.events.size() > kSources * (kPackets - 10));
}

TEST_CASE("datagrams that look like RTP do not push other flows out of the table") {
  std::mt19937 random(2);
  Receiver receiver;
  for (uint16_t i = 0; i < 100; ++i) {
    RtpOptions rtp;
    rtp.sequence = i;
    receiver.Datagram(RtpPacket(Frame(Audio(), i), rtp));
    for (int k = 0; k < 200; ++k) {
      RtpOptions noise;
      noise.ssrc = static_cast<uint32_t>(random());
      noise.sequence = static_cast<uint16_t>(random());
      receiver.Datagram(RtpPacket(Frame(Audio(), i), noise), 50000);
    }
    receiver.Pass(20);
  }
  CHECK(receiver.events.size() == 99);
}

TEST_CASE("duplicates give one event, reordering and loss none too few") {
  Receiver receiver;
  for (const uint16_t sequence : std::initializer_list<uint16_t>{1, 2, 3, 3, 4, 6, 5, 9, 10}) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    receiver.Datagram(RtpPacket(Frame(Audio(), sequence), rtp));
  }
  CHECK(receiver.events.size() == 7);
  CHECK(receiver.Count(CAPTURE_COUNTER_RTP_DUPLICATE) == 1);
}

TEST_CASE("a sender that begins anew is believed after two packets in a row") {
  Receiver receiver;
  for (const uint16_t sequence : std::initializer_list<uint16_t>{1, 2, 3, 30000, 30001, 30002}) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    receiver.Datagram(RtpPacket(Frame(Audio(), sequence % 100), rtp));
  }
  CHECK(receiver.events.size() == 4);
}

TEST_CASE("silence and comfort noise give events without a signature") {
  Receiver receiver;
  for (uint16_t i = 0; i < 20; ++i) {
    RtpOptions rtp;
    rtp.sequence = i;
    receiver.Datagram(RtpPacket(i < 10 ? Bytes(kFrameBytes, 0xff) : Bytes(1, 0x40), rtp));
  }
  CHECK(receiver.events.size() == 19);
  for (const signature_event& event : receiver.events) {
    CHECK((event.flags & CAPTURE_EVENT_SIGNED) == 0);
    CHECK(event.signature == 0);
  }
  CHECK(receiver.events.front().level == 127);
  CHECK(receiver.Count(CAPTURE_COUNTER_GATE_DISTINCT) == 9);
  CHECK(receiver.Count(CAPTURE_COUNTER_RTP_TOO_SHORT) == 10);
}

TEST_CASE("what only looks like RTP is not taken for it") {
  Receiver receiver;
  const Bytes audio = Frame(Audio(), 100);
  for (uint16_t i = 0; i < 20; ++i) {
    RtpOptions rtp;
    rtp.sequence = i;
    rtp.payload_type = 72;  // RTCP sender report with the marker bit
    receiver.Datagram(RtpPacket(audio, rtp));
    rtp.payload_type = 0;
    rtp.version = 1;
    receiver.Datagram(RtpPacket(audio, rtp));
    rtp.version = 2;
    rtp.padding_bytes = 200;
    Bytes bad_padding = RtpPacket({audio.data(), 20}, rtp);
    bad_padding.resize(40);
    bad_padding.back() = 100;
    receiver.Datagram(bad_padding);
  }
  CHECK(receiver.events.empty());
  CHECK(receiver.Count(CAPTURE_COUNTER_NOT_RTP) == 60);
}

TEST_CASE("of a hundred thousand random datagrams none is taken for RTP") {
  Receiver receiver;
  for (uint32_t i = 0; i < 100000; ++i) {
    receiver.Datagram(RandomBytes(40 + i % 100, i), static_cast<uint16_t>(1024 + i % 100));
  }
  CHECK(receiver.events.empty());
}

TEST_CASE("an RTP packet cut or malformed at every length does no harm") {
  Receiver receiver;
  RtpOptions rtp{.csrcs = {1, 2}, .extension = {1, 2, 3}, .padding_bytes = 4};
  const Bytes whole = RtpPacket(Frame(Audio(), 100), rtp);
  for (size_t length = 0; length <= whole.size(); ++length) {
    receiver.Datagram({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
  }
  CHECK(receiver.Count(CAPTURE_COUNTER_PACKETS) == whole.size() + 1);
}

}  // namespace
}  // namespace audio_latency
