#include "tests/unit/correlator/testing/call_simulation.h"

#include <algorithm>

namespace audio_latency::correlator::testing {

CallSimulation::CallSimulation(Cluster* cluster, const SimulationOptions& options)
    : cluster_(*cluster), options_(options), random_(options.seed) {}

void CallSimulation::Observe(FlowId flow, uint64_t signature, uint32_t position, int64_t time_ns) {
  const NodeId node = cluster_.flows().Record(flow).node;
  const auto [error, is_new] = clock_errors_ns_.try_emplace(node, 0);
  if (is_new && options_.clock_error_ns > 0) {
    error->second = std::uniform_int_distribution<int64_t>(-options_.clock_error_ns,
                                                           options_.clock_error_ns)(random_);
  }
  // A node's reports go out in step, and one that takes longer holds up its own node only.
  const int64_t report = time_ns / options_.report_period_ns + 1;
  std::mt19937_64 of_report(options_.seed * 7919 + node * 104729 + static_cast<uint64_t>(report));
  const int64_t jitter_ns =
      options_.report_jitter_ns == 0
          ? 0
          : std::uniform_int_distribution<int64_t>(0, options_.report_jitter_ns)(of_report);
  reports_.push_back({.arrival_ns = report * options_.report_period_ns + jitter_ns,
                      .observation = {.signature = signature,
                                      .time_ns = time_ns + error->second,
                                      .flow = flow,
                                      .position = position}});
}

int64_t CallSimulation::Send(const ConversationFlows& conversation, uint64_t signature,
                             uint32_t position, int64_t time_ns, const PassageKey* origin) {
  const int64_t transit_ns =
      options_.transit_ns +
      (options_.transit_jitter_ns == 0
           ? 0
           : std::uniform_int_distribution<int64_t>(0, options_.transit_jitter_ns)(random_));
  const int64_t arrival_ns = time_ns + 10'000 + transit_ns + 15'000;
  Sent sent;
  if (origin != nullptr) {
    sent.has_origin = true;
    sent.origin = *origin;
  }
  if (!Happens(options_.passage_loss)) {
    const std::pair<FlowId, int64_t> points[] = {
        {conversation.source_container, time_ns},
        {conversation.source_uplink, time_ns + 10'000},
        {conversation.destination_uplink, time_ns + 10'000 + transit_ns},
        {conversation.destination_container, arrival_ns}};
    for (size_t i = 0; i < std::size(points); ++i) {
      if (!Happens(options_.observation_loss)) {
        (i < 2 ? sent.at_source : sent.at_destination) = true;
        Observe(points[i].first, signature, position, points[i].second);
      }
    }
  }
  sent_[{conversation.conversation, position}] = sent;
  return arrival_ns;
}

CallSimulation::Result CallSimulation::Run(const MatcherOptions& options) {
  Result result;
  for (const auto& [key, sent] : sent_) {
    result.possible_transits += sent.at_source && sent.at_destination;
    if (sent.has_origin) {
      const auto origin = sent_.find(sent.origin);
      result.possible_links +=
          sent.at_source && origin != sent_.end() && origin->second.at_destination;
    }
  }
  std::stable_sort(reports_.begin(), reports_.end(),
                   [](const Report& a, const Report& b) { return a.arrival_ns < b.arrival_ns; });

  Matcher matcher(cluster_.flows(), options);
  constexpr int64_t kStepNs = 20'000'000;
  int64_t now_ns = reports_.empty() ? 0 : reports_.front().arrival_ns;
  std::vector<Observation> block;
  for (size_t i = 0; i < reports_.size();) {
    block.clear();
    for (; i < reports_.size() && reports_[i].arrival_ns <= now_ns; ++i) {
      block.push_back(reports_[i].observation);
    }
    matcher.Add(block, now_ns);
    matcher.Decide(now_ns, &result.matches);
    now_ns += kStepNs;
  }
  matcher.Decide(now_ns + options.hold_ns, &result.matches);
  result.counters = matcher.counters();

  std::set<PassageKey> told_transits;
  std::set<PassageKey> told_links;
  for (const Match& match : result.matches) {
    for (const Passage& passage : match.passages) {
      const PassageKey key{passage.conversation, passage.position};
      if (passage.first.flow != passage.last.flow && !passage.transit_reported) {
        ++result.transits;
        result.repeated += !told_transits.insert(key).second;
      }
      if (passage.predecessor >= 0 && !passage.link_reported) {
        const Passage& origin = match.passages[static_cast<size_t>(passage.predecessor)];
        const Sent& sent = sent_.at(key);
        ++result.links;
        result.repeated += !told_links.insert(key).second;
        result.false_links +=
            !sent.has_origin || sent.origin != PassageKey{origin.conversation, origin.position};
      }
    }
  }
  return result;
}

}  // namespace audio_latency::correlator::testing
