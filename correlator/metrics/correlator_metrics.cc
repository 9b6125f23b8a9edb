#include "correlator/metrics/correlator_metrics.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "common/loss/causes.h"
#include "common/version/version.h"
#include "correlator/metrics/hop_labels.h"
#include "correlator/metrics/loss_causes.h"
#include "correlator/metrics/node_gauges.h"
#include "correlator/metrics/series_limit.h"
#include "correlator/metrics/stage_families.h"
#include "correlator/metrics/steady_sums.h"

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

// The counters of the capture, and a dozen causes of the probe and the correlator.
constexpr size_t kDropCauses = 48;

// A family that hops, paths, pods or nodes fill, and so may grow without end.
struct LimitedFamily {
  prometheus::MetricFamily empty;
  SeriesLimit limit;
  std::vector<Series> series;
  // Where several count under the same labels.
  std::optional<SteadySums> sums;

  LimitedFamily(prometheus::MetricFamily family, size_t most_series, Combine combine)
      : empty(std::move(family)), limit(most_series, combine) {}
};

// The buckets, then the sum.
std::vector<double> HistogramNumbers(const DelaySnapshot& delay) {
  std::vector<double> numbers(delay.buckets.begin(), delay.buckets.end());
  numbers.push_back(delay.sum_seconds);
  return numbers;
}

class SnapshotMetrics final : public CorrelatorMetrics {
 public:
  SnapshotMetrics(MetricsSources sources, size_t max_series, MetricLabelling labelling)
      : paths_(sources.paths),
        nodes_(sources.nodes),
        matching_(sources.matching),
        load_(sources.load),
        tables_(std::move(sources.tables)),
        names_(std::move(sources.names)),
        signature_log_(std::move(sources.signature_log)),
        max_series_(max_series),
        labelling_(labelling) {
    for (LimitedFamily* const family :
         {&transit_, &processing_, &transit_negative_, &signatures_}) {
      family->sums.emplace();
    }
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
    AddMatchingFamilies(matching_.Counters(), &families);
    AddLoadFamilies(load_.Load(), &families);
    AddTableFamilies(tables_(), &families);
    AddNameFamilies(names_(), &families);
    AddSignatureLogFamilies(signature_log_(), &families);
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

  static void Add(MetricLabels labels, std::vector<double> numbers, LimitedFamily* family,
                  std::string member = {}) {
    family->series.push_back(
        {.labels = std::move(labels), .numbers = std::move(numbers), .member = std::move(member)});
  }

  static prometheus::MetricFamily Finish(LimitedFamily* family) {
    prometheus::MetricFamily finished = family->empty;
    std::vector<Series> all = std::exchange(family->series, {});
    if (family->sums.has_value()) {
      all = family->sums->Apply(std::move(all));
    }
    for (Series& series : family->limit.Apply(std::move(all))) {
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
        Add(TransitLabels(hop, labelling_), HistogramNumbers(hop.delay), &transit_, MemberOf(hop));
        Add(TransitLabels(hop, labelling_), {hop.delay.negative_count}, &transit_negative_,
            MemberOf(hop));
      } else {
        Add(ProcessingLabels(hop, labelling_), HistogramNumbers(hop.delay), &processing_,
            MemberOf(hop));
      }
    }
    for (const HopSnapshot& hop : paths_.Hops(kErrorWindowSeconds)) {
      if (hop.kind == HopKind::kTransit) {
        Add(TransitLabels(hop, labelling_), {hop.delay.error_bound_seconds}, &transit_error_);
      } else {
        Add(ProcessingLabels(hop, labelling_), {hop.delay.error_bound_seconds}, &processing_error_);
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
      for (size_t i = 0; i < path.hops.size(); ++i) {
        const HopSnapshot& hop = path.hops[i];
        Add(PathHopLabels(path.path, i + 1, hop), HistogramNumbers(hop.delay), &path_hop_);
      }
    }
    for (const PathSnapshot& path : paths_.Paths(kErrorWindowSeconds)) {
      Add({{"path", path.path}}, {path.delay.error_bound_seconds}, &path_error_);
    }
  }

  void FillNodes() {
    for (const PodSignatures& signatures : nodes_.Signatures()) {
      Add(SignatureLabels(signatures, labelling_), {signatures.count}, &signatures_,
          signatures.pod);
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
      FillDrops(node);
    }
  }

  void FillDrops(const NodeSnapshot& node) {
    const auto add = [&](const std::string& cause, bool is_lost, double count) {
      Add({{"node", node.node}, {"cause", cause}, {"lost", is_lost ? "true" : "false"}}, {count},
          &node_drops_);
    };
    for (const NodeSnapshot::Drop& drop : node.drops) {
      add(drop.cause, drop.lost, drop.count);
    }
    for (const std::string& cause : NodeLossCauses()) {
      if (std::none_of(node.drops.begin(), node.drops.end(),
                       [&](const NodeSnapshot::Drop& drop) { return drop.cause == cause; })) {
        add(cause, /*is_lost=*/true, 0);
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

  const PathReader& paths_;
  const NodeReader& nodes_;
  const MatchingReader& matching_;
  const LoadReader& load_;
  const std::function<std::vector<TableUse>()> tables_;
  const std::function<NameStatistics()> names_;
  const std::function<SignatureLogCounters()> signature_log_;
  const size_t max_series_;
  const MetricLabelling labelling_;
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
  LimitedFamily path_hop_ =
      Histogram("audio_path_hop_latency_seconds",
                "Delay of one hop of a path, of what took that path: of the network between two "
                "pods, or inside a pod.");
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
  // Each node has one for every cause of a loss: as many nodes have a place as in other families.
  LimitedFamily node_drops_ = {
      CounterFamily("audio_latency_node_drops_total",
                    "What the node's probe did not turn into events or could not deliver, by "
                    "cause."),
      max_series_* kDropCauses, Combine::kSum};

  // One for each of NodeGauges().
  std::vector<LimitedFamily> node_gauges_;

  // In the order of the page, before node_gauges_.
  const std::vector<LimitedFamily*> limited_ = {
      &transit_,       &processing_,         &path_,
      &path_hop_,      &transit_error_,      &processing_error_,
      &path_error_,    &transit_negative_,   &path_negative_,
      &path_coverage_, &path_last_seen_,     &signatures_,
      &errors_,        &not_reported_,       &ignored_,
      &node_events_,   &node_signed_events_, &node_info_,
      &clock_state_,   &clock_source_,       &node_drops_};
};

}  // namespace

std::unique_ptr<CorrelatorMetrics> CorrelatorMetrics::Create(MetricsSources sources,
                                                             size_t max_series,
                                                             MetricLabelling labelling) {
  return std::make_unique<SnapshotMetrics>(std::move(sources), std::max<size_t>(max_series, 1),
                                           labelling);
}

std::string CorrelatorMetrics::Text() { return RenderMetrics(Collect()); }

}  // namespace audio_latency::correlator
