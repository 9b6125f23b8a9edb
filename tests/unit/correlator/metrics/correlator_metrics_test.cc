#include "correlator/metrics/correlator_metrics.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <set>
#include <sstream>

#include "tests/unit/correlator/query/fake_readers.h"

namespace audio_latency::correlator {
namespace {

struct Correlator {
  FakePathReader paths;
  FakeNodeReader nodes;
  FakeMatchingReader matching;
  FakeLoadReader load;
  std::vector<TableUse> tables;
  NameStatistics names;

  std::unique_ptr<CorrelatorMetrics> Metrics(
      size_t max_series = 2000, MetricLabelling labelling = MetricLabelling::kPod) const {
    return CorrelatorMetrics::Create({.paths = paths,
                                      .nodes = nodes,
                                      .matching = matching,
                                      .load = load,
                                      .tables = [this] { return tables; },
                                      .names = [this] { return names; }},
                                     max_series, labelling);
  }
  std::string Page(size_t max_series = 2000) const { return Metrics(max_series)->Text(); }
};

bool Has(const std::string& page, const std::string& line) {
  return page.find(line + "\n") != std::string::npos;
}

// Exit code; promtool says on standard error what is wrong.
int CheckByPromtool(const std::string& page) {
  // .ci/setup installs promtool (package prometheus); without it the exit code is 127.
  std::FILE* const promtool = popen("promtool check metrics", "w");
  REQUIRE(promtool != nullptr);
  std::fputs(page.c_str(), promtool);
  return pclose(promtool);
}

void Fill(Correlator* correlator) {
  FillThreeNodes(&correlator->paths, &correlator->nodes, &correlator->matching);
}

TEST_CASE("by workload, its pods are summed up, those that are gone, too") {
  Correlator correlator;
  Fill(&correlator);
  const HopSnapshot first = correlator.paths.hops[0];
  REQUIRE(first.kind == HopKind::kTransit);
  HopSnapshot second = first;
  second.destination.pod = "processor-9";
  second.delay.buckets[0] += 5;
  correlator.paths.hops = {first, second};
  double of_first = 0;
  for (const double bucket : first.delay.buckets) {
    of_first += bucket;
  }
  const auto metrics = correlator.Metrics(2000, MetricLabelling::kWorkload);
  const std::string labels =
      R"({source_workload="ingress",dest_workload="processor",source_workload_kind="Deployment",)"
      R"(dest_workload_kind="Deployment",source_namespace="voice",dest_namespace="voice"})";
  const std::string count =
      fmt::format("audio_latency_seconds_count{} {}", labels, 2 * of_first + 5);
  std::string page = metrics->Text();
  CHECK(Has(page, count));
  CHECK(page.find("source_pod") == std::string::npos);
  CHECK(CheckByPromtool(page) == 0);
  // A pod goes: what it counted stays.
  correlator.paths.hops = {first};
  CHECK(Has(metrics->Text(), count));
  // The last one goes, and the series with it.
  correlator.paths.hops.clear();
  page = metrics->Text();
  CHECK(page.find("audio_latency_seconds_count{") == std::string::npos);
}

TEST_CASE("what became of names is told") {
  Correlator correlator;
  correlator.names = {
      .renamed = 4, .postponed = 0, .services = 6, .services_joined = 3, .services_ambiguous = 1};
  const std::string page = correlator.Page();
  CHECK(Has(page, "audio_latency_conversations_renamed_total 4"));
  CHECK(Has(page, R"(audio_latency_service_conversations{state="joined"} 3)"));
  CHECK(Has(page, R"(audio_latency_service_conversations{state="ambiguous"} 1)"));
  CHECK(Has(page, R"(audio_latency_service_conversations{state="one_side"} 2)"));
  CHECK(Has(page, "audio_latency_signature_log_lines_total 0"));
}

TEST_CASE("the load, what is sampled and how full every table is are told") {
  Correlator correlator;
  Fill(&correlator);
  correlator.load.snapshot = {.sampling_share = 0.25,
                              .credit_batches = 0,
                              .lowered = 2,
                              .credit_withheld = 1,
                              .events_per_second = 1000,
                              .made_per_second = 1200,
                              .pending_events = 345,
                              .backlog = {.used_share = 0.5, .oldest_wait_ns = 2'000'000'000}};
  correlator.tables = {{.table = "flows", .used = 3, .limit = 10, .evictions = 4}};
  correlator.nodes.nodes[0].sampling_share = 0.5;
  const std::string page = correlator.Page();
  CHECK(Has(page, "audio_latency_sampling_share 0.25"));
  CHECK(Has(page, "audio_latency_overloads_total 2"));
  CHECK(Has(page, "audio_latency_credit 0"));
  CHECK(Has(page, "audio_latency_credit_withheld_total 1"));
  CHECK(Has(page, "audio_latency_events_per_second 1000"));
  CHECK(Has(page, "audio_latency_events_made_per_second 1200"));
  CHECK(Has(page, "audio_latency_pending_events 345"));
  CHECK(Has(page, "audio_latency_oldest_wait_seconds 2"));
  CHECK(Has(page, R"(audio_latency_node_sampling_share{node="node-a"} 0.5)"));
  CHECK(Has(page, R"(audio_latency_table_used{table="flows"} 3)"));
  CHECK(Has(page, R"(audio_latency_table_limit{table="flows"} 10)"));
  CHECK(Has(page, R"(audio_latency_table_evictions_total{table="flows"} 4)"));
}

TEST_CASE("the page has the names that users know") {
  Correlator correlator;
  Fill(&correlator);
  const std::string page = correlator.Page();
  const std::string transit =
      R"({source_pod="ingress-1",dest_pod="processor-2",source_workload="ingress",)"
      R"(dest_workload="processor",source_namespace="voice",dest_namespace="voice",)"
      R"(source_node="node-a",dest_node="node-b")";
  CHECK(Has(page, "audio_latency_seconds_bucket" + transit + R"(,le="0.00025"} 0)"));
  CHECK(Has(page, "audio_latency_seconds_bucket" + transit + R"(,le="0.0005"} 1234)"));
  CHECK(Has(page, "audio_latency_seconds_bucket" + transit + R"(,le="0.15"} 1234)"));
  CHECK(Has(page, "audio_latency_seconds_bucket" + transit + R"(,le="+Inf"} 1234)"));
  CHECK(Has(page, "audio_latency_seconds_count" + transit + "} 1234"));
  CHECK(Has(page, "audio_latency_negative_delays_total" + transit + "} 1"));
  CHECK(Has(page, "audio_latency_error_bound_seconds" + transit + "} 2e-06"));
  CHECK(Has(page, R"(audio_processing_latency_seconds_count{pod="processor-2",)"
                  R"(workload="processor",namespace="voice",node="node-b"} 1234)"));
  CHECK(Has(page, R"(audio_path_latency_seconds_count{path="ingress > processor > egress"} 1234)"));
  CHECK(Has(page, R"(audio_path_coverage_ratio{path="ingress > processor > egress"} 0.995)"));
  CHECK(Has(page, R"(audio_signatures_total{pod="ingress-1"} 1523)"));
  CHECK(Has(page, "audio_signature_collisions_total 2"));
  CHECK(Has(page, R"(audio_processing_errors_total{error_type="malformed_batch"} 4)"));
  CHECK(Has(page, R"(audio_processing_errors_total{error_type="series_table_full"} 2)"));
  CHECK(Has(page, R"(audio_processing_errors_total{error_type="correlator_overloaded"} 0)"));
  CHECK(Has(page, R"(audio_processing_errors_total{error_type="table_overwritten"} 0)"));
  CHECK(Has(page, R"(audio_latency_node_clock_error_bound_seconds{node="node-a"} 1.5e-06)"));
  CHECK(Has(page, R"(audio_latency_node_clock_offset_seconds{node="node-b"} -25)"));
  CHECK(Has(page, R"(audio_latency_node_clock_state{node="node-c",state="good"} 1)"));
  CHECK(Has(page, R"(audio_latency_node_clock_drift_ratio{node="node-a"} 1.25e-05)"));
  CHECK(Has(page, R"(audio_latency_node_clock_source{node="node-a",source="udp"} 1)"));
  CHECK(Has(page, R"(audio_latency_node_clock_source{node="node-b",source="udp"} 0)"));
  CHECK(Has(page, R"(audio_latency_node_clock_source{node="node-b",source="stream"} 1)"));
  CHECK(Has(page, R"(audio_latency_node_clock_waiting_events{node="node-a"} 0)"));
  CHECK(Has(page, R"(audio_latency_node_kernel_clock_synchronised{node="node-a"} 1)"));
  CHECK(Has(page, R"(audio_latency_node_kernel_clock_synchronised{node="node-b"} 0)"));
  CHECK(page.find(R"(kernel_clock_synchronised{node="node-c"})") == std::string::npos);
  CHECK(Has(page, R"(audio_latency_node_kernel_clock_offset_seconds{node="node-a"} -0.0001)"));
  CHECK(Has(page, R"(audio_latency_node_kernel_clock_frequency_ratio{node="node-a"} 8e-06)"));
  CHECK(Has(page,
            R"(audio_latency_node_kernel_clock_estimated_error_seconds{node="node-a"} 0.0002)"));
  CHECK(Has(page, R"(audio_latency_node_kernel_clock_maximum_error_seconds{node="node-a"} 0.003)"));
  CHECK(Has(page, R"(audio_latency_node_clock_state{node="node-c",state="stale"} 0)"));
  CHECK(Has(page,
            R"(audio_latency_node_drops_total{node="node-a",cause="ring_full",lost="true"} 50)"));
  CHECK(Has(page, R"(audio_latency_node_last_seen_timestamp_seconds{node="node-a"} 1704110400)"));
  CHECK(Has(page, "audio_latency_live_observations 800"));
  CHECK(Has(page, R"(audio_latency_limited_series{family="audio_latency_seconds"} 0)"));
}

TEST_CASE("each hop of a path has its own delay, by its place on the way") {
  Correlator correlator;
  Fill(&correlator);
  const std::string page = correlator.Page();
  const std::string count =
      R"(audio_path_hop_latency_seconds_count{path="ingress > processor > egress",)";
  CHECK(Has(page, count + R"(hop="1",kind="network",source="ingress",destination="processor"} )"
                          "1234"));
  CHECK(Has(page, count + R"(hop="2",kind="pod",source="processor",destination="processor"} )"
                          "1234"));
  CHECK(Has(page, count + R"(hop="3",kind="network",source="processor",destination="egress"} )"
                          "1234"));
  CHECK(Has(page, R"(audio_path_hop_latency_seconds_bucket{path="ingress > processor > egress",)"
                  R"(hop="2",kind="pod",source="processor",destination="processor",le="0.025"} )"
                  "0"));
}

TEST_CASE("a node has every cause of a loss from the start, at 0, and none twice") {
  Correlator correlator;
  Fill(&correlator);
  const std::string page = correlator.Page();
  for (const char* cause : {"flow_table_full", "probe_buffer_full", "correlator_overloaded",
                            "clock_unsynchronised", "probe_died", "event_rate"}) {
    CAPTURE(cause);
    CHECK(Has(page, fmt::format("audio_latency_node_drops_total{{node=\"node-a\",cause=\"{}\","
                                "lost=\"true\"}} 0",
                                cause)));
  }
  CHECK(Has(page, R"(audio_latency_node_drops_total{node="node-a",cause="ring_full",lost="true"} )"
                  "50"));
  CHECK_FALSE(Has(page, R"(audio_latency_node_drops_total{node="node-a",cause="ring_full",)"
                        R"(lost="true"} 0)"));
  // As many nodes as other families have series keep a place of their own.
  CHECK(Has(correlator.Page(3), R"(audio_latency_limited_series{family=)"
                                R"("audio_latency_node_drops_total"} 0)"));
}

TEST_CASE("what happens though nothing is wrong is not called an error") {
  Correlator correlator;
  correlator.paths.drops = {{"incomplete_path", 7}, {"path_series_full", 1}};
  correlator.nodes.errors = {{"duplicate_batch", 3}, {"malformed_batch", 4}};
  correlator.matching.counters.late = 5;
  const std::string page = correlator.Page();
  CHECK(Has(page, R"(audio_latency_pieces_not_reported_total{reason="incomplete_path"} 7)"));
  CHECK(Has(page, R"(audio_latency_input_ignored_total{reason="duplicate_batch"} 3)"));
  CHECK(Has(page, R"(audio_latency_input_ignored_total{reason="observation_late"} 5)"));
  for (const std::string name : {"incomplete_path", "duplicate_batch", "observation_late"}) {
    CHECK(page.find("error_type=\"" + name) == std::string::npos);
  }
  CHECK(Has(page, R"(audio_processing_errors_total{error_type="path_series_full"} 1)"));
  CHECK(Has(page, R"(audio_processing_errors_total{error_type="malformed_batch"} 4)"));
  CHECK(CheckByPromtool(page) == 0);
}

TEST_CASE("what came too late is an error, and the account of what was decided is told") {
  Correlator correlator;
  correlator.matching.counters.too_late = 6;
  correlator.matching.counters.out_of_range = 2;
  correlator.matching.counters.matched_observations = 40;
  correlator.matching.counters.unmatched_observations = 30;
  correlator.matching.counters.flooded_observations = 20;
  const std::string page = correlator.Page();
  CHECK(Has(page, R"(audio_processing_errors_total{error_type="too_late"} 6)"));
  CHECK(Has(page, R"(audio_processing_errors_total{error_type="time_out_of_range"} 2)"));
  CHECK(Has(page, R"(audio_latency_observations_decided_total{as="matched"} 40)"));
  CHECK(Has(page, R"(audio_latency_observations_decided_total{as="unmatched"} 30)"));
  CHECK(Has(page, R"(audio_latency_observations_decided_total{as="flooded"} 20)"));
}

TEST_CASE("promtool finds nothing wrong") {
  Correlator correlator;
  CHECK(CheckByPromtool(correlator.Page()) == 0);
  Fill(&correlator);
  CHECK(CheckByPromtool(correlator.Page()) == 0);
  CHECK(CheckByPromtool(correlator.Page(1)) == 0);
}

TEST_CASE("a pod without a name is its address") {
  Correlator correlator;
  Endpoint unknown;
  unknown.address = *IpAddress::Parse("fd00::5");
  correlator.paths.hops = {
      {.source = PodEndpoint("ingress", 1, "node-a"), .destination = unknown, .delay = {}}};
  CHECK(correlator.Page().find(R"(source_pod="ingress-1",dest_pod="fd00::5")") !=
        std::string::npos);
}

TEST_CASE("a clock that is not known has no error") {
  Correlator correlator;
  Fill(&correlator);
  correlator.nodes.nodes[0].clock_state = ClockState::kSynchronising;
  const std::string page = correlator.Page();
  CHECK(page.find(R"(clock_error_bound_seconds{node="node-a"})") == std::string::npos);
  CHECK(Has(page, R"(audio_latency_node_clock_state{node="node-a",state="synchronising"} 1)"));
}

TEST_CASE("the number of series is bounded, and nothing is lost") {
  Correlator correlator;
  constexpr int kPods = 200;
  constexpr size_t kMost = 10;
  for (int pod = 0; pod < kPods; ++pod) {
    HopSnapshot hop;
    hop.source = PodEndpoint("caller", pod, "node-a");
    hop.destination = PodEndpoint("bridge", 1, "node-b");
    hop.delay.buckets[3] = 2;
    hop.delay.sum_seconds = 0.001;
    correlator.paths.hops.push_back(hop);
  }
  const std::string page = correlator.Page(kMost);
  int series = 0;
  int samples = 0;
  std::set<std::string> lines;
  std::istringstream stream(page);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("audio_latency_seconds_count")) {
      ++series;
      samples += std::stoi(line.substr(line.rfind(' ')));
    }
    CHECK(lines.insert(line).second);
  }
  CHECK(series == kMost + 1);
  CHECK(samples == 2 * kPods);
  CHECK(page.find(R"(audio_latency_seconds_count{source_pod="other",dest_pod="other")") !=
        std::string::npos);
  CHECK(
      Has(page, fmt::format(R"(audio_latency_limited_series{{family="audio_latency_seconds"}} {})",
                            kPods - kMost)));
}

TEST_CASE("two hops between the same pods are one series") {
  Correlator correlator;
  Fill(&correlator);
  correlator.paths.hops.push_back(correlator.paths.hops[0]);
  const std::string page = correlator.Page();
  CHECK(page.find(R"(dest_node="node-b"} 2468)") != std::string::npos);
  CHECK(CheckByPromtool(page) == 0);
}

}  // namespace
}  // namespace audio_latency::correlator
