// SendOverTcp of leg.h.

#include <algorithm>
#include <queue>
#include <string_view>

#include "tests/accuracy/leg.h"
#include "tests/accuracy/way.h"

namespace audio_latency::accuracy {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
// Packets of one write follow each other by this.
constexpr int64_t kBurstSpacingNs = 8'000;
// Below what an IPv6 packet in a tunnel can hold.
constexpr uint64_t kOffloadMaxBytes = 64'000;
constexpr int64_t kRetransmissionTimeoutNs = 200 * kMillisecondNs;
constexpr int64_t kHandshakeNs = 5 * kMillisecondNs;
// From the last byte's arrival until the application has it.
constexpr int64_t kWakeUpNs = 30'000;

struct Segment {
  uint64_t begin = 0;
  uint64_t end = 0;
  int64_t sent_ns = 0;
};

struct Arrival {
  uint64_t begin = 0;
  uint64_t end = 0;
  int64_t time_ns = 0;
};

// The writes of the application: where each ends in the stream, and when it is made.
struct Write {
  uint64_t end = 0;
  int64_t time_ns = 0;
};

std::vector<Segment> CutIntoSegments(std::span<const Write> writes, const TcpOptions& options,
                                     std::mt19937_64* random) {
  const uint64_t most =
      options.cut == Cut::kOffloaded ? kOffloadMaxBytes : uint64_t{options.mss_bytes};
  std::vector<Segment> segments;
  uint64_t begin = 0;
  int64_t newest_ns = 0;
  int held_writes = 0;
  for (size_t i = 0; i < writes.size(); ++i) {
    const bool is_last = i + 1 == writes.size();
    // Nagle's algorithm and late acknowledgements hold writes back.
    if (options.cut == Cut::kCoalesced && !is_last && held_writes < 3 && Happens(0.5, random)) {
      ++held_writes;
      continue;
    }
    held_writes = 0;
    uint64_t end = writes[i].end;
    if (options.cut == Cut::kRandom && !is_last && Happens(0.5, random)) {
      end = begin + (*random)() % (end - begin + 1);
    }
    int64_t time_ns = std::max(writes[i].time_ns, newest_ns + kBurstSpacingNs);
    while (begin < end) {
      uint64_t bytes = std::min(most, end - begin);
      if (options.cut == Cut::kRandom) {
        bytes = 1 + (*random)() % bytes;
      }
      segments.push_back({.begin = begin, .end = begin + bytes, .sent_ns = time_ns});
      newest_ns = time_ns;
      time_ns += kBurstSpacingNs;
      begin += bytes;
    }
  }
  return segments;
}

// A transmission of a segment that is yet to be made.
struct Transmission {
  Segment segment;
  int attempt = 0;

  friend bool operator<(const Transmission& a, const Transmission& b) {
    return std::tie(a.segment.sent_ns, a.segment.begin) >
           std::tie(b.segment.sent_ns, b.segment.begin);
  }
};

// All that happens on the way.
struct Transfer {
  std::vector<Segment> sent;
  std::vector<Arrival> arrived;
};

// When the sender learns of the loss: from the third packet behind it, or from its timer.
int64_t RetransmittedAt(std::span<const Segment> segments, const Transmission& lost,
                        const Way& way) {
  const int64_t timer_ns =
      lost.segment.sent_ns + (kRetransmissionTimeoutNs << std::min(lost.attempt, 6));
  if (lost.attempt > 0) {
    return timer_ns;
  }
  const auto behind = std::upper_bound(
      segments.begin(), segments.end(), lost.segment.begin,
      [](uint64_t begin, const Segment& segment) { return begin < segment.begin; });
  if (segments.end() - behind < 3) {
    return timer_ns;
  }
  return std::min(timer_ns, behind[2].sent_ns + 2 * way.delay_ns + kMillisecondNs / 4);
}

Transfer Transmit(std::span<const Segment> segments, const Way& way, std::mt19937_64* random) {
  Transfer transfer;
  std::priority_queue<Transmission> waiting;
  for (const Segment& segment : segments) {
    waiting.push({.segment = segment});
  }
  Journey journey(way, random);
  while (!waiting.empty()) {
    Transmission next = waiting.top();
    waiting.pop();
    transfer.sent.push_back(next.segment);
    const std::optional<int64_t> arrival_ns = journey.Send(next.segment.sent_ns);
    if (arrival_ns) {
      transfer.arrived.push_back(
          {.begin = next.segment.begin, .end = next.segment.end, .time_ns = *arrival_ns});
      // An acknowledgement that was lost: the segment comes twice.
      constexpr double kShareOfLossThatHitsAcknowledgements = 0.1;
      if (next.attempt > 0 || !Happens(way.loss * kShareOfLossThatHitsAcknowledgements, random)) {
        continue;
      }
    }
    next.segment.sent_ns = RetransmittedAt(segments, next, way);
    ++next.attempt;
    waiting.push(next);
  }
  std::stable_sort(transfer.arrived.begin(), transfer.arrived.end(),
                   [](const Arrival& a, const Arrival& b) { return a.time_ns < b.time_ns; });
  return transfer;
}

// When the receiver had all bytes before `end`, for each end of a write.
std::vector<int64_t> DeliveredAt(std::span<const Write> writes, std::span<const Arrival> arrived) {
  std::vector<int64_t> delivered_ns(writes.size(), kNever);
  std::map<uint64_t, uint64_t> ahead;  // parts beyond a gap: begin, end
  uint64_t have = 0;
  size_t next = 0;
  for (const Arrival& arrival : arrived) {
    uint64_t& end = ahead[arrival.begin];
    end = std::max(end, arrival.end);
    while (!ahead.empty() && ahead.begin()->first <= have) {
      have = std::max(have, ahead.begin()->second);
      ahead.erase(ahead.begin());
    }
    for (; next < writes.size() && writes[next].end <= have; ++next) {
      delivered_ns[next] = arrival.time_ns + kWakeUpNs;
    }
  }
  return delivered_ns;
}

void ShakeHands(int64_t time_ns, const TcpOptions& options, const Way& way, const LegEnds& ends) {
  constexpr uint32_t kAnswerSequence = 77'000;
  const auto show = [&](int64_t at_sender_ns, int64_t at_receiver_ns, const std::string& frame) {
    ends.at_sender->Add(at_sender_ns, frame);
    ends.at_receiver->Add(at_receiver_ns, frame);
  };
  const uint32_t first = options.first_sequence;
  show(time_ns, time_ns + way.delay_ns,
       TcpFrame(way.network, ends.source, ends.destination,
                {.sequence = first - 1, .flags = kTcpSyn}, ""));
  show(time_ns + 2 * way.delay_ns, time_ns + way.delay_ns + 10'000,
       TcpFrame(way.network, ends.destination, ends.source,
                {.sequence = kAnswerSequence, .acknowledgement = first, .flags = kTcpSyn | kTcpAck},
                ""));
  show(time_ns + 2 * way.delay_ns + 10'000, time_ns + 3 * way.delay_ns,
       TcpFrame(way.network, ends.source, ends.destination,
                {.sequence = first, .acknowledgement = kAnswerSequence + 1}, ""));
}

}  // namespace

std::vector<int64_t> SendOverTcp(std::span<const Message> messages, Framing framing,
                                 const TcpOptions& options, const Way& way, const LegEnds& ends,
                                 std::mt19937_64* random, StreamTruth* stream) {
  if (messages.empty()) {
    return {};
  }
  std::string bytes = Preamble(framing);
  std::vector<Write> writes;
  for (const Message& message : messages) {
    const FramedMessage framed = Frame(framing, message, random);
    for (AudioRun run : framed.runs) {
      run.stream_begin += bytes.size();
      stream->AddRun(run);
    }
    bytes += framed.bytes;
    writes.push_back({.end = bytes.size(), .time_ns = message.time_ns});
  }
  const Transfer transfer = Transmit(CutIntoSegments(writes, options, random), way, random);

  stream->key = {.source = ends.source.address,
                 .destination = ends.destination.address,
                 .source_port = ends.source.port,
                 .destination_port = ends.destination.port};
  stream->first_position = options.first_sequence;
  stream->begin_ns = messages.front().time_ns - kHandshakeNs;
  ShakeHands(stream->begin_ns, options, way, ends);
  const auto frame_of = [&](uint64_t begin, uint64_t end) {
    return TcpFrame(way.network, ends.source, ends.destination,
                    {.sequence = options.first_sequence + static_cast<uint32_t>(begin),
                     .acknowledgement = 77'001,
                     .flags = kTcpAck | kTcpPush},
                    std::string_view(bytes).substr(begin, end - begin));
  };
  for (const Segment& segment : transfer.sent) {
    stream->passed[0].Add(segment.begin, segment.end, segment.sent_ns);
    ends.at_sender->Add(segment.sent_ns, frame_of(segment.begin, segment.end));
  }
  for (const Arrival& arrival : transfer.arrived) {
    stream->passed[1].Add(arrival.begin, arrival.end, arrival.time_ns);
    ends.at_receiver->Add(arrival.time_ns, frame_of(arrival.begin, arrival.end));
  }
  stream->end_ns = transfer.arrived.back().time_ns;
  return DeliveredAt(writes, transfer.arrived);
}

}  // namespace audio_latency::accuracy
