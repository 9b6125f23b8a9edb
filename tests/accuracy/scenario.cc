#include "tests/accuracy/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "common/status/status_macros.h"
#include "tests/accuracy/way.h"

namespace audio_latency::accuracy {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kStartNs = 1'767'225'600'000'000'000;  // 2026-01-01
// How often comfort noise tells of a pause.
constexpr int64_t kComfortNoiseNs = 200 * kMillisecondNs;
// How late a sender's timer may be.
constexpr int64_t kSenderJitterNs = 300'000;
constexpr int64_t kLeastSpacingNs = 20'000;

IpAddress AddressOf(bool is_ipv6, size_t place, int caller) {
  // Relays are shared by all calls; callers and callees are not.
  const std::string text =
      is_ipv6 ? fmt::format("fd00:{}::{:x}", place + 1, caller + 1)
              : fmt::format("10.{}.{}.{}", place + 1, caller / 200, caller % 200 + 1);
  return *IpAddress::Parse(text);
}

class CallMaker {
 public:
  CallMaker(const CallSpec& spec, size_t index, uint64_t seed, std::vector<CaptureFile>* points)
      : spec_(spec), index_(index), points_(*points), random_(seed * 1'000'003 + index) {}

  absl::StatusOr<CallTruth> Make() {
    ASSIGN_OR_RETURN(const std::vector<int16_t> samples, MakeSound(spec_.sound, spec_.seconds));
    ASSIGN_OR_RETURN(truth_.track, Encode(samples, spec_.codec));
    truth_.start_ns = kStartNs + spec_.start_ns;
    truth_.is_packet_for_packet =
        std::all_of(spec_.legs.begin(), spec_.legs.end(), [&](const LegSpec& leg) {
          return leg.carrier == Carrier::kRtp && leg.message_ms == spec_.legs.front().message_ms;
        });
    std::vector<Message> messages = Spoken(FramesPerMessage(0));
    for (size_t leg = 0; leg < spec_.legs.size(); ++leg) {
      if (leg > 0) {
        messages = Relayed(leg, messages);
      }
      truth_.legs.push_back(Send(leg, messages));
    }
    return std::move(truth_);
  }

 private:
  uint32_t FramesPerMessage(size_t leg) const {
    return static_cast<uint32_t>(spec_.legs[leg].message_ms * kMillisecondNs /
                                 truth_.track.frame_ns);
  }

  bool IsSilent(uint32_t first, uint32_t count) const {
    return std::all_of(truth_.track.frames.begin() + first,
                       truth_.track.frames.begin() + first + count,
                       [](const AudioFrame& frame) { return frame.is_silent; });
  }

  // Adds the frame to the message, or what conceals that it is missing.
  void AddFrame(uint32_t index, bool is_present, Message* message) const {
    const AudioFrame& frame = truth_.track.frames[index];
    if (is_present) {
      message->runs.push_back({.stream_begin = message->payload.size(),
                               .audio_begin = frame.begin,
                               .bytes = frame.bytes});
      message->payload.append(truth_.track.bytes, frame.begin, frame.bytes);
    } else {
      message->payload.append(frame.bytes, truth_.track.filler);
    }
    ++message->frame_count;
  }

  // What the caller says.
  std::vector<Message> Spoken(uint32_t frames) {
    std::vector<Message> messages;
    int64_t newest_ns = 0;
    int64_t silent_since_ns = kNever;
    for (uint32_t first = 0; first + frames <= truth_.track.frames.size(); first += frames) {
      const int64_t ready_ns = truth_.start_ns + (first + frames) * truth_.track.frame_ns;
      Message message{.time_ns = std::max(ready_ns + UniformNs(0, kSenderJitterNs, &random_),
                                          newest_ns + kLeastSpacingNs),
                      .ordinal = static_cast<uint32_t>(messages.size()),
                      .first_frame = first};
      if (spec_.is_discontinuous && IsSilent(first, frames)) {
        if (spec_.codec == Codec::kOpusDtx || silent_since_ns == kNever ||
            ready_ns - silent_since_ns >= kComfortNoiseNs) {
          const bool is_told = spec_.codec != Codec::kOpusDtx;
          silent_since_ns = ready_ns;
          if (is_told) {
            message.frame_count = frames;
            message.payload = "\x46";  // -70 dBov
            message.is_comfort_noise = true;
            newest_ns = message.time_ns;
            messages.push_back(std::move(message));
          }
        }
        continue;
      }
      message.is_onset = silent_since_ns != kNever || messages.empty();
      silent_since_ns = kNever;
      for (uint32_t i = 0; i < frames; ++i) {
        AddFrame(first + i, true, &message);
      }
      newest_ns = message.time_ns;
      messages.push_back(std::move(message));
    }
    return messages;
  }

  // What a relay makes of what it got: the messages of the leg before, which it has at
  // delivered_ns_.
  std::vector<Message> Relayed(size_t leg, const std::vector<Message>& received) {
    const bool is_packet_for_packet = spec_.legs[leg].carrier == Carrier::kRtp &&
                                      spec_.legs[leg - 1].carrier == Carrier::kRtp &&
                                      FramesPerMessage(leg) == FramesPerMessage(leg - 1);
    return is_packet_for_packet ? Forwarded(received) : Repacked(leg, received);
  }

  int64_t Hold() { return spec_.hold_ns + UniformNs(0, spec_.hold_jitter_ns, &random_); }

  std::vector<Message> Forwarded(const std::vector<Message>& received) {
    std::vector<Message> messages;
    for (size_t i = 0; i < received.size(); ++i) {
      if (delivered_ns_[i] != kNever) {
        messages.push_back(received[i]);
        messages.back().time_ns = delivered_ns_[i] + Hold();
      }
    }
    return messages;
  }

  std::vector<Message> Repacked(size_t leg, const std::vector<Message>& received) {
    std::vector<int64_t> has_frame_ns(truth_.track.frames.size(), kNever);
    for (size_t i = 0; i < received.size(); ++i) {
      for (uint32_t k = 0; k < received[i].frame_count && !received[i].is_comfort_noise; ++k) {
        // What an earlier relay had to conceal is concealed for good.
        if (IsAudio(received[i], received[i].first_frame + k)) {
          has_frame_ns[received[i].first_frame + k] = delivered_ns_[i];
        }
      }
    }
    const uint32_t frames = FramesPerMessage(leg);
    std::vector<Message> messages;
    int64_t newest_ns = 0;
    for (uint32_t first = 0; first + frames <= has_frame_ns.size(); first += frames) {
      Message message{.ordinal = static_cast<uint32_t>(messages.size()), .first_frame = first};
      int64_t ready_ns = 0;
      for (uint32_t i = first; i < first + frames; ++i) {
        const bool is_present = has_frame_ns[i] != kNever;
        AddFrame(i, is_present, &message);
        ready_ns = is_present ? std::max(ready_ns, has_frame_ns[i]) : ready_ns;
      }
      if (ready_ns > 0) {
        message.time_ns = std::max(ready_ns + Hold(), newest_ns + kLeastSpacingNs);
        newest_ns = message.time_ns;
        messages.push_back(std::move(message));
      }
    }
    return messages;
  }

  bool IsAudio(const Message& message, uint32_t frame) const {
    const uint64_t byte = truth_.track.frames[frame].begin;
    return std::any_of(message.runs.begin(), message.runs.end(), [&](const AudioRun& run) {
      return run.audio_begin <= byte && byte < run.audio_begin + run.bytes;
    });
  }

  // The ends of a leg; `part` counts how often it has begun anew.
  LegEnds EndsOf(size_t leg) const {
    const size_t count = spec_.legs.size();
    const size_t from = spec_.is_backward ? count - leg : leg;
    const size_t to = spec_.is_backward ? from - 1 : from + 1;
    const auto address = [&](size_t place) {
      const bool is_relay = place > 0 && place < count;
      return AddressOf(spec_.is_ipv6, place, is_relay ? 0 : spec_.caller);
    };
    const LegSpec& spec = spec_.legs[leg];
    const uint16_t own_port = static_cast<uint16_t>(20'000 + index_ * 8 + leg * 2);
    return {.source = {.address = address(from),
                       .port = spec.source_port != 0 ? spec.source_port : own_port},
            .destination = {.address = address(to),
                            .port = spec.destination_port != 0
                                        ? spec.destination_port
                                        : static_cast<uint16_t>(own_port + 20'000)},
            .at_sender = &points_[from],
            .at_receiver = &points_[to]};
  }

  LegTruth Send(size_t leg, const std::vector<Message>& messages) {
    const LegSpec& spec = spec_.legs[leg];
    const size_t count = spec_.legs.size();
    LegTruth result;
    result.points =
        spec_.is_backward ? std::array{count - leg, count - leg - 1} : std::array{leg, leg + 1};
    delivered_ns_.clear();
    const size_t middle = spec.restarts ? messages.size() / 2 : messages.size();
    for (const auto& [begin, end] : {std::pair{size_t{0}, middle}, {middle, messages.size()}}) {
      if (begin == end) {
        continue;
      }
      const std::span part(messages.data() + begin, end - begin);
      StreamTruth& stream = result.streams.emplace_back();
      std::vector<int64_t> delivered_ns;
      if (spec.carrier == Carrier::kTcp) {
        const TcpOptions tcp{
            .cut = spec.cut,
            .mss_bytes = spec.mss_bytes,
            .first_sequence = spec.wraps ? 0u - 100'000u : static_cast<uint32_t>(random_())};
        delivered_ns =
            SendOverTcp(part, spec.framing, tcp, spec.way, EndsOf(leg), &random_, &stream);
      } else {
        RtpOptions rtp = spec.rtp;
        if (rtp.ssrc == 0) {
          rtp.ssrc = static_cast<uint32_t>(random_());
          rtp.first_sequence = spec.wraps ? 65'400 : static_cast<uint16_t>(random_() % 30'000);
          rtp.first_timestamp = static_cast<uint32_t>(random_());
        }
        delivered_ns =
            SendOverRtp(part, truth_.track, rtp, spec.way, EndsOf(leg), &random_, &stream);
      }
      delivered_ns_.insert(delivered_ns_.end(), delivered_ns.begin(), delivered_ns.end());
    }
    return result;
  }

  const CallSpec& spec_;
  const size_t index_;
  std::vector<CaptureFile>& points_;
  std::mt19937_64 random_;
  CallTruth truth_;
  // When the messages of the leg before were delivered.
  std::vector<int64_t> delivered_ns_;
};

}  // namespace

absl::StatusOr<Traffic> MakeTraffic(const Scenario& scenario) {
  Traffic traffic;
  size_t points = 0;
  for (const CallSpec& call : scenario.calls) {
    points = std::max(points, call.legs.size() + 1);
  }
  traffic.points.resize(points);
  for (size_t i = 0; i < scenario.calls.size(); ++i) {
    CallMaker maker(scenario.calls[i], i, scenario.seed, &traffic.points);
    ASSIGN_OR_RETURN(CallTruth call, maker.Make());
    traffic.truth.calls.push_back(std::move(call));
  }
  if (scenario.detects_audio) {
    // Four full bins of 537 ms, and the one that the stream began in (bpf/cadence.h).
    constexpr int64_t kWatchedNs = 2'700'000'000;
    traffic.truth.watched_for_ns = kWatchedNs;
  }
  if (scenario.joined_after_ns > 0) {
    traffic.truth.captured_from_ns = kStartNs + scenario.joined_after_ns;
    for (CaptureFile& point : traffic.points) {
      point.BeginAt(traffic.truth.captured_from_ns);
    }
  }
  if (traffic.points.size() > kSkewedPoint) {
    traffic.points[kSkewedPoint].Skew(scenario.skew_ns);
  }
  return traffic;
}

}  // namespace audio_latency::accuracy
