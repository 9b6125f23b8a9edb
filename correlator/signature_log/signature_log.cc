#include "correlator/signature_log/signature_log.h"

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "correlator/endpoints/endpoint_text.h"
#include "correlator/ingest/rate_budget.h"
#include "correlator/matching/match.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

constexpr int kWaitMs = 500;
constexpr double kNsPerSecond = 1e9;

// Probes that sample keep the signatures below a threshold: the share must be one of those, too.
uint64_t Mixed(uint64_t signature) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
  signature = (signature ^ (signature >> 32)) * kOdd;
  return (signature ^ (signature >> 29)) * kOdd;
}

class SignatureLogImplementation final : public SignatureLog {
 public:
  SignatureLogImplementation(const SignatureLogOptions& options, PathReader* paths,
                             const FlowRegistry* flows, const Clock& monotonic_clock,
                             const Clock& realtime_clock, Logger* logger)
      : threshold_(options.share >= 1 ? ~uint64_t{0}
                                      : static_cast<uint64_t>(std::ldexp(options.share, 64))),
        flows_(*flows),
        monotonic_clock_(monotonic_clock),
        realtime_clock_(realtime_clock),
        logger_(*logger),
        budget_(options.max_lines_per_second),
        subscription_(paths->Subscribe()),
        thread_([this] { Run(); }) {}

  ~SignatureLogImplementation() override {
    subscription_->Cancel();
    thread_.join();
  }

  SignatureLogCounters Counters() const override {
    return {.lines = lines_, .over_rate = over_rate_, .skipped_matches = skipped_};
  }

 private:
  void Run() {
    std::vector<Match> matches;
    uint64_t skipped = 0;
    while (subscription_->Next(kWaitMs, &matches, &skipped)) {
      skipped_ += skipped;
      for (const Match& match : matches) {
        if (Mixed(match.signature) <= threshold_) {
          Tell(match);
        }
      }
      matches.clear();
    }
  }

  bool MayTell() {
    if (!budget_.Take(1, monotonic_clock_.NowNs())) {
      ++over_rate_;
      return false;
    }
    ++lines_;
    return true;
  }

  void Tell(const Match& match) {
    for (const Passage& passage : match.passages) {
      const bool has_transit = passage.first.flow != passage.last.flow;
      const bool is_linked = passage.predecessor >= 0 && !passage.link_reported;
      // What an earlier match told is in this one only because something continues it.
      if (!passage.transit_reported && (has_transit || is_linked || match.passages.size() > 1)) {
        TellPoint(match.signature, passage.first);
        if (has_transit) {
          TellPoint(match.signature, passage.last);
          TellDelay(match.signature, passage.first, passage.last, "transit");
        }
      }
      if (is_linked) {
        const Passage& before = match.passages[static_cast<size_t>(passage.predecessor)];
        if (before.destination_seen && passage.source_seen) {
          TellDelay(match.signature, before.last, passage.first, "processing");
        }
      }
    }
  }

  int64_t UnixNs(const MatchPoint& point) const {
    return point.time_ns + realtime_clock_.NowNs() - monotonic_clock_.NowNs();
  }

  void TellPoint(uint64_t signature, const MatchPoint& point) {
    if (!MayTell()) {
      return;
    }
    const FlowDescription& flow = flows_.Description(point.flow);
    const FlowRecord& record = flows_.RecordAt(point.flow, point.time_ns);
    const int64_t unix_ns = UnixNs(point);
    nlohmann::json fields = {{"timestamp_ns", unix_ns},
                             {"signature", signature},
                             {"node", flows_.NodeName(flow.node)},
                             {"interface", flow.interface_name},
                             {"src_ip", flow.source.ToString()},
                             {"src_port", flow.source_port},
                             {"dst_ip", flow.destination.ToString()},
                             {"dst_port", flow.destination_port},
                             {"timestamp_human", FormatRfc3339(unix_ns)}};
    AddEndpointFields("src", flows_.EndpointOf(record.source), &fields);
    AddEndpointFields("dst", flows_.EndpointOf(record.destination), &fields);
    logger_.Info("audio_signature", "Audio signature detected", fields);
  }

  void TellDelay(uint64_t signature, const MatchPoint& from, const MatchPoint& to,
                 const char* kind) {
    if (!MayTell()) {
      return;
    }
    const FlowRecord& first = flows_.RecordAt(from.flow, from.time_ns);
    const FlowRecord& last = flows_.RecordAt(to.flow, to.time_ns);
    const bool is_transit = first.conversation == last.conversation;
    nlohmann::json fields = {
        {"timestamp_ns", UnixNs(to)},
        {"signature", signature},
        {"kind", kind},
        {"latency_ns", to.time_ns - from.time_ns},
        {"latency_seconds", static_cast<double>(to.time_ns - from.time_ns) / kNsPerSecond},
        {"src_node", flows_.NodeName(first.node)},
        {"dst_node", flows_.NodeName(last.node)}};
    // Inside a pod both ends are the pod.
    AddEndpointFields("src", flows_.EndpointOf(is_transit ? first.source : last.source), &fields);
    AddEndpointFields("dst", flows_.EndpointOf(is_transit ? last.destination : last.source),
                      &fields);
    logger_.Info("latency_calculation", "Latency calculated", fields);
  }

  const uint64_t threshold_;
  const FlowRegistry& flows_;
  const Clock& monotonic_clock_;
  const Clock& realtime_clock_;
  Logger& logger_;
  RateBudget budget_;  // the thread's
  std::atomic<uint64_t> lines_ = 0;
  std::atomic<uint64_t> over_rate_ = 0;
  std::atomic<uint64_t> skipped_ = 0;
  const std::unique_ptr<MatchSubscription> subscription_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<SignatureLog> SignatureLog::Start(const SignatureLogOptions& options,
                                                  PathReader* paths, const FlowRegistry* flows,
                                                  const Clock& monotonic_clock,
                                                  const Clock& realtime_clock, Logger* logger) {
  return std::make_unique<SignatureLogImplementation>(options, paths, flows, monotonic_clock,
                                                      realtime_clock, logger);
}

}  // namespace audio_latency::correlator
