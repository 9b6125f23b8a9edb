#include "tests/accuracy/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace audio_latency::accuracy {
namespace {

// A pair of conversations proves itself before it is believed (correlator/README.md): pieces of a
// call's first seconds count for coverage, not for recall.
constexpr int64_t kLearningNs = 2'000'000'000;
constexpr uint64_t kDifferenceBytes = 4;

std::optional<double> Share(uint64_t part, uint64_t whole) {
  if (whole == 0) {
    return std::nullopt;
  }
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::optional<double> Figures::Recall() const { return Share(found, expected); }
std::optional<double> Figures::RecallOfAudio() const { return Share(found, of_audio); }
std::optional<double> Figures::Coverage() const {
  return Share(covered_seconds, seconds_with_sound);
}

std::optional<double> Figures::ErrorUs(double share) const {
  if (errors_us.empty()) {
    return std::nullopt;
  }
  return errors_us[static_cast<size_t>(share * static_cast<double>(errors_us.size() - 1))];
}

std::string PointName(size_t index) { return fmt::format("point-{}", index); }

Judge::Judge(const Truth& truth, const capture_config& config) : truth_(truth), config_(config) {
  calls_.resize(truth_.calls.size());
  for (size_t call = 0; call < truth_.calls.size(); ++call) {
    for (size_t leg = 0; leg < truth_.calls[call].legs.size(); ++leg) {
      for (const StreamTruth& stream : truth_.calls[call].legs[leg].streams) {
        streams_[stream.key].push_back({.call = call, .leg = leg, .stream = &stream});
      }
    }
    Expect(call);
  }
}

// Whether the piece belongs to what recall is a share of: it was not sent while pairs were learnt.
bool Judge::IsPastLearning(const CallTruth& call, const ByteRange& audio) const {
  const std::optional<int64_t> sent_ns = call.legs.front().PassedAt(audio, 0);
  return sent_ns && *sent_ns >= std::max(call.start_ns, truth_.captured_from_ns) +
                                    truth_.watched_for_ns + kLearningNs;
}

bool Judge::PassesAll(const CallTruth& call, const ByteRange& audio, bool crosses_headers) const {
  for (const LegTruth& leg : call.legs) {
    const bool is_in_one_piece =
        crosses_headers ||
        std::any_of(leg.streams.begin(), leg.streams.end(),
                    [&](const StreamTruth& stream) { return stream.StreamOf(audio).has_value(); });
    if (!is_in_one_piece || !leg.PassedAt(audio, 0) || !leg.PassedAt(audio, 1)) {
      return false;
    }
  }
  return true;
}

void Judge::Expect(size_t index) {
  const CallTruth& call = truth_.calls[index];
  CallState& state = calls_[index];
  state.reference = ReferenceOf(call.track, config_);
  if (call.is_packet_for_packet) {
    for (const StreamTruth& stream : call.legs.front().streams) {
      const std::vector<bool> is_signed = SignedPackets(call.track, stream, config_);
      for (size_t i = 0; i < is_signed.size(); ++i) {
        const std::optional<ByteRange> audio = stream.AudioOf(stream.packets[i]);
        if (is_signed[i] && audio && IsPastLearning(call, *audio)) {
          ++figures_.of_audio;
          if (PassesAll(call, *audio, /*crosses_headers=*/true)) {
            state.expected.insert(audio->begin);
          }
        }
      }
    }
    return;
  }
  for (const uint64_t window : state.reference.windows) {
    if (window < kDifferenceBytes) {
      continue;
    }
    // The difference stream looks back.
    const ByteRange audio = {.begin = window - kDifferenceBytes,
                             .end = window + config_.window_bytes};
    if (IsPastLearning(call, audio)) {
      ++figures_.of_audio;
      if (PassesAll(call, audio, /*crosses_headers=*/false)) {
        state.expected.insert(window);
      }
    }
  }
}

std::optional<Judge::StreamPlace> Judge::FindStream(const FlowKey& key, int64_t time_ns) const {
  const auto found = streams_.find(key);
  if (found == streams_.end()) {
    return std::nullopt;
  }
  // A 5-tuple may serve several calls, one after the other.
  return *std::min_element(
      found->second.begin(), found->second.end(), [&](const StreamPlace& a, const StreamPlace& b) {
        const auto distance = [&](const StreamTruth& stream) {
          return std::max<int64_t>({stream.begin_ns - time_ns, time_ns - stream.end_ns, 0});
        };
        return distance(*a.stream) < distance(*b.stream);
      });
}

std::optional<size_t> Judge::SideOf(const StreamPlace& place, std::string_view node) const {
  const std::array<size_t, 2>& points = truth_.calls[place.call].legs[place.leg].points;
  for (size_t side = 0; side < points.size(); ++side) {
    if (PointName(points[side]) == node) {
      return side;
    }
  }
  return std::nullopt;
}

std::optional<Judge::Seen> Judge::Find(const correlator::Passage& passage,
                                       const correlator::FlowRegistry& flows) {
  Seen seen;
  const std::array<correlator::MatchPoint, 2> points = {passage.first, passage.last};
  for (size_t i = 0; i < points.size(); ++i) {
    const correlator::FlowDescription& flow = flows.Description(points[i].flow);
    const std::optional<StreamPlace> place =
        FindStream({.source = flow.source,
                    .destination = flow.destination,
                    .source_port = flow.source_port,
                    .destination_port = flow.destination_port,
                    .is_rtp = flow.is_rtp,
                    .rtp_ssrc = flow.is_rtp ? flow.rtp_ssrc : 0},
                   points[i].time_ns);
    const std::optional<size_t> side =
        place ? SideOf(*place, flows.NodeName(flow.node)) : std::nullopt;
    if (!side || (i == 1 && place->stream != seen.place.stream)) {
      problem_ = fmt::format("{}:{} to {}:{} at {} carries no such call", flow.source.ToString(),
                             flow.source_port, flow.destination.ToString(), flow.destination_port,
                             flows.NodeName(flow.node));
      return std::nullopt;
    }
    seen.place = *place;
    seen.sides[i] = *side;
  }
  const StreamTruth& stream = *seen.place.stream;
  if (stream.key.is_rtp) {
    const uint16_t number = static_cast<uint16_t>(passage.position - stream.first_position);
    if (number >= stream.packets.size()) {
      problem_ = fmt::format("RTP sequence number {} was never sent", passage.position);
      return std::nullopt;
    }
    seen.in_stream = stream.packets[number];
    seen.audio = AudioOfPacket(stream, seen.in_stream);
  } else {
    const uint64_t begin = static_cast<uint32_t>(passage.position - stream.first_position);
    seen.in_stream = {.begin = begin - std::min(begin, kDifferenceBytes),
                      .end = begin + config_.window_bytes};
    seen.audio = AudioOfWindow(stream, {.begin = begin, .end = seen.in_stream.end});
    seen.is_window = true;
  }
  return seen;
}

// Of a window that reaches into a header, which there has the same bytes as the audio elsewhere: as
// if it were audio all over. Empty where none of it is audio (the request for a WebSocket), which
// is nothing that could be met elsewhere.
ByteRange Judge::AudioOfWindow(const StreamTruth& stream, const ByteRange& window) const {
  const std::optional<ByteRange> audio = stream.AudioOf(window);
  if (!audio) {
    return {};
  }
  const uint64_t bytes = window.end - window.begin;
  if (!stream.AudioOf({.begin = window.end - 1, .end = window.end})) {
    return {.begin = audio->begin, .end = audio->begin + bytes};
  }
  if (!stream.AudioOf({.begin = window.begin, .end = window.begin + 1})) {
    return {.begin = audio->end - std::min(audio->end, bytes), .end = audio->end};
  }
  return *audio;
}

// Of comfort noise: what windows that end in it hold.
ByteRange Judge::AudioOfPacket(const StreamTruth& stream, const ByteRange& packet) const {
  if (const std::optional<ByteRange> audio = stream.AudioOf(packet)) {
    return *audio;
  }
  const uint64_t before = std::min<uint64_t>(packet.begin, config_.window_bytes);
  return stream.AudioOf({.begin = packet.begin - before, .end = packet.end}).value_or(ByteRange{});
}

bool Judge::IsSamePiece(const Seen& a, const Seen& b) {
  const bool is_same =
      a.place.call == b.place.call &&
      (a.is_window && b.is_window
           ? a.audio == b.audio && a.audio.begin < a.audio.end
           : std::max(a.audio.begin, b.audio.begin) < std::min(a.audio.end, b.audio.end));
  if (!is_same) {
    problem_ = fmt::format(
        "call {}, leg {}, audio bytes {} to {} were taken for call {}, leg {}, audio bytes {} to "
        "{}",
        b.place.call, b.place.leg, b.audio.begin, b.audio.end, a.place.call, a.place.leg,
        a.audio.begin, a.audio.end);
  }
  return is_same;
}

Judge::Piece Judge::PieceOf(uint64_t signature, const std::vector<Seen>& seen) const {
  const auto window_at = [this](uint64_t begin) {
    const uint64_t end = begin + config_.window_bytes;
    return Piece{.audio = {.begin = begin, .end = end},
                 .bytes = {.begin = begin - std::min(begin, kDifferenceBytes), .end = end}};
  };
  ByteRange common = seen.front().audio;
  for (const Seen& passage : seen) {
    if (passage.is_window) {
      return window_at(passage.audio.begin);
    }
    common = {.begin = std::max(common.begin, passage.audio.begin),
              .end = std::min(common.end, passage.audio.end)};
  }
  const Reference& reference = calls_[seen.front().place.call].reference;
  if (const auto known = reference.windows_by_signature.find(signature);
      known != reference.windows_by_signature.end()) {
    for (const uint64_t begin : known->second) {
      // The packets that complete it are those that hold its end.
      const Piece window = window_at(begin);
      if (common.begin < window.audio.end && window.audio.end <= common.end) {
        return window;
      }
    }
  }
  return {.audio = common, .bytes = common};
}

std::optional<int64_t> Judge::TruePassNs(const Seen& seen, const Piece& piece, size_t side) const {
  const StreamTruth& stream = *seen.place.stream;
  if (seen.is_window || !stream.AudioOf(seen.in_stream)) {
    return stream.passed[side].PassedAt(seen.in_stream.begin, seen.in_stream.end);
  }
  return truth_.calls[seen.place.call].legs[seen.place.leg].PassedAt(piece.bytes, side);
}

void Judge::CountFalse(std::string problem) {
  ++figures_.false_matches;
  if (figures_.first_false_match.empty()) {
    figures_.first_false_match = std::move(problem);
  }
}

void Judge::AddError(int64_t reported_ns, std::optional<int64_t> from_ns,
                     std::optional<int64_t> to_ns) {
  if (!from_ns || !to_ns) {
    CountFalse("a piece was reported at a point that it never passed");
    return;
  }
  const int64_t true_ns = *to_ns - *from_ns;
  const double error_us = std::abs(static_cast<double>(reported_ns - true_ns)) / 1000;
  if (error_us > kMostErrorUs) {
    CountFalse(
        fmt::format("a delay of {} us was reported as {} us", true_ns / 1000, reported_ns / 1000));
  }
  figures_.errors_us.push_back(error_us);
}

void Judge::AddDelays(const correlator::Match& match, const std::vector<Seen>& seen,
                      const Piece& piece) {
  for (size_t i = 0; i < match.passages.size(); ++i) {
    const correlator::Passage& passage = match.passages[i];
    if (passage.first.flow != passage.last.flow && !passage.transit_reported) {
      AddError(passage.last.time_ns - passage.first.time_ns,
               TruePassNs(seen[i], piece, seen[i].sides[0]),
               TruePassNs(seen[i], piece, seen[i].sides[1]));
    }
    if (passage.predecessor < 0 || passage.link_reported) {
      continue;
    }
    const size_t before = static_cast<size_t>(passage.predecessor);
    if (match.passages[before].destination_seen && passage.source_seen) {
      AddError(passage.first.time_ns - match.passages[before].last.time_ns,
               TruePassNs(seen[before], piece, seen[before].sides[1]),
               TruePassNs(seen[i], piece, seen[i].sides[0]));
    }
  }
}

// Pieces that were followed from the first point to the last, and seen at each.
void Judge::AddWays(const correlator::Match& match, const std::vector<Seen>& seen,
                    const Piece& piece) {
  for (size_t i = 0; i < match.passages.size(); ++i) {
    const CallTruth& call = truth_.calls[seen[i].place.call];
    if (seen[i].place.leg + 1 != call.legs.size() || piece.audio.begin >= piece.audio.end) {
      continue;
    }
    const auto is_whole = [&](size_t passage) {
      return seen[passage].sides == std::array<size_t, 2>{0, 1};
    };
    size_t origin = i;
    bool is_seen_everywhere = is_whole(i);
    while (match.passages[origin].predecessor >= 0) {
      origin = static_cast<size_t>(match.passages[origin].predecessor);
      is_seen_everywhere &= is_whole(origin);
    }
    if (seen[origin].place.leg != 0 || !is_seen_everywhere) {
      continue;
    }
    CallState& state = calls_[seen[i].place.call];
    state.covered_seconds.insert(call.track.SecondOf(piece.audio.begin));
    const uint64_t begin = call.is_packet_for_packet ? seen[origin].audio.begin : piece.audio.begin;
    if (state.expected.contains(begin)) {
      state.found.insert(begin);
    }
    AddError(match.passages[i].last.time_ns - match.passages[origin].first.time_ns,
             TruePassNs(seen[origin], piece, 0), TruePassNs(seen[i], piece, 1));
  }
}

void Judge::Take(const correlator::Match& match, const correlator::FlowRegistry& flows) {
  ++figures_.matches;
  std::vector<Seen> seen;
  bool is_true = true;
  for (const correlator::Passage& passage : match.passages) {
    const std::optional<Seen> found = Find(passage, flows);
    is_true = found && (passage.predecessor < 0 ||
                        IsSamePiece(seen[static_cast<size_t>(passage.predecessor)], *found));
    if (!is_true) {
      break;
    }
    seen.push_back(*found);
  }
  if (!is_true) {
    CountFalse(problem_);
    return;
  }
  const Piece piece = PieceOf(match.signature, seen);
  AddDelays(match, seen, piece);
  AddWays(match, seen, piece);
}

Figures Judge::Finish() {
  for (size_t i = 0; i < calls_.size(); ++i) {
    const CallTruth& call = truth_.calls[i];
    figures_.expected += calls_[i].expected.size();
    figures_.found += calls_[i].found.size();
    const int64_t hidden_ns =
        std::max<int64_t>(0, truth_.captured_from_ns - call.start_ns) + truth_.watched_for_ns;
    constexpr int64_t kSecondNs = 1'000'000'000;
    for (size_t second = 0; second < call.track.seconds_with_sound.size(); ++second) {
      if (call.track.seconds_with_sound[second] &&
          static_cast<int64_t>(second) * kSecondNs >= hidden_ns) {
        ++figures_.seconds_with_sound;
        figures_.covered_seconds +=
            calls_[i].covered_seconds.contains(static_cast<int64_t>(second)) ? 1 : 0;
      }
    }
  }
  std::sort(figures_.errors_us.begin(), figures_.errors_us.end());
  return figures_;
}

}  // namespace audio_latency::accuracy
