// The programs in the kernel against the same code in user space and against the reference.

#include "tests/bpf/support/kernel_capture.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "bpf/capture_layout.h"
#include "tests/bpf/agreement.h"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/reference_signer.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::FrameOptions;
using testing::KernelCapture;
using testing::kShortestFrame;
using testing::kUnspecified;
using testing::Load;
using testing::MuLaw;
using testing::RandomBytes;
using testing::ReferenceSignatures;
using testing::RequireSame;
using testing::RtpOptions;
using testing::RtpPacket;
using testing::Signatures;
using testing::Speech;
using testing::TcpFrame;
using testing::UdpFrame;

constexpr size_t kLongestPayload = 2600;  // BPF_PROG_TEST_RUN takes no longer frames

capture_config Config(uint32_t window_bytes = 64, uint32_t rate_bits = 6,
                      capture_algorithm algorithm = CAPTURE_ALGORITHM_XXHASH) {
  return capture_config_make(42, window_bytes, rate_bits, 256, algorithm);
}

std::vector<Bytes> CutToFrames(const Bytes& stream, std::mt19937& random, size_t longest,
                               FrameOptions options) {
  std::vector<Bytes> frames;
  options.sequence = 0xfffffe00;
  options.tcp_flags = 0x02;
  frames.push_back(TcpFrame({}, options));
  options.tcp_flags = 0x18;
  ++options.sequence;
  for (size_t at = 0; at < stream.size();) {
    const size_t bytes = std::min(stream.size() - at, 1 + random() % longest);
    frames.push_back(TcpFrame({stream.data() + at, bytes}, options));
    options.sequence += static_cast<uint32_t>(bytes);
    at += bytes;
  }
  return frames;
}

TEST_CASE("TCP: kernel and user space agree on speech, G.711 and noise, however cut") {
  std::mt19937 random(1);
  const Bytes streams[] = {Speech(30000, 1), MuLaw(Speech(40000, 2)), RandomBytes(20000, 3)};
  for (const Bytes& stream : streams) {
    for (const uint32_t window_bytes : {16U, 64U, 100U, 256U, 1024U}) {
      for (const size_t longest : {97UL, 640UL, kLongestPayload}) {
        size_t events = 0;
        const capture_config config = Config(window_bytes);
        RequireSame(config, CutToFrames(stream, random, longest, {}), &events);
        CHECK(events == ReferenceSignatures(stream, config).size());
      }
    }
  }
}

TEST_CASE("TCP: late segments, repeats and gaps are the same in the kernel and in user space") {
  std::mt19937 random(12);
  const Bytes stream = Speech(60000, 12);
  for (const uint32_t window_bytes : {16U, 64U, 1024U}) {
    for (const size_t longest : {97UL, 640UL, kLongestPayload}) {
      std::vector<Bytes> frames;
      std::vector<std::pair<size_t, Bytes>> again;
      for (const Bytes& frame : CutToFrames(stream, random, longest, {})) {
        const uint64_t fate = frames.size() < 3 ? 100 : random() % 40;
        if (fate < 3) {
          again.emplace_back(frames.size() + 1 + random() % 9, frame);  // late
        } else {
          frames.push_back(frame);
          if (fate == 3) {
            again.emplace_back(frames.size() + random() % 3, frame);  // repeated
          }
        }
        while (!again.empty() && again.front().first <= frames.size()) {
          frames.push_back(again.front().second);
          again.erase(again.begin());
        }
      }
      size_t events = 0;
      RequireSame(Config(window_bytes), frames, &events);
      CHECK(events > 200);
    }
  }
}

TEST_CASE("RTP: late, lost and repeated packets are the same in the kernel and in user space") {
  std::mt19937 random(13);
  const Bytes audio = MuLaw(Speech(200000, 13));
  std::vector<Bytes> frames;
  Bytes late;
  for (uint16_t i = 0; i < 500; ++i) {
    const Bytes frame =
        UdpFrame(RtpPacket(std::span(audio).subspan(i * 160U, 160),
                           {.sequence = static_cast<uint16_t>(65400 + i), .timestamp = i * 160U}));
    switch (random() % 20) {
      case 0:
        break;
      case 1:
        late = frame;
        break;
      case 2:
        frames.push_back(frame);
        [[fallthrough]];
      default:
        frames.push_back(frame);
    }
    if (!late.empty() && random() % 3 == 0) {
      frames.push_back(std::exchange(late, {}));
    }
  }
  size_t events = 0;
  RequireSame(Config(), frames, &events);
  CHECK(events > 900);
}

TEST_CASE("UDP segmentation offload: each datagram in the packet is looked at") {
  const Bytes audio = MuLaw(Speech(100000, 14));
  constexpr uint32_t kSegmentBytes = 172;
  std::vector<Bytes> frames;
  for (size_t i = 0; i + 10 <= 300; i += 10) {
    Bytes all;
    for (size_t k = i; k < i + 10; ++k) {
      const Bytes packet = RtpPacket(std::span(audio).subspan(k * 160, k == i + 9 ? 100 : 160),
                                     {.sequence = static_cast<uint16_t>(k)});
      all.insert(all.end(), packet.begin(), packet.end());
    }
    frames.push_back(UdpFrame(all));
  }
  size_t events = 0;
  RequireSame(Config(), frames, &events, {.segment_bytes = kSegmentBytes});
  CHECK(events > 400);
}

TEST_CASE("the cadence of audio opens a flow in the kernel; before it nothing is signed") {
  capture_config config = Config();
  config.detect_cadence = 1;
  auto kernel = Load(config);
  const Bytes stream = Speech(400000, 15);
  FrameOptions options;
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration first_event_after{};
  for (size_t at = 0; at + 640 <= stream.size(); at += 640) {
    kernel->Run(TcpFrame({stream.data() + at, 640}, options), CAPTURE_DIRECTION_INGRESS);
    options.sequence += 640;
    const auto passed = std::chrono::steady_clock::now() - begin;
    if (!kernel->TakeEvents().empty()) {
      first_event_after = passed;
      break;
    }
    if (passed > std::chrono::seconds(8)) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  // Four bins of 537 ms have passed, of the first perhaps only its end.
  CHECK(first_event_after > std::chrono::milliseconds(1600));
  CHECK(kernel->Counter(CAPTURE_COUNTER_NOT_AUDIO) > 50);
}

TEST_CASE("one kernel program, hundreds of cuts: always the reference's signatures") {
  std::mt19937 random(2);
  const Bytes stream = Speech(16000, 4);
  const capture_config config = Config();
  const Signatures reference = ReferenceSignatures(stream, config);
  auto kernel = Load(config);
  for (int round = 0; round < 300; ++round) {
    kernel->ForgetFlows();
    Signatures found;
    for (const Bytes& frame :
         CutToFrames(stream, random, 16 + random() % kLongestPayload, {.ipv6 = round % 2 == 0})) {
      REQUIRE(kernel->Run(frame, CAPTURE_DIRECTION_INGRESS) == kUnspecified);
    }
    for (const signature_event& event : kernel->TakeEvents()) {
      REQUIRE((event.flags & CAPTURE_EVENT_INITIAL_SEQUENCE_KNOWN) != 0);
      found[event.position - event.initial_sequence] = event.signature;
    }
    REQUIRE(found == reference);
  }
}

TEST_CASE("each algorithm is the same in the kernel and in user space") {
  std::mt19937 random(3);
  const Bytes stream = Speech(20000, 5);
  for (const capture_algorithm algorithm :
       {CAPTURE_ALGORITHM_XXHASH, CAPTURE_ALGORITHM_CRC32, CAPTURE_ALGORITHM_ROLLING_HASH}) {
    for (const uint32_t window_bytes : {64U, 1024U}) {
      size_t events = 0;
      RequireSame(Config(window_bytes, 6, algorithm), CutToFrames(stream, random, 1400, {}),
                  &events);
      CHECK(events > 20);
    }
  }
}

TEST_CASE("under load kernel and user space keep the same signatures") {
  std::mt19937 random(16);
  const std::vector<Bytes> tcp = CutToFrames(Speech(60000, 16), random, 1400, {});
  const Bytes audio = MuLaw(Speech(60000, 17));
  std::vector<Bytes> rtp;
  RtpOptions header;
  for (size_t at = 0; at + 160 <= audio.size(); at += 160) {
    header.ssrc = header.sequence % 2 == 0 ? 13 : 1;
    header.sequence = static_cast<uint16_t>(at / 160);
    rtp.push_back(UdpFrame(RtpPacket({audio.data() + at, 160}, header)));
  }
  for (const uint32_t threshold : {UINT32_MAX, UINT32_MAX >> 2, UINT32_MAX >> 10}) {
    RequireSame(Config(), tcp, nullptr, {}, threshold);
    RequireSame(Config(), rtp, nullptr, {}, threshold);
  }
}

TEST_CASE("RTP: kernel and user space agree, with all that a header may hold") {
  const Bytes audio = MuLaw(Speech(200000, 6));
  std::vector<Bytes> frames;
  for (uint16_t i = 0; i < 400; ++i) {
    RtpOptions rtp;
    rtp.sequence = static_cast<uint16_t>(65400 + i);
    rtp.timestamp = i * 160U;
    rtp.marker = i % 50 == 0;
    rtp.payload_type = i % 3 == 0 ? 8 : i % 3 == 1 ? 0 : 111;
    if (i % 4 == 1) {
      rtp.csrcs = {1, 2, 3};
    }
    if (i % 5 == 1) {
      rtp.extension = {7, 8};
    }
    rtp.padding_bytes = i % 7 == 1 ? 5 : 0;
    const size_t bytes = i % 11 == 0 ? 1920 : i % 13 == 0 ? i % 40 : 160;
    const std::span<const uint8_t> payload(&audio[(i * 160U) % 90000], bytes);
    frames.push_back(UdpFrame(RtpPacket(payload, rtp), {.ipv6 = i >= 200}));
    if (i % 17 == 0) {
      frames.push_back(frames.back());
    }
  }
  size_t events = 0;
  RequireSame(Config(), frames, &events);
  CHECK(events > 380);
}

TEST_CASE("cut, malformed and random frames: same counts in both, and every packet goes on") {
  std::mt19937 random(7);
  std::vector<Bytes> frames;
  const Bytes payload = RandomBytes(120, 8);
  const FrameOptions shapes[] = {
      {},
      {.vlan_tags = {5}},
      {.ipv4_options = Bytes(12, 1), .tcp_options = Bytes(20, 1)},
      {.ipv6 = true},
      {.ipv6 = true, .ipv6_extensions = {{0, Bytes(6, 0)}, {44, Bytes(6, 0)}}},
      {.ipv4_fragment_field = 0x2000},
      {.trailing_bytes = 6}};
  for (const FrameOptions& shape : shapes) {
    for (const Bytes& good : {TcpFrame(payload, shape), UdpFrame(payload, shape)}) {
      for (size_t length = kShortestFrame; length <= good.size(); ++length) {
        frames.emplace_back(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
      }
      for (int i = 0; i < 200; ++i) {
        Bytes bad = good;
        bad[12 + random() % (good.size() - payload.size() - 12)] = static_cast<uint8_t>(random());
        frames.push_back(bad);
      }
    }
  }
  for (uint32_t i = 0; i < 1000; ++i) {
    frames.push_back(RandomBytes(kShortestFrame + random() % 200, i));
  }
  RequireSame(Config(16, 5), frames);
}

TEST_CASE("ports: only the wanted are looked at, the excluded never") {
  const Bytes payload = RandomBytes(1000, 9);
  const auto events = [&](KernelCapture* kernel, uint16_t source, uint16_t destination) {
    kernel->Run(TcpFrame(payload, {.source_port = source, .destination_port = destination}),
                CAPTURE_DIRECTION_INGRESS);
    return kernel->TakeEvents().size();
  };
  auto some = Load(Config(), {8080, 65535});
  CHECK(events(some.get(), 8080, 1) > 0);
  CHECK(events(some.get(), 1, 8080) > 0);
  CHECK(events(some.get(), 65535, 0) > 0);
  CHECK(events(some.get(), 8081, 8079) == 0);
  CHECK(some->Counter(CAPTURE_COUNTER_PORT_FILTERED) == 1);
  auto all = Load(Config(), {}, {9095});
  CHECK(events(all.get(), 1, 2) > 0);
  CHECK(events(all.get(), 9095, 2) == 0);
  CHECK(events(all.get(), 2, 9095) == 0);
  CHECK(all->Counter(CAPTURE_COUNTER_PORT_FILTERED) == 2);
}

TEST_CASE("a full ring loses events, counts them, and harms no packet") {
  auto kernel = Load(Config(16, 5));
  uint64_t emitted = 0;
  for (uint32_t i = 0; i < 2000 && kernel->Counter(CAPTURE_COUNTER_RING_FULL) == 0; ++i) {
    const Bytes frame =
        TcpFrame(RandomBytes(kLongestPayload, i), {.source_port = static_cast<uint16_t>(i + 1)});
    REQUIRE(kernel->Run(frame, CAPTURE_DIRECTION_INGRESS) == kUnspecified);
  }
  CHECK(kernel->Counter(CAPTURE_COUNTER_RING_FULL) > 0);
  emitted = kernel->Counter(CAPTURE_COUNTER_EVENTS);
  CHECK(kernel->TakeEvents().size() == emitted);
}

TEST_CASE("where packets can interrupt each other, one never uses the memory of another") {
  const auto kernel = *KernelCapture::Load(Config(), {}, {}, {"capture_ingress"}, true);
  const auto usual = *KernelCapture::Load(Config(), {}, {}, {"capture_ingress"});
  const Bytes frame = TcpFrame(RandomBytes(kLongestPayload, 1));
  kernel->SetInterrupted(true);
  CHECK(kernel->Run(frame, CAPTURE_DIRECTION_INGRESS) == kUnspecified);
  CHECK(kernel->TakeEvents().empty());
  CHECK(kernel->Counter(CAPTURE_COUNTER_SCRATCH_BUSY) == 1);
  kernel->SetInterrupted(false);
  for (int i = 0; i < 2; ++i) {
    kernel->ForgetFlows();
    usual->ForgetFlows();
    CHECK(kernel->Run(frame, CAPTURE_DIRECTION_INGRESS) == kUnspecified);
    CHECK(usual->Run(frame, CAPTURE_DIRECTION_INGRESS) == kUnspecified);
    const size_t events = kernel->TakeEvents().size();
    CHECK(events > 0);
    CHECK(events == usual->TakeEvents().size());
  }
  CHECK(kernel->Counter(CAPTURE_COUNTER_SCRATCH_BUSY) == 1);
  CHECK(kernel->Counter(CAPTURE_COUNTER_PACKETS) == 3);
}

// The kernel knows the configuration when it verifies, and leaves out what it never reaches: a
// threshold of 0 switches a gate off, odd windows have a tail of their own. A load takes a third of
// a second, so these are a choice: every bound, with every algorithm and with and without cadence.
TEST_CASE("configurations at all bounds are accepted by the verifier") {
  struct Values {
    uint32_t window_bytes;
    uint32_t rate_bits;
    uint32_t silence_threshold;
    uint32_t detect_cadence;
    capture_algorithm algorithm;
    // The programs of PREEMPT_RT kernels.
    bool can_be_interrupted = false;
  };
  constexpr capture_algorithm kXxhash = CAPTURE_ALGORITHM_XXHASH;
  constexpr capture_algorithm kCrc32 = CAPTURE_ALGORITHM_CRC32;
  constexpr capture_algorithm kRolling = CAPTURE_ALGORITHM_ROLLING_HASH;
  constexpr Values kLoads[] = {
      {16, 5, 256, 0, kXxhash},        {16, 16, 0, 1, kCrc32},
      {16, 8, 256, 1, kRolling},       {17, 8, 0, 0, kXxhash},
      {17, 5, 256, 1, kCrc32},         {17, 16, 32767, 0, kRolling},
      {64, 8, 256, 0, kXxhash},        {64, 8, 256, 1, kXxhash},
      {64, 16, 0, 1, kXxhash},         {64, 5, 0, 0, kCrc32},
      {64, 12, 1, 1, kCrc32},          {64, 16, 0, 1, kRolling},
      {65, 16, 256, 1, kXxhash},       {1023, 12, 0, 0, kRolling},
      {1023, 5, 32767, 1, kXxhash},    {1024, 16, 256, 1, kRolling},
      {1024, 8, 256, 0, kCrc32},       {1024, 5, 0, 1, kXxhash},
      {16, 5, 0, 1, kRolling, true},   {64, 8, 256, 1, kXxhash, true},
      {1024, 5, 256, 1, kCrc32, true},
  };
  for (const Values& values : kLoads) {
    capture_config config = capture_config_make(42, values.window_bytes, values.rate_bits,
                                                values.silence_threshold, values.algorithm);
    config.detect_cadence = values.detect_cadence;
    CAPTURE(values.window_bytes, values.rate_bits, values.silence_threshold, values.detect_cadence,
            values.algorithm, values.can_be_interrupted);
    const auto kernel = KernelCapture::Load(config, {}, {}, {}, values.can_be_interrupted);
    REQUIRE(kernel.ok());
    const auto verified = (*kernel)->VerifiedInstructions();
    CHECK(verified.size() == 4);
    for (const auto& [program, instructions] : verified) {
      CAPTURE(program, instructions);
      CHECK(instructions > 0);
      CHECK(instructions < 800000);
    }
  }
}

}  // namespace
}  // namespace audio_latency
