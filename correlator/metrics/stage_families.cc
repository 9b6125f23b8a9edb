#include "correlator/metrics/stage_families.h"

#include <utility>

#include "common/metrics/metrics_text.h"

namespace audio_latency::correlator {
namespace {

constexpr double kNsPerSecond = 1e9;

prometheus::MetricFamily Single(prometheus::MetricFamily family, double value) {
  AddSample({}, value, &family);
  return family;
}

}  // namespace

void AddMatchingFamilies(const MatchingCounters& counters,
                         std::vector<prometheus::MetricFamily>* families) {
  const auto number = [](uint64_t count) { return static_cast<double>(count); };
  families->push_back(Single(
      CounterFamily("audio_signature_collisions_total",
                    "Links between signatures that could not be told apart, so not reported."),
      number(counters.collisions)));
  families->push_back(Single(
      CounterFamily("audio_latency_matches_total", "Pieces of audio met at two or more places."),
      number(counters.matches)));
  prometheus::MetricFamily links = CounterFamily(
      "audio_latency_links_total",
      "Links from audio into an endpoint to audio out of it, by how they were decided.");
  AddSample({{"decision", "unique"}}, number(counters.unique_links), &links);
  AddSample({{"decision", "lock"}}, number(counters.lock_links), &links);
  AddSample({{"decision", "unconfirmed"}}, number(counters.unconfirmed), &links);
  families->push_back(std::move(links));
  families->push_back(
      Single(CounterFamily("audio_latency_observations_total", "Signature events matched over."),
             number(counters.observations)));
  prometheus::MetricFamily decided =
      CounterFamily("audio_latency_observations_decided_total",
                    "Signature events that were decided, by what became of them.");
  AddSample({{"as", "matched"}}, number(counters.matched_observations), &decided);
  AddSample({{"as", "unmatched"}}, number(counters.unmatched_observations), &decided);
  AddSample({{"as", "flooded"}}, number(counters.flooded_observations), &decided);
  families->push_back(std::move(decided));
  families->push_back(Single(
      GaugeFamily("audio_latency_live_observations", "Signature events held for matching now."),
      number(counters.live_observations)));
  families->push_back(Single(GaugeFamily("audio_latency_flow_pair_locks",
                                         "Pairs of flows known to carry the same audio now."),
                             number(counters.locks)));
}

void AddLoadFamilies(const LoadSnapshot& load, std::vector<prometheus::MetricFamily>* families) {
  families->push_back(Single(
      GaugeFamily("audio_latency_sampling_share",
                  "Share of the signatures that all probes are to keep; below 1 when overloaded."),
      load.sampling_share));
  families->push_back(
      Single(CounterFamily("audio_latency_overloads_total", "How often that share was lowered."),
             static_cast<double>(load.lowered)));
  families->push_back(
      Single(GaugeFamily("audio_latency_credit",
                         "Batches that each probe may have on the way; 0: none may send."),
             load.credit_batches));
  families->push_back(Single(CounterFamily("audio_latency_credit_withheld_total",
                                           "How often the probes were told to hold back."),
                             static_cast<double>(load.credit_withheld)));
  families->push_back(Single(
      GaugeFamily("audio_latency_events_per_second", "Signature events taken lately, a second."),
      load.events_per_second));
  families->push_back(
      Single(GaugeFamily("audio_latency_events_made_per_second",
                         "Signature events that the connected probes made lately, a second."),
             load.made_per_second));
  families->push_back(
      Single(GaugeFamily("audio_latency_pending_events",
                         "Signature events that the connected probes have made and not sent yet."),
             static_cast<double>(load.pending_events)));
  families->push_back(
      Single(GaugeFamily("audio_latency_oldest_wait_seconds",
                         "How long the oldest of what is not yet matched and told has waited."),
             static_cast<double>(load.backlog.oldest_wait_ns) / kNsPerSecond));
}

void AddTableFamilies(std::span<const TableUse> tables,
                      std::vector<prometheus::MetricFamily>* families) {
  prometheus::MetricFamily used =
      GaugeFamily("audio_latency_table_used", "Entries in a table or queue now.");
  prometheus::MetricFamily limit =
      GaugeFamily("audio_latency_table_limit", "Most entries that a table or queue may hold.");
  prometheus::MetricFamily evictions =
      CounterFamily("audio_latency_table_evictions_total",
                    "Entries that a full table or queue refused or forgot.");
  for (const TableUse& table : tables) {
    AddSample({{"table", table.table}}, table.used, &used);
    AddSample({{"table", table.table}}, table.limit, &limit);
    AddSample({{"table", table.table}}, table.evictions, &evictions);
  }
  families->push_back(std::move(used));
  families->push_back(std::move(limit));
  families->push_back(std::move(evictions));
}

void AddNameFamilies(const NameStatistics& names, std::vector<prometheus::MetricFamily>* families) {
  const auto number = [](uint64_t count) { return static_cast<double>(count); };
  families->push_back(
      Single(CounterFamily("audio_latency_conversations_renamed_total",
                           "Conversations whose pods became known, or others, while they lasted."),
             number(names.renamed)));
  prometheus::MetricFamily services =
      GaugeFamily("audio_latency_service_conversations",
                  "Conversations with a service's address now: joined with that of the pod behind "
                  "it, left apart because it could be several's, or seen on one side only.");
  AddSample({{"state", "joined"}}, number(names.services_joined), &services);
  AddSample({{"state", "ambiguous"}}, number(names.services_ambiguous), &services);
  AddSample({{"state", "one_side"}},
            number(names.services - names.services_joined - names.services_ambiguous), &services);
  families->push_back(std::move(services));
}

void AddSignatureLogFamilies(const SignatureLogCounters& counters,
                             std::vector<prometheus::MetricFamily>* families) {
  const auto number = [](uint64_t count) { return static_cast<double>(count); };
  families->push_back(Single(CounterFamily("audio_latency_signature_log_lines_total",
                                           "Lines about single pieces of audio that were logged."),
                             number(counters.lines)));
  prometheus::MetricFamily left_out =
      CounterFamily("audio_latency_signature_log_left_out_total",
                    "Lines about single pieces of audio beyond the rate, and matches that came too "
                    "fast to be looked at.");
  AddSample({{"reason", "rate"}}, number(counters.over_rate), &left_out);
  AddSample({{"reason", "queue_full"}}, number(counters.skipped_matches), &left_out);
  families->push_back(std::move(left_out));
}

}  // namespace audio_latency::correlator
