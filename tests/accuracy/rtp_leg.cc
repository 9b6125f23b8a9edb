// SendOverRtp of leg.h.

#include <algorithm>

#include "tests/accuracy/leg.h"
#include "tests/accuracy/way.h"

namespace audio_latency::accuracy {
namespace {

constexpr uint8_t kComfortNoisePayloadType = 13;  // RFC 3389

std::string RtpPacket(const Message& message, const Track& track, const RtpOptions& options,
                      uint32_t number) {
  std::string bytes(
      1, static_cast<char>(0x80 | (options.padding_bytes > 0 ? 0x20 : 0) |
                           (options.has_extension ? 0x10 : 0) | options.contributing_sources));
  const uint8_t payload_type =
      message.is_comfort_noise ? kComfortNoisePayloadType : track.rtp_payload_type;
  bytes.push_back(static_cast<char>((message.is_onset ? 0x80 : 0) | payload_type));
  AppendBigEndian(&bytes, options.first_sequence + number, 2);
  AppendBigEndian(&bytes, options.first_timestamp + message.first_frame * track.frame_rtp_units, 4);
  AppendBigEndian(&bytes, options.ssrc, 4);
  for (int i = 0; i < options.contributing_sources; ++i) {
    AppendBigEndian(&bytes, 0x1000u + static_cast<uint32_t>(i), 4);
  }
  if (options.has_extension) {
    // RFC 8285, one-byte header: ID 1, one byte of level, filled up to a word.
    AppendBigEndian(&bytes, 0xbede0001, 4);
    AppendBigEndian(&bytes, 0x10000000u | (0x80u | number % 100) << 16, 4);
  }
  bytes += message.payload;
  if (options.padding_bytes > 0) {
    bytes.append(options.padding_bytes - 1u, '\0');
    bytes.push_back(static_cast<char>(options.padding_bytes));
  }
  return bytes;
}

struct Passing {
  int64_t time_ns = 0;
  ByteRange range;
};

void AddInOrderOfTime(std::vector<Passing> passings, PassTimes* times) {
  std::stable_sort(passings.begin(), passings.end(),
                   [](const Passing& a, const Passing& b) { return a.time_ns < b.time_ns; });
  for (const Passing& passing : passings) {
    times->Add(passing.range.begin, passing.range.end, passing.time_ns);
  }
}

}  // namespace

std::vector<int64_t> SendOverRtp(std::span<const Message> messages, const Track& track,
                                 const RtpOptions& options, const Way& way, const LegEnds& ends,
                                 std::mt19937_64* random, StreamTruth* stream) {
  if (messages.empty()) {
    return {};
  }
  stream->key = {.source = ends.source.address,
                 .destination = ends.destination.address,
                 .source_port = ends.source.port,
                 .destination_port = ends.destination.port,
                 .is_rtp = true,
                 .rtp_ssrc = options.ssrc};
  stream->first_position = options.first_sequence;
  // They may leave in another order than that of their numbers, after a way that reordered them.
  std::vector<size_t> by_time(messages.size());
  uint64_t at = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    by_time[i] = i;
    const uint32_t number = messages[i].ordinal - messages.front().ordinal;
    stream->packets.resize(number + 1, {.begin = at, .end = at});
    stream->packets.back() = {.begin = at, .end = at + messages[i].payload.size()};
    for (AudioRun run : messages[i].runs) {
      run.stream_begin += at;
      stream->AddRun(run);
    }
    at += messages[i].payload.size();
  }
  std::stable_sort(by_time.begin(), by_time.end(),
                   [&](size_t a, size_t b) { return messages[a].time_ns < messages[b].time_ns; });

  Journey journey(way, random);
  std::vector<Passing> at_sender;
  std::vector<Passing> at_receiver;
  std::vector<int64_t> delivered_ns(messages.size(), kNever);
  for (const size_t i : by_time) {
    const uint32_t number = messages[i].ordinal - messages.front().ordinal;
    const ByteRange& range = stream->packets[number];
    const std::string frame = UdpFrame(way.network, ends.source, ends.destination,
                                       RtpPacket(messages[i], track, options, number));
    ends.at_sender->Add(messages[i].time_ns, frame);
    at_sender.push_back({.time_ns = messages[i].time_ns, .range = range});
    if (const std::optional<int64_t> arrival_ns = journey.Send(messages[i].time_ns)) {
      ends.at_receiver->Add(*arrival_ns, frame);
      at_receiver.push_back({.time_ns = *arrival_ns, .range = range});
      delivered_ns[i] = *arrival_ns;
    }
  }
  stream->begin_ns = at_sender.front().time_ns;
  stream->end_ns = at_sender.back().time_ns + way.delay_ns;
  AddInOrderOfTime(std::move(at_sender), &stream->passed[0]);
  AddInOrderOfTime(std::move(at_receiver), &stream->passed[1]);
  return delivered_ns;
}

}  // namespace audio_latency::accuracy
