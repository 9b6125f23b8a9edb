#include "tests/interop/relay_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace audio_latency::lab {
namespace {

using audio_latency::v1::Trace;
using audio_latency::v1::TracePoint;

constexpr double kUsPerNs = 1e-3;
constexpr double kUsPerSecond = 1e6;

RtpStreamKey KeyOf(const TracePoint& point) {
  return {point.source().address(), point.destination().address(), point.rtp_ssrc()};
}

bool IsOneConversation(const TracePoint& a, const TracePoint& b) {
  return KeyOf(a) == KeyOf(b) && a.source_port() == b.source_port() &&
         a.destination_port() == b.destination_port();
}

// The value below which `share` of them are; they are sorted here.
double Quantile(std::vector<double>* values, double share) {
  if (values->empty()) {
    return 0;
  }
  std::sort(values->begin(), values->end());
  const double rank = share * static_cast<double>(values->size());
  return (*values)[std::min(values->size() - 1, static_cast<size_t>(rank))];
}

class Audit {
 public:
  Audit(const RelayTruth& truth, const AuditOptions& options) : truth_(truth), options_(options) {
    result_.name = options.name;
  }

  void Add(const Trace& trace) {
    for (int i = 0; i + 1 < trace.points_size(); ++i) {
      const TracePoint& entered = trace.points(i);
      const TracePoint& left = trace.points(i + 1);
      if (!IsOneConversation(entered, left) && (Touches(entered) || Touches(left))) {
        AddLink(trace.signature(), entered, left);
      }
    }
  }

  CaseResult Finish() {
    std::vector<double> delays_us;
    for (const RelayedStream& stream : truth_.streams) {
      result_.relayed_packets += static_cast<int64_t>(stream.passages.size());
      for (const auto& [sequence, passage] : stream.passages) {
        delays_us.push_back(static_cast<double>(passage.delay_ns()) * kUsPerNs);
      }
      CountSeconds(stream);
    }
    result_.matched_packets = static_cast<int64_t>(matched_.size());
    result_.matches = static_cast<int64_t>(links_.size());
    result_.median_error_us = Quantile(&errors_us_, 0.5);
    result_.p99_error_us = Quantile(&errors_us_, 0.99);
    result_.max_error_us = Quantile(&errors_us_, 1);
    result_.median_delay_us = Quantile(&delays_us, 0.5);
    result_.max_delay_us = Quantile(&delays_us, 1);
    return result_;
  }

 private:
  using Packet = std::pair<RtpStreamKey, uint16_t>;

  bool Touches(const TracePoint& point) const {
    return point.source().address() == options_.relay_address ||
           point.destination().address() == options_.relay_address;
  }

  void AddLink(const std::string& signature, const TracePoint& entered, const TracePoint& left) {
    const RtpStreamKey in = KeyOf(entered);
    const auto sequence = static_cast<uint16_t>(entered.position());
    const RelayedStream* stream = truth_.Find(in);
    const char* wrong = nullptr;
    if (stream == nullptr || stream->out != KeyOf(left)) {
      wrong = "the relay does not send the one on as the other";
    } else if (left.position() != static_cast<uint16_t>(sequence + stream->sequence_shift)) {
      wrong = "they are different packets of the stream";
    } else if (!stream->passages.contains(sequence)) {
      wrong = "the packet did not leave the relay as it came";
    }
    if (wrong != nullptr) {
      if (result_.false_matches++ == 0) {
        result_.first_false_match =
            fmt::format("signature {}: packet {} of {} > {} was taken for packet {} of {} > {}: {}",
                        signature, entered.position(), in.source, in.destination, left.position(),
                        left.source().address(), left.destination().address(), wrong);
      }
      return;
    }
    matched_.insert({in, sequence});
    if (links_.insert({in, sequence, signature}).second) {
      const double reported_us = (left.delay_seconds() - entered.delay_seconds()) * kUsPerSecond;
      const double true_us =
          static_cast<double>(stream->passages.at(sequence).delay_ns()) * kUsPerNs;
      errors_us_.push_back(std::abs(reported_us - true_us));
    }
  }

  void CountSeconds(const RelayedStream& stream) {
    // A second that began too late to be heard out is not asked for.
    std::vector<int64_t> packets(options_.seconds_with_speech.size());
    std::set<size_t> covered;
    for (const auto& [sequence, passage] : stream.passages) {
      const size_t second = passage.media_time / static_cast<uint32_t>(options_.ticks_per_second);
      if (second < packets.size()) {
        ++packets[second];
        if (matched_.contains({stream.in, sequence})) {
          covered.insert(second);
        }
      }
    }
    const int64_t whole = packets.empty() ? 0 : *std::max_element(packets.begin(), packets.end());
    for (size_t second = 0; second < packets.size(); ++second) {
      if (options_.seconds_with_speech[second] && packets[second] * 2 >= whole && whole > 0) {
        ++result_.speech_seconds;
        result_.covered_seconds += covered.contains(second) ? 1 : 0;
      }
    }
  }

  const RelayTruth& truth_;
  const AuditOptions& options_;
  CaseResult result_;
  std::set<Packet> matched_;
  std::set<std::tuple<RtpStreamKey, uint16_t, std::string>> links_;
  std::vector<double> errors_us_;
};

}  // namespace

CaseResult AuditRelay(const RelayTruth& truth, const std::vector<Trace>& traces,
                      const AuditOptions& options) {
  Audit audit(truth, options);
  for (const Trace& trace : traces) {
    audit.Add(trace);
  }
  return audit.Finish();
}

}  // namespace audio_latency::lab
