#include "tests/lab/demo/match_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace audio_latency::lab {

MatchAudit::MatchAudit(std::vector<CallTruth> calls) {
  for (CallTruth& call : calls) {
    calls_.emplace_back().truth = std::move(call);
  }
}

bool MatchAudit::Locate(const audio_latency::v1::TracePoint& point, Place* place) const {
  for (size_t call = 0; call < calls_.size(); ++call) {
    const CallTruth& truth = calls_[call].truth;
    for (size_t leg = 0; leg < truth.legs.size(); ++leg) {
      const Leg& candidate = truth.legs[leg];
      if (point.source().pod() != candidate.source_pod ||
          point.destination().pod() != candidate.destination_pod) {
        continue;
      }
      if (truth.is_rtp && point.transport() == "udp" && point.rtp_ssrc() == candidate.ssrc) {
        // Sequence numbers have 16 bits: take the turn that is nearest to where the call is.
        const auto offset = static_cast<uint16_t>(point.position() - candidate.first_sequence);
        const int64_t newest = calls_[call].newest_position;
        const auto distance = static_cast<int16_t>(offset - static_cast<uint16_t>(newest));
        *place = {call, leg, newest + distance};
        return true;
      }
      if (!truth.is_rtp && point.transport() == "tcp" && point.has_stream_offset_bytes()) {
        *place = {call, leg, point.stream_offset_bytes()};
        return true;
      }
    }
  }
  return false;
}

void MatchAudit::CountFalse(const audio_latency::v1::Trace& trace, const std::string& reason) {
  if (false_matches_++ == 0) {
    first_false_match_ = fmt::format("signature {}: {}", trace.signature(), reason);
  }
}

void MatchAudit::Add(const audio_latency::v1::Trace& trace) {
  ++matches_;
  if (trace.points_size() == 0) {
    CountFalse(trace, "it has no points");
    return;
  }
  Place first;
  std::set<size_t> legs;
  for (int i = 0; i < trace.points_size(); ++i) {
    const audio_latency::v1::TracePoint& point = trace.points(i);
    Place place;
    if (!Locate(point, &place)) {
      CountFalse(trace, fmt::format("{} to {} ({}, position {}) is no conversation of a call",
                                    point.source().pod(), point.destination().pod(),
                                    point.transport(), point.position()));
      return;
    }
    if (i == 0) {
      first = place;
    } else if (place.call != first.call || place.position != first.position) {
      CountFalse(trace, fmt::format("position {} of {} was taken for position {} of {}",
                                    place.position, calls_[place.call].truth.path, first.position,
                                    calls_[first.call].truth.path));
      return;
    }
    legs.insert(place.leg);
  }
  State& call = calls_[first.call];
  call.newest_position = std::max(call.newest_position, first.position);
  if (legs.size() == call.truth.legs.size()) {
    ++call.whole_matches;
    call.seconds_matched.insert(first.position / call.truth.positions_per_second);
  }
}

std::vector<CallAudit> MatchAudit::Calls() const {
  std::vector<CallAudit> audits;
  for (const State& call : calls_) {
    CallAudit audit;
    audit.whole_matches = call.whole_matches;
    for (size_t second = 0; second < call.truth.seconds_with_speech.size(); ++second) {
      if (call.truth.seconds_with_speech[second]) {
        ++audit.speech_seconds;
        audit.covered_seconds +=
            call.seconds_matched.contains(static_cast<int64_t>(second)) ? 1 : 0;
      }
    }
    audits.push_back(audit);
  }
  return audits;
}

}  // namespace audio_latency::lab
