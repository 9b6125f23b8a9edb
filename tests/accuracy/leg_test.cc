#include "tests/accuracy/leg.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "tests/accuracy/scenario.h"

namespace audio_latency::accuracy {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr size_t kHeadersBytes = 14 + 20 + 32;  // Ethernet, IPv4, TCP

Track PlainTrack() {
  Track track;
  track.frame_ns = 10 * kMillisecondNs;
  track.frame_rtp_units = 80;
  for (uint64_t i = 0; i < 400; ++i) {
    track.frames.push_back({.begin = i * 80, .bytes = 80});
  }
  for (size_t i = 0; i < 400 * 80; ++i) {
    track.bytes.push_back(static_cast<char>(i * 31 + i / 251));
  }
  return track;
}

std::vector<Message> MessagesOf(const Track& track) {
  std::vector<Message> messages;
  for (uint32_t i = 0; i + 2 <= track.frames.size(); i += 2) {
    Message message{.time_ns = 1'000'000'000 + i * track.frame_ns,
                    .ordinal = i / 2,
                    .first_frame = i,
                    .frame_count = 2};
    message.payload = track.bytes.substr(i * 80, 160);
    message.runs = {{.stream_begin = 0, .audio_begin = i * 80, .bytes = 160}};
    messages.push_back(std::move(message));
  }
  return messages;
}

struct Sent {
  CaptureFile at_sender;
  CaptureFile at_receiver;
  StreamTruth stream;
  std::vector<int64_t> delivered_ns;
};

LegEnds EndsOf(Sent* sent) {
  return {.source = {.address = *IpAddress::Parse("10.0.0.1"), .port = 4000},
          .destination = {.address = *IpAddress::Parse("10.0.0.2"), .port = 5000},
          .at_sender = &sent->at_sender,
          .at_receiver = &sent->at_receiver};
}

uint32_t SequenceOf(const std::string& frame) {
  uint32_t sequence = 0;
  for (size_t i = 38; i < 42; ++i) {
    sequence = sequence << 8 | static_cast<uint8_t>(frame[i]);
  }
  return sequence;
}

// The stream as a receiver puts it together from the frames at a point, later ones on top.
std::string Reassembled(CaptureFile* point, uint32_t first_sequence, size_t bytes) {
  point->Sort();
  std::string stream(bytes, '\0');
  for (const auto& [time_ns, frame] : point->frames()) {
    if (frame.size() > kHeadersBytes) {
      stream.replace(SequenceOf(frame) - first_sequence, frame.size() - kHeadersBytes,
                     frame.substr(kHeadersBytes));
    }
  }
  return stream;
}

TEST_CASE("TCP delivers every byte, however it is cut, lost and reordered") {
  const Track track = PlainTrack();
  const std::vector<Message> messages = MessagesOf(track);
  const Cut cut = GENERATE(Cut::kWrites, Cut::kRandom, Cut::kCoalesced, Cut::kOffloaded);
  const double loss = GENERATE(0.0, 0.1);
  const Way way = {.loss = loss, .reordering = loss};
  const TcpOptions options = {.cut = cut, .first_sequence = 0u - 5000u};
  std::mt19937_64 random(3);
  Sent sent;
  sent.delivered_ns =
      SendOverTcp(messages, Framing::kRaw, options, way, EndsOf(&sent), &random, &sent.stream);
  for (CaptureFile* point : {&sent.at_sender, &sent.at_receiver}) {
    CHECK(Reassembled(point, options.first_sequence, track.bytes.size()) == track.bytes);
  }
  REQUIRE(sent.delivered_ns.size() == messages.size());
  CHECK(std::is_sorted(sent.delivered_ns.begin(), sent.delivered_ns.end()));
  size_t slow = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    REQUIRE(sent.delivered_ns[i] != kNever);
    CHECK(sent.delivered_ns[i] > messages[i].time_ns + way.delay_ns);
    slow += sent.delivered_ns[i] > messages[i].time_ns + 30 * kMillisecondNs;
    const auto passed = [&](size_t side) {
      return *sent.stream.passed[side].PassedAt(i * 160, (i + 1) * 160);
    };
    CHECK(passed(0) >= messages[i].time_ns);
    CHECK(passed(1) >= passed(0) + way.delay_ns);
    CHECK(passed(1) < sent.delivered_ns[i]);
  }
  // Retransmissions take long; without loss only the cutting delays.
  if (loss > 0) {
    CHECK(slow > 0);
    CHECK(sent.at_sender.frames().size() > sent.at_receiver.frames().size());
  } else if (cut == Cut::kWrites || cut == Cut::kOffloaded) {
    CHECK(slow == 0);
  }
}

TEST_CASE("RTP arrives but for what is lost, each packet once") {
  const Track track = PlainTrack();
  const std::vector<Message> messages = MessagesOf(track);
  std::mt19937_64 random(3);
  Sent sent;
  sent.delivered_ns =
      SendOverRtp(messages, track, {.ssrc = 9, .first_sequence = 65'500},
                  {.loss = 0.1, .reordering = 0.1}, EndsOf(&sent), &random, &sent.stream);
  sent.at_receiver.Sort();
  CHECK(sent.at_sender.frames().size() == messages.size());
  const size_t lost =
      static_cast<size_t>(std::count(sent.delivered_ns.begin(), sent.delivered_ns.end(), kNever));
  CHECK(lost > 0);
  CHECK(sent.at_receiver.frames().size() == messages.size() - lost);
  std::vector<uint16_t> numbers;
  for (const auto& [time_ns, frame] : sent.at_receiver.frames()) {
    const uint16_t sequence = static_cast<uint16_t>(static_cast<uint8_t>(frame[44]) << 8 |
                                                    static_cast<uint8_t>(frame[45]));
    const uint16_t number = static_cast<uint16_t>(sequence - 65'500);
    REQUIRE(number < messages.size());
    CHECK(frame.substr(54) == messages[number].payload);
    CHECK(time_ns == sent.delivered_ns[number]);
    CHECK(sent.stream.passed[1].PassedAt(number * 160u, number * 160u + 160u) == time_ns);
    numbers.push_back(number);
  }
  CHECK(std::set<uint16_t>(numbers.begin(), numbers.end()).size() == numbers.size());
  CHECK_FALSE(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST_CASE("Equal scenarios make equal traffic, other seeds another") {
  Scenario scenario;
  scenario.calls.push_back({.legs = {{.framing = Framing::kWebSocketMasked, .way = {.loss = 0.02}},
                                     {.framing = Framing::kGrpc, .message_ms = 60}},
                            .seconds = 5});
  const auto first = MakeTraffic(scenario);
  const auto second = MakeTraffic(scenario);
  scenario.seed = 2;
  const auto other = MakeTraffic(scenario);
  REQUIRE(first.ok());
  REQUIRE(first->points.size() == 3);
  for (size_t i = 0; i < first->points.size(); ++i) {
    CHECK(first->points[i].frames() == second->points[i].frames());
    CHECK(first->points[i].frames() != other->points[i].frames());
  }
}

TEST_CASE("A relay holds every byte as long as it is told to") {
  Scenario scenario;
  scenario.calls.push_back({.codec = Codec::kMuLaw,
                            .legs = {{.carrier = Carrier::kRtp}, {.carrier = Carrier::kRtp}},
                            .seconds = 5,
                            .hold_ns = 40 * kMillisecondNs,
                            .hold_jitter_ns = 3 * kMillisecondNs});
  const auto traffic = MakeTraffic(scenario);
  REQUIRE(traffic.ok());
  const CallTruth& call = traffic->truth.calls[0];
  for (uint64_t byte = 0; byte < call.track.bytes.size(); byte += 160) {
    const ByteRange packet = {.begin = byte, .end = byte + 160};
    const int64_t held_ns = *call.legs[1].PassedAt(packet, 0) - *call.legs[0].PassedAt(packet, 1);
    CHECK(held_ns >= 40 * kMillisecondNs);
    CHECK(held_ns <= 43 * kMillisecondNs);
  }
}

}  // namespace
}  // namespace audio_latency::accuracy
