#include "correlator/metrics/correlator_metrics.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "common/loss/causes.h"
#include "common/version/version.h"
#include "correlator/metrics/node_gauges.h"
#include "correlator/metrics/series_limit.h"

namespace audio_latency::correlator {
namespace {

using Combine = SeriesLimit::Combine;
using Families = std::vector<prometheus::MetricFamily>;

// Of gauges, which tell of now.
constexpr uint32_t kErrorWindowSeconds = 60;
constexpr double kNsPerSecond = 1e9;

// Counts that grow although nothing is wrong, so that nobody is to be alarmed by them.
// Audio that came from, or went to, where no probe watches.
constexpr std::string_view kNotReported[] = {"incomplete_path"};
// A probe that connects again resends what it is not sure of, some of it late.
constexpr std::string_view kIgnored[] = {"duplicate_batch", "observation_late"};

bool IsOneOf(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A family that hops, paths, pods or nodes fill, and so may grow without end.
struct LimitedFamily {
  prometheus::MetricFamily empty;
  SeriesLimit limit;
  std::vector<Series> series;

  LimitedFamily(prometheus::MetricFamily family, size_t most_series, Combine combine)
      : empty(std::move(family)), limit(most_series, combine) {}
};

std::string PodName(const Endpoint& endpoint) {
  return endpoint.pod.empty() ? endpoint.address.ToString() : endpoint.pod;
}

MetricLabels TransitLabels(const HopSnapshot& hop) {
  return {{"source_pod", PodName(hop.source)},
          {"dest_pod", PodName(hop.destination)},
          {"source_workload", hop.source.workload},
          {"dest_workload", hop.destination.workload},
          {"source_namespace", hop.source.namespace_name},
          {"dest_namespace", hop.destination.namespace_name},
          {"source_node", hop.source.node},
          {"dest_node", hop.destination.node}};
}

MetricLabels ProcessingLabels(const HopSnapshot& hop) {
  return {{"pod", PodName(hop.source)},
          {"workload", hop.source.workload},
          {"namespace", hop.source.namespace_name},
          {"node", hop.source.node}};
}

// The buckets, then the sum.
std::vector<double> HistogramNumbers(const DelaySnapshot& delay) {
  std::vector<double> numbers(delay.buckets.begin(), delay.buckets.end());
  numbers.push_back(delay.sum_seconds);
  return numbers;
}

prometheus::MetricFamily Single(prometheus::MetricFamily family, double value) {
  AddSample({}, value, &family);
  return family;
}

class SnapshotMetrics final : public CorrelatorMetrics {
 public:
  SnapshotMetrics(MetricsSources sources, size_t max_series)
      : paths_(sources.paths),
        nodes_(sources.nodes),
        matching_(sources.matching),
        load_(sources.load),
        tables_(std::move(sources.tables)),
        max_series_(max_series) {
    for (const NodeGauge& gauge : NodeGauges()) {
      node_gauges_.push_back(Gauge(gauge.name, gauge.help));
    }
  }

  Families Collect() override {
    const std::lock_guard lock(mutex_);
    FillHops();
    FillPaths();
    FillNodes();
    FillErrors();
    Families families;
    prometheus::MetricFamily limited =
        GaugeFamily("audio_latency_limited_series",
                    "Series that found no place of their own and are put together as other.");
    const auto add = [&](LimitedFamily* family) {
      families.push_back(Finish(family));
      AddSample({{"family", family->empty.name}}, static_cast<double>(family->limit.limited()),
                &limited);
    };
    for (LimitedFamily* const family : limited_) {
      add(family);
    }
    for (LimitedFamily& gauge : node_gauges_) {
      add(&gauge);
    }
    families.push_back(std::move(limited));
    AddMatching(&families);
    AddLoad(&families);
    AddTables(&families);
    prometheus::MetricFamily build =
        GaugeFamily("audio_latency_build_info", "Version of the correlator.");
    AddSample({{"version", std::string(Version())}}, 1, &build);
    families.push_back(std::move(build));
    return families;
  }

 private:
  LimitedFamily Histogram(std::string name, std::string help) const {
    return {HistogramFamily(std::move(name), std::move(help)), max_series_, Combine::kSum};
  }
  LimitedFamily Counter(std::string name, std::string help) const {
    return {CounterFamily(std::move(name), std::move(help)), max_series_, Combine::kSum};
  }
  LimitedFamily Gauge(std::string name, std::string help) const {
    return {GaugeFamily(std::move(name), std::move(help)), max_series_, Combine::kMax};
  }

  static void Add(MetricLabels labels, std::vector<double> numbers, LimitedFamily* family) {
    family->series.push_back({std::move(labels), std::move(numbers)});
  }

  static prometheus::MetricFamily Finish(LimitedFamily* family) {
    prometheus::MetricFamily finished = family->empty;
    for (Series& series : family->limit.Apply(std::exchange(family->series, {}))) {
      const std::span<const double> numbers = series.numbers;
      if (finished.type == prometheus::MetricType::Histogram) {
        AddHistogram(std::move(series.labels), kDelayBucketsSeconds,
                     numbers.first(numbers.size() - 1), numbers.back(), &finished);
      } else {
        AddSample(std::move(series.labels), numbers.front(), &finished);
      }
    }
    return finished;
  }

  void FillHops() {
    for (const HopSnapshot& hop : paths_.Hops(0)) {
      if (hop.kind == HopKind::kTransit) {
        Add(TransitLabels(hop), HistogramNumbers(hop.delay), &transit_);
        Add(TransitLabels(hop), {hop.delay.negative_count}, &transit_negative_);
      } else {
        Add(ProcessingLabels(hop), HistogramNumbers(hop.delay), &processing_);
      }
    }
    for (const HopSnapshot& hop : paths_.Hops(kErrorWindowSeconds)) {
      if (hop.kind == HopKind::kTransit) {
        Add(TransitLabels(hop), {hop.delay.error_bound_seconds}, &transit_error_);
      } else {
        Add(ProcessingLabels(hop), {hop.delay.error_bound_seconds}, &processing_error_);
      }
    }
  }

  void FillPaths() {
    for (const PathSnapshot& path : paths_.Paths(0)) {
      const MetricLabels labels = {{"path", path.path}};
      Add(labels, HistogramNumbers(path.delay), &path_);
      Add(labels, {path.delay.negative_count}, &path_negative_);
      Add(labels, {path.coverage}, &path_coverage_);
      Add(labels, {static_cast<double>(path.last_seen_unix_ns) / kNsPerSecond}, &path_last_seen_);
    }
    for (const PathSnapshot& path : paths_.Paths(kErrorWindowSeconds)) {
      Add({{"path", path.path}}, {path.delay.error_bound_seconds}, &path_error_);
    }
  }

  void FillNodes() {
    for (const PodSignatures& signatures : nodes_.Signatures()) {
      Add({{"pod", signatures.pod}}, {signatures.count}, &signatures_);
    }
    for (const NodeSnapshot& node : nodes_.Nodes()) {
      const MetricLabels labels = {{"node", node.node}};
      Add(labels, {node.events}, &node_events_);
      Add(labels, {node.signed_events}, &node_signed_events_);
      Add({{"node", node.node}, {"version", node.version}}, {1}, &node_info_);
      for (const ClockState state :
           {ClockState::kSynchronising, ClockState::kGood, ClockState::kStale}) {
        Add({{"node", node.node}, {"state", NameOf(state)}},
            {node.clock_state == state ? 1.0 : 0.0}, &clock_state_);
      }
      if (node.clock_state != ClockState::kSynchronising) {
        for (const ClockSource source : {ClockSource::kDatagrams, ClockSource::kStream}) {
          Add({{"node", node.node}, {"source", NameOf(source)}},
              {node.clock_source == source ? 1.0 : 0.0}, &clock_source_);
        }
      }
      for (size_t i = 0; i < node_gauges_.size(); ++i) {
        if (const std::optional<double> value = NodeGauges()[i].read(node); value.has_value()) {
          Add(labels, {*value}, &node_gauges_[i]);
        }
      }
      for (const NodeSnapshot::Drop& drop : node.drops) {
        Add({{"node", node.node}, {"cause", drop.cause}, {"lost", drop.lost ? "true" : "false"}},
            {drop.count}, &node_drops_);
      }
    }
  }

  void FillErrors() {
    for (const auto& [type, count] : nodes_.Errors()) {
      AddNotProcessed(type, count);
    }
    for (const auto& [type, count] : paths_.Drops()) {
      AddNotProcessed(type, count);
    }
    const MatchingCounters counters = matching_.Counters();
    AddNotProcessed(kCauseTableOverwritten, static_cast<double>(counters.overwritten));
    AddNotProcessed("observation_late", static_cast<double>(counters.late));
    AddNotProcessed(kCauseTooLate, static_cast<double>(counters.too_late));
    AddNotProcessed(kCauseTimeOutOfRange, static_cast<double>(counters.out_of_range));
    AddNotProcessed(kCauseCorrelatorOverloaded, static_cast<double>(counters.queue_full));
  }

  void AddNotProcessed(const std::string& type, double count) {
    if (IsOneOf(type, kNotReported)) {
      Add({{"reason", type}}, {count}, &not_reported_);
    } else if (IsOneOf(type, kIgnored)) {
      Add({{"reason", type}}, {count}, &ignored_);
    } else {
      Add({{"error_type", type}}, {count}, &errors_);
    }
  }

  void AddMatching(Families* families) const {
    const MatchingCounters counters = matching_.Counters();
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

  void AddLoad(Families* families) const {
    const LoadSnapshot load = load_.Load();
    families->push_back(
        Single(GaugeFamily(
                   "audio_latency_sampling_share",
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
    families->push_back(Single(
        GaugeFamily("audio_latency_pending_events",
                    "Signature events that the connected probes have made and not sent yet."),
        static_cast<double>(load.pending_events)));
    families->push_back(
        Single(GaugeFamily("audio_latency_oldest_wait_seconds",
                           "How long the oldest of what is not yet matched and told has waited."),
               static_cast<double>(load.backlog.oldest_wait_ns) / kNsPerSecond));
  }

  void AddTables(Families* families) const {
    prometheus::MetricFamily used =
        GaugeFamily("audio_latency_table_used", "Entries in a table or queue now.");
    prometheus::MetricFamily limit =
        GaugeFamily("audio_latency_table_limit", "Most entries that a table or queue may hold.");
    prometheus::MetricFamily evictions =
        CounterFamily("audio_latency_table_evictions_total",
                      "Entries that a full table or queue refused or forgot.");
    for (const TableUse& table : tables_()) {
      AddSample({{"table", table.table}}, table.used, &used);
      AddSample({{"table", table.table}}, table.limit, &limit);
      AddSample({{"table", table.table}}, table.evictions, &evictions);
    }
    families->push_back(std::move(used));
    families->push_back(std::move(limit));
    families->push_back(std::move(evictions));
  }

  const PathReader& paths_;
  const NodeReader& nodes_;
  const MatchingReader& matching_;
  const LoadReader& load_;
  const std::function<std::vector<TableUse>()> tables_;
  const size_t max_series_;
  std::mutex mutex_;

  LimitedFamily transit_ =
      Histogram("audio_latency_seconds",
                "One-way delay of the audio from the source pod's interface to the next pod's.");
  LimitedFamily processing_ =
      Histogram("audio_processing_latency_seconds",
                "Delay of the audio inside a pod, from its arrival to its leaving.");
  LimitedFamily path_ =
      Histogram("audio_path_latency_seconds",
                "One-way delay of the audio from the first point of a path to the last.");
  LimitedFamily transit_error_ =
      Gauge("audio_latency_error_bound_seconds",
            "Largest clock error of the hop's delays in the last minute: each is true within "
            "this, either way.");
  LimitedFamily processing_error_ = Gauge("audio_processing_latency_error_bound_seconds",
                                          "Largest clock error of the delays inside a pod in "
                                          "the last minute.");
  LimitedFamily path_error_ = Gauge("audio_path_latency_error_bound_seconds",
                                    "Largest clock error of the path's delays in the last minute.");
  LimitedFamily transit_negative_ =
      Counter("audio_latency_negative_delays_total",
              "Delays of a hop below zero: the clocks' error is larger than the delay.");
  LimitedFamily path_negative_ =
      Counter("audio_path_latency_negative_delays_total", "Delays of a path below zero.");
  LimitedFamily path_coverage_ =
      Gauge("audio_path_coverage_ratio",
            "Share of the seconds between the path's first and last sample that hold one.");
  LimitedFamily path_last_seen_ =
      Gauge("audio_path_last_seen_timestamp_seconds", "Unix time of the path's last sample.");
  LimitedFamily signatures_ =
      Counter("audio_signatures_total", "Signatures of the audio that left a pod.");
  LimitedFamily errors_ = Counter("audio_processing_errors_total",
                                  "What the correlator could not process, by what was wrong.");
  LimitedFamily not_reported_ =
      Counter("audio_latency_pieces_not_reported_total",
              "Pieces of audio of which no path is reported, for a part of the way was not seen.");
  LimitedFamily ignored_ =
      Counter("audio_latency_input_ignored_total",
              "What probes sent twice (batches), and was left out, or late (observations), and was "
              "taken all the same.");
  LimitedFamily node_events_ =
      Counter("audio_latency_node_events_total", "Signature events taken from the node's probe.");
  LimitedFamily node_signed_events_ =
      Counter("audio_latency_node_signed_events_total",
              "Of these, those that carry a signature, and so go on to be matched.");
  LimitedFamily node_info_ = Gauge("audio_latency_node_info", "Version of the node's probe.");
  LimitedFamily clock_state_ =
      Gauge("audio_latency_node_clock_state", "1 for the state that the node's clock is in.");
  LimitedFamily clock_source_ =
      Gauge("audio_latency_node_clock_source",
            "1 for how the node's clock is measured: over UDP, or on the stream when that does not "
            "pass.");
  LimitedFamily node_drops_ =
      Counter("audio_latency_node_drops_total",
              "What the node's probe did not turn into events or could not deliver, by cause.");

  // One for each of NodeGauges().
  std::vector<LimitedFamily> node_gauges_;

  // In the order of the page, before node_gauges_.
  const std::vector<LimitedFamily*> limited_ = {&transit_,
                                                &processing_,
                                                &path_,
                                                &transit_error_,
                                                &processing_error_,
                                                &path_error_,
                                                &transit_negative_,
                                                &path_negative_,
                                                &path_coverage_,
                                                &path_last_seen_,
                                                &signatures_,
                                                &errors_,
                                                &not_reported_,
                                                &ignored_,
                                                &node_events_,
                                                &node_signed_events_,
                                                &node_info_,
                                                &clock_state_,
                                                &clock_source_,
                                                &node_drops_};
};

}  // namespace

std::unique_ptr<CorrelatorMetrics> CorrelatorMetrics::Create(MetricsSources sources,
                                                             size_t max_series) {
  return std::make_unique<SnapshotMetrics>(std::move(sources), std::max<size_t>(max_series, 1));
}

std::string CorrelatorMetrics::Text() { return RenderMetrics(Collect()); }

}  // namespace audio_latency::correlator
