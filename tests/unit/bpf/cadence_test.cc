// What is audio when nobody says which ports.

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <random>
#include <string>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::FrameOptions;

constexpr uint64_t kMillisecondNs = 1'000'000;

class Flow {
 public:
  Flow() {
    capture_config config = capture_config_make(42, 64, 6, 256, CAPTURE_ALGORITHM_XXHASH);
    config.detect_cadence = 1;
    capture_ = SoftwareCapture::Create(config, 16, [this](const signature_event& event) {
      ++events;
      last_event_ns = event.time_ns;
      if (first_event_ns == 0) {
        first_event_ns = event.time_ns;
      }
    });
  }

  void Send(const Bytes& payload) {
    FrameOptions options;
    options.sequence = sequence_;
    sequence_ += static_cast<uint32_t>(payload.size());
    capture_->Packet(testing::TcpFrame(payload, options), now_ns, 3, CAPTURE_DIRECTION_INGRESS, {});
  }

  void Syn() {
    FrameOptions options;
    options.sequence = sequence_ = 1'000'000'000;
    options.tcp_flags = 0x02;
    ++sequence_;
    capture_->Packet(testing::TcpFrame({}, options), now_ns, 3, CAPTURE_DIRECTION_INGRESS, {});
  }

  void SendRtp(const Bytes& payload) {
    testing::RtpOptions rtp;
    rtp.sequence = rtp_sequence_++;
    capture_->Packet(testing::UdpFrame(testing::RtpPacket(payload, rtp)), now_ns, 3,
                     CAPTURE_DIRECTION_INGRESS, {});
  }

  // `bytes` of speech each `interval_ms` for `seconds`.
  void Speak(const Bytes& speech, size_t bytes, uint64_t interval_ms, double seconds) {
    const auto packets = static_cast<size_t>(seconds * 1000 / static_cast<double>(interval_ms));
    for (size_t i = 0; i < packets; ++i) {
      const size_t from = (at_ + bytes <= speech.size()) ? at_ : 0;
      at_ = from + bytes;
      Send({speech.begin() + static_cast<std::ptrdiff_t>(from),
            speech.begin() + static_cast<std::ptrdiff_t>(from + bytes)});
      now_ns += interval_ms * kMillisecondNs;
    }
  }

  uint64_t Count(capture_counter counter) const { return capture_->counters()[counter]; }

  uint64_t now_ns = 1'000'000'000'000;
  uint64_t events = 0;
  uint64_t first_event_ns = 0;
  uint64_t last_event_ns = 0;

 private:
  std::unique_ptr<SoftwareCapture> capture_;
  uint32_t sequence_ = 1;
  uint16_t rtp_sequence_ = 1;
  size_t at_ = 0;
};

TEST_CASE("audio of every usual rate and chunk is signed after three seconds at most") {
  const Bytes speech = testing::Speech(1 << 20, 1);
  struct Audio {
    size_t bytes;
    uint64_t interval_ms;
  };
  // Opus 24 kbit/s, G.711, 16 kHz and 48 kHz stereo PCM; chunks from 10 ms to half a second.
  for (const Audio& audio : {Audio{60, 20}, Audio{160, 20}, Audio{640, 20}, Audio{3200, 100},
                             Audio{16000, 500}, Audio{1920, 10}}) {
    INFO(audio.bytes << " bytes each " << audio.interval_ms << " ms");
    Flow flow;
    const uint64_t begin_ns = flow.now_ns;
    flow.Speak(speech, audio.bytes, audio.interval_ms, 20);
    CHECK(flow.events > 100);
    CHECK(flow.first_event_ns - begin_ns < 4000 * kMillisecondNs);
    CHECK(flow.Count(CAPTURE_COUNTER_NOT_AUDIO) > 0);
  }
}

TEST_CASE("pauses do not end what was audio once") {
  const Bytes speech = testing::Speech(1 << 20, 2);
  Flow flow;
  flow.Speak(speech, 640, 20, 5);
  const uint64_t events_before = flow.events;
  REQUIRE(events_before > 0);
  for (int pause = 0; pause < 5; ++pause) {
    flow.now_ns += 7000 * kMillisecondNs;
    const uint64_t not_audio = flow.Count(CAPTURE_COUNTER_NOT_AUDIO);
    flow.Speak(speech, 640, 20, 1);
    CHECK(flow.Count(CAPTURE_COUNTER_NOT_AUDIO) == not_audio);
  }
  CHECK(flow.events > events_before);
}

TEST_CASE("pauses of digital silence say nothing: speech between them is found") {
  const Bytes speech = testing::RandomBytes(1 << 20, 8);
  std::mt19937 random(9);
  for (int round = 0; round < 20; ++round) {
    Flow flow;
    const uint64_t begin_ns = flow.now_ns;
    for (int turn = 0; turn < 12; ++turn) {
      flow.Speak(speech, 640, 20, 1);
      flow.Speak(Bytes(1 << 12, 0), 640, 20, 0.2 * static_cast<double>(1 + random() % 5));
    }
    CHECK(flow.events > 100);
    CHECK(flow.first_event_ns - begin_ns < 6000 * kMillisecondNs);
  }
}

TEST_CASE("a new connection on the ports of a call is not taken for the call") {
  const Bytes speech = testing::Speech(1 << 20, 9);
  const Bytes noise = testing::RandomBytes(1 << 16, 10);
  Flow flow;
  flow.Speak(speech, 640, 20, 5);
  REQUIRE(flow.events > 0);
  flow.Syn();
  const uint64_t events = flow.events;
  for (int i = 0; i < 20; ++i) {
    flow.Speak(noise, 1400, 1, 0.02);
    flow.now_ns += 3000 * kMillisecondNs;
  }
  CHECK(flow.events == events);
}

TEST_CASE("bulk is left alone, also when it was audio before") {
  const Bytes noise = testing::RandomBytes(1 << 20, 3);
  Flow bulk;
  bulk.Speak(noise, 60000, 10, 10);
  CHECK(bulk.events == 0);
  Flow turned;
  turned.Speak(noise, 640, 20, 5);
  CHECK(turned.events > 0);
  turned.Speak(noise, 60000, 10, 3);
  const uint64_t events = turned.events;
  turned.Speak(noise, 60000, 10, 10);
  CHECK(turned.events == events);
}

TEST_CASE("bursts are no audio: web pages, queries now and then, a chat") {
  std::mt19937 random(4);
  const Bytes noise = testing::RandomBytes(1 << 20, 5);
  Flow pages;
  Flow queries;
  for (int i = 0; i < 100; ++i) {
    pages.Speak(noise, 1400, 1, 0.05);
    pages.now_ns += (1000 + random() % 5000) * kMillisecondNs;
    queries.Speak(noise, 200, 1, 0.001);
    queries.now_ns += (100 + random() % 3000) * kMillisecondNs;
  }
  CHECK(pages.events == 0);
  CHECK(queries.events == 0);
}

TEST_CASE("steady text is no audio: a busy database, JSON, base64") {
  const std::string row = "D\0\0\0\x1b{\"id\": 4711, \"name\": \"alpha\", \"at\": 1700000000} ";
  Bytes text;
  while (text.size() < (1 << 16)) {
    text.insert(text.end(), row.begin(), row.end());
  }
  Flow flow;
  flow.Speak(text, 300, 20, 30);
  CHECK(flow.events == 0);
  CHECK(flow.Count(CAPTURE_COUNTER_NOT_AUDIO) == 1500);
}

TEST_CASE("RTP needs no cadence, and video over RTP is left alone") {
  const Bytes speech = testing::RandomBytes(1 << 16, 6);
  Flow audio;
  for (size_t i = 0; i < 20; ++i) {
    audio.SendRtp({speech.begin(), speech.begin() + 160});
    audio.now_ns += 20 * kMillisecondNs;
  }
  CHECK(audio.events >= 19);
  Flow video;
  for (size_t i = 0; i < 10000; ++i) {
    video.SendRtp({speech.begin(), speech.begin() + 1200});
    video.now_ns += kMillisecondNs;
  }
  CHECK(video.Count(CAPTURE_COUNTER_NOT_AUDIO) > 8000);
}

TEST_CASE("a flow that begins in silence is audio once it is heard") {
  Flow flow;
  flow.Speak(Bytes(1 << 16, 0), 640, 20, 10);
  CHECK(flow.events == 0);
  flow.Speak(testing::RandomBytes(1 << 16, 7), 640, 20, 5);
  CHECK(flow.events > 100);
}

}  // namespace
}  // namespace audio_latency
