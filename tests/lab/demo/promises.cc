#include "tests/lab/demo/promises.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/lab/demo/figures.h"

namespace audio_latency::lab {
namespace {

constexpr double kProcessingToleranceSeconds = 1e-3;
constexpr double kMostTransitSeconds = 1e-3;
constexpr double kLeastCoverage = 0.99;

const audio_latency::v1::Path* FindPath(const audio_latency::v1::ListPathsResponse& answer,
                                        const std::string& name) {
  const auto found = std::find_if(answer.paths().begin(), answer.paths().end(),
                                  [&](const auto& path) { return path.path() == name; });
  return found == answer.paths().end() ? nullptr : &*found;
}

Promise CheckHop(const CallResult& call, const audio_latency::v1::Hop& hop) {
  const double p50 = hop.one_way_delay().p50_seconds();
  const std::string seen = fmt::format("{}: {} {} at p50 (+/- {})", call.path, DelayText(p50),
                                       HopName(hop), DelayText(hop.error_bound_seconds()));
  if (hop.kind() == audio_latency::v1::Hop::PROCESSING) {
    return {std::abs(p50 - call.hold_ms * 1e-3) <= kProcessingToleranceSeconds,
            fmt::format("{}, within 1 ms of the {} ms that it holds audio", seen, call.hold_ms)};
  }
  return {p50 < kMostTransitSeconds, seen + ", under 1 ms"};
}

void CheckPath(const ScenarioResult& result, const CallResult& call,
               std::vector<Promise>* promises) {
  const audio_latency::v1::Path* path = FindPath(result.answer, call.path);
  if (path == nullptr) {
    promises->push_back({false, fmt::format("{}: the correlator knows no such path", call.path)});
    return;
  }
  const bool has_shape = path->hops_size() == 3 &&
                         path->hops(0).kind() == audio_latency::v1::Hop::TRANSIT &&
                         path->hops(1).kind() == audio_latency::v1::Hop::PROCESSING &&
                         path->hops(2).kind() == audio_latency::v1::Hop::TRANSIT;
  promises->push_back(
      {has_shape, fmt::format("{}: {} hops, network, pod, network", call.path, path->hops_size())});
  for (const audio_latency::v1::Hop& hop : path->hops()) {
    promises->push_back(CheckHop(call, hop));
  }
}

void CheckCall(const CallResult& call, std::vector<Promise>* promises) {
  promises->push_back(
      {call.audit.coverage() >= kLeastCoverage,
       fmt::format("{}: {} of {} seconds with speech are covered ({:.1f} %), {} matches", call.path,
                   call.audit.covered_seconds, call.audit.speech_seconds,
                   100 * call.audit.coverage(), call.audit.whole_matches)});
  promises->push_back(
      {call.sent.bytes > 0 && call.received == call.sent,
       fmt::format("{}: traffic unharmed, {} bytes sent and {} received, digests {} and {}",
                   call.path, call.sent.bytes, call.received.bytes, call.sent.digest,
                   call.received.digest)});
}

}  // namespace

std::vector<Promise> CheckPromises(const ScenarioResult& result) {
  std::vector<Promise> promises;
  for (const CallResult& call : result.calls) {
    CheckPath(result, call, &promises);
    CheckCall(call, &promises);
  }
  std::string text = fmt::format("{} false among {} matches, by the positions that the lab knows",
                                 result.false_matches, result.matches);
  if (result.false_matches > 0) {
    text += "; the first: " + result.first_false_match;
  }
  promises.push_back({result.false_matches == 0 && result.matches > 0, text});
  if (result.unseen_matches > 0) {
    promises.push_back(
        {false, fmt::format("{:.0f} matches came too fast to be checked", result.unseen_matches)});
  }
  return promises;
}

}  // namespace audio_latency::lab
