// Windows of content across RTP payloads: the same as of the bare audio, whatever its packets are.

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <vector>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/reference_signer.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::RtpOptions;
using testing::RtpPacket;

using Windows = std::multiset<uint64_t>;

capture_config Config() { return capture_config_make(42, 64, 5, 256, CAPTURE_ALGORITHM_XXHASH); }

const Bytes& Audio() {
  static const Bytes audio = testing::MuLaw(testing::Speech(160000, 3));
  return audio;
}

class Receiver {
 public:
  explicit Receiver(const capture_config& config = Config())
      : capture_(SoftwareCapture::Create(
            config, 64, [this](const signature_event& event) { events.push_back(event); })) {}

  // Packet `number` of the audio cut into packets of `bytes`.
  void Packet(size_t number, size_t bytes, RtpOptions rtp = {}) {
    const size_t from = number * bytes;
    REQUIRE(from < Audio().size());
    rtp.sequence = static_cast<uint16_t>(rtp.sequence + number);
    rtp.timestamp = static_cast<uint32_t>(from);
    Datagram(RtpPacket({Audio().data() + from, std::min(bytes, Audio().size() - from)}, rtp), 0);
  }

  void Datagram(const Bytes& payload, uint32_t segment_bytes, uint64_t time_ns = 1) {
    capture_->Packet(testing::UdpFrame(payload), time_ns, 3, CAPTURE_DIRECTION_INGRESS,
                     {.segment_bytes = segment_bytes});
  }

  Windows ContentOf() const {
    Windows windows;
    for (const signature_event& event : events) {
      if (event.kind == CAPTURE_SIGNATURE_RTP_CONTENT) {
        windows.insert(event.signature);
      }
    }
    return windows;
  }

  uint64_t Count(capture_counter counter) const { return capture_->counters()[counter]; }

  std::vector<signature_event> events;

 private:
  std::unique_ptr<SoftwareCapture> capture_;
};

// Of the audio from `from` to `to`, as a TCP stream would give.
Windows Reference(size_t from, size_t to) {
  Windows windows;
  for (const auto& [offset, signature] :
       testing::ReferenceSignatures(std::span(Audio()).subspan(from, to - from), Config())) {
    windows.insert(signature);
  }
  return windows;
}

TEST_CASE("packets of every length give the windows of the bare audio") {
  for (const size_t bytes : {10UL, 20UL, 33UL, 80UL, 160UL, 240UL, 320UL, 480UL, 1920UL}) {
    for (const RtpOptions& header : {RtpOptions{}, RtpOptions{.sequence = 65500, .csrcs = {1, 2}},
                                     RtpOptions{.extension = {1, 2, 3}, .padding_bytes = 7}}) {
      Receiver receiver;
      const size_t packets = Audio().size() / bytes;
      for (size_t i = 0; i < packets; ++i) {
        receiver.Packet(i, bytes, header);
      }
      // The first packet only shows that the second follows it.
      const Windows expected = Reference(bytes, packets * bytes);
      REQUIRE(expected.size() > 400);
      CHECK((receiver.ContentOf() == expected));
    }
  }
}

TEST_CASE("a window follows its packet's event and has its place") {
  Receiver receiver;
  for (size_t i = 0; i < 200; ++i) {
    receiver.Packet(i, 160, {.sequence = 65500, .ssrc = 77});
  }
  size_t windows = 0;
  for (size_t i = 0; i < receiver.events.size(); ++i) {
    const signature_event& event = receiver.events[i];
    if (event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD) {
      continue;
    }
    ++windows;
    REQUIRE(i > 0);
    CHECK(event.position == receiver.events[i - 1].position);
    CHECK(event.time_ns == receiver.events[i - 1].time_ns);
    CHECK(event.rtp_ssrc == 77);
    CHECK((event.flags & CAPTURE_EVENT_SIGNED) != 0);
    CHECK((event.flags & CAPTURE_EVENT_RTP_MARKER) == 0);
    CHECK(event.level == CAPTURE_LEVEL_UNKNOWN);
  }
  CHECK(windows > 100);
}

TEST_CASE("lost and late packets lose only the windows that span their borders") {
  Receiver receiver;
  std::vector<size_t> order;
  for (size_t i = 0; i < 400; ++i) {
    order.push_back(i);
  }
  std::swap(order[100], order[101]);
  order.erase(order.begin() + 200);
  for (const size_t number : order) {
    receiver.Packet(number, 160);
  }
  CHECK(receiver.Count(CAPTURE_COUNTER_RTP_LATE) == 1);
  CHECK(receiver.Count(CAPTURE_COUNTER_RTP_GAP) == 2);
  const Windows found = receiver.ContentOf();
  Windows expected;
  const auto crosses = [](size_t from, size_t border) {
    return from - 4 < border * 160 && from + 64 > border * 160;
  };
  for (const auto& [offset, signature] :
       testing::ReferenceSignatures(std::span(Audio()).first(400 * 160), Config())) {
    const bool is_lost = offset < 164 || crosses(offset, 100) || crosses(offset, 101) ||
                         (offset + 64 > 200 * 160 && offset < 201 * 160 + 4);
    if (!is_lost) {
      expected.insert(signature);
    }
  }
  CHECK((found == expected));
}

TEST_CASE("a repeated packet gives no second window") {
  Receiver once;
  Receiver twice;
  for (size_t i = 0; i < 300; ++i) {
    once.Packet(i, 160);
    twice.Packet(i, 160);
    twice.Packet(i, 160);
  }
  CHECK((once.ContentOf() == twice.ContentOf()));
  CHECK(twice.Count(CAPTURE_COUNTER_RTP_DUPLICATE) == 299);
}

TEST_CASE("comfort noise between packets of audio is not of the stream") {
  Receiver plain;
  Receiver with_noise;
  uint16_t sequence = 0;
  for (size_t i = 0; i < 300; ++i) {
    plain.Packet(i, 160);
    const std::span<const uint8_t> payload(Audio().data() + i * 160, 160);
    with_noise.Datagram(RtpPacket(payload, {.sequence = sequence++}), 0);
    if (i % 10 == 9) {
      for (const uint8_t payload_type : {uint8_t{13}, uint8_t{19}}) {
        with_noise.Datagram(RtpPacket(testing::RandomBytes(20, static_cast<uint32_t>(i)),
                                      {.payload_type = payload_type, .sequence = sequence++}),
                            0);
      }
    }
  }
  CHECK((with_noise.ContentOf() == plain.ContentOf()));
}

TEST_CASE("what is lost around comfort noise is not signed across") {
  for (const bool noise_is_lost : {false, true}) {
    Receiver receiver;
    uint16_t sequence = 0;
    for (size_t i = 0; i < 400; ++i) {
      // The packet before the noise, or the noise itself, does not arrive.
      const std::span<const uint8_t> payload(Audio().data() + i * 160, 160);
      if (i % 10 != 9 || noise_is_lost) {
        receiver.Datagram(RtpPacket(payload, {.sequence = sequence}), 0);
      }
      ++sequence;
      if (i % 10 == 9) {
        if (!noise_is_lost) {
          receiver.Datagram(RtpPacket(Bytes(1, 60), {.payload_type = 13, .sequence = sequence}), 0);
        }
        ++sequence;
      }
    }
    const Windows all = Reference(0, 400 * 160);
    size_t found = 0;
    for (const uint64_t signature : receiver.ContentOf()) {
      REQUIRE(all.contains(signature));
      ++found;
    }
    CHECK(found > 500);
  }
}

TEST_CASE("a sender that begins anew is not joined to what it sent before") {
  Receiver receiver;
  for (size_t i = 0; i < 100; ++i) {
    receiver.Packet(i, 160);
  }
  for (size_t i = 100; i < 300; ++i) {
    receiver.Packet(i, 160, {.sequence = 20000});
  }
  Windows expected;
  for (const auto& [offset, signature] :
       testing::ReferenceSignatures(std::span(Audio()).first(300 * 160), Config())) {
    if (offset >= 164 && (offset + 64 <= 100 * 160 || offset >= 101 * 160 + 4)) {
      expected.insert(signature);
    }
  }
  CHECK((receiver.ContentOf() == expected));
}

TEST_CASE("what comes after bulk is not joined to what was before it") {
  constexpr uint64_t kMillisecondNs = 1'000'000;
  capture_config config = Config();
  config.detect_cadence = 1;
  Receiver receiver(config);
  Bytes sent;
  uint16_t sequence = 0;
  uint64_t time_ns = kMillisecondNs;
  const auto send = [&](std::span<const uint8_t> content, size_t packet_bytes, int spacing_ms) {
    sent.insert(sent.end(), content.begin(), content.end());
    for (size_t at = 0; at < content.size(); at += packet_bytes) {
      receiver.Datagram(RtpPacket(content.subspan(at, packet_bytes), {.sequence = sequence++}), 0,
                        time_ns);
      time_ns += static_cast<uint64_t>(spacing_ms) * kMillisecondNs;
    }
  };
  for (size_t round = 0; round < 4; ++round) {
    send(std::span(Audio()).subspan(round * 20'000, 20'000), 200, 20);
    send(testing::RandomBytes(1200 * 1500, static_cast<uint32_t>(round)), 1200, 2);
  }
  CHECK(receiver.Count(CAPTURE_COUNTER_NOT_AUDIO) > 2000);
  Windows all;
  for (const auto& [offset, signature] : testing::ReferenceSignatures(sent, config)) {
    all.insert(signature);
  }
  const Windows found = receiver.ContentOf();
  CHECK(found.size() > 1000);
  CHECK(std::includes(all.begin(), all.end(), found.begin(), found.end()));
}

TEST_CASE("several packets in one by segmentation offload are each looked at") {
  Receiver apart;
  Receiver together;
  constexpr size_t kFrameBytes = 160;
  for (size_t i = 0; i + 20 <= 400; i += 20) {
    Bytes all;
    size_t segment_bytes = 0;
    for (size_t k = i; k < i + 20; ++k) {
      apart.Packet(k, kFrameBytes);
      RtpOptions rtp;
      rtp.sequence = static_cast<uint16_t>(rtp.sequence + k);
      rtp.timestamp = static_cast<uint32_t>(k * kFrameBytes);
      // The last of them may be shorter.
      const size_t bytes = k == i + 19 ? kFrameBytes - 10 : kFrameBytes;
      const Bytes packet = RtpPacket({Audio().data() + k * kFrameBytes, bytes}, rtp);
      segment_bytes = std::max(segment_bytes, packet.size());
      all.insert(all.end(), packet.begin(), packet.end());
    }
    together.Datagram(all, static_cast<uint32_t>(segment_bytes));
  }
  size_t packets = 0;
  for (const signature_event& event : together.events) {
    packets += event.kind == CAPTURE_SIGNATURE_RTP_PAYLOAD;
  }
  CHECK(packets == 399);
  CHECK(together.ContentOf().size() > apart.ContentOf().size() * 8 / 10);
  CHECK(together.Count(CAPTURE_COUNTER_NOT_RTP) == 0);
}

}  // namespace
}  // namespace audio_latency
