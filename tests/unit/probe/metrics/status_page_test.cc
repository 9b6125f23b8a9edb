#include "probe/metrics/status_page.h"

#include <catch2/catch.hpp>
#include <string>

namespace audio_latency::probe {
namespace {

using Catch::Contains;

TEST_CASE("every number has its sample") {
  ProbeSnapshot snapshot;
  snapshot.counters[CAPTURE_COUNTER_PACKETS] = 100;
  snapshot.counters[CAPTURE_COUNTER_RING_FULL] = 4;
  snapshot.counters[CAPTURE_COUNTER_GATE_SILENCE] = 6;
  snapshot.interfaces = 2;
  snapshot.attach_method = "tcx";
  snapshot.node = "node-a";
  snapshot.hidden_packets = {{"eth0", CAPTURE_DIRECTION_EGRESS, "tcx program 7"}};
  snapshot.queue.batches_resent = 3;
  snapshot.queue.drops = {{"probe_buffer_full", 9}, {"ring_full", 1}};
  snapshot.uplink.connected = true;
  snapshot.clock.last_round_trip_ns = 250'000;
  snapshot.datagrams.requests = 7;
  snapshot.datagrams.completed = 5;
  snapshot.datagrams.unanswered = 2;
  snapshot.datagrams.works = true;
  snapshot.datagrams.last_round_trip_ns = 5'000;
  snapshot.sampling_threshold = UINT32_MAX >> 2;
  snapshot.queue.events_acknowledged = 30;
  const std::string page = RenderProbeMetrics(snapshot);
  CHECK_THAT(page, Contains("audio_latency_probe_packets_total 100\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_interfaces 2\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_unsigned_total{cause=\"gate_silence\"} 6\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_dropped_total{cause=\"probe_buffer_full\"} 9\n"));
  // The kernel's own counter is newer than what the batches carried of it.
  CHECK_THAT(page, Contains("audio_latency_probe_dropped_total{cause=\"ring_full\"} 4\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_dropped_total{cause=\"flow_limit\"} 0\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_batches_resent_total 3\n"));
  CHECK_THAT(page,
             Contains("audio_latency_probe_dropped_total{cause=\"correlator_overloaded\"} 0\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_events_acknowledged_total 30\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_sampling_share 0.25\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_correlator_connected 1\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_clock_round_trip_seconds 0.00025\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_clock_udp_works 1\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_clock_udp_requests_total 7\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_clock_udp_exchanges_total 5\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_clock_udp_unanswered_total 2\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_clock_udp_round_trip_seconds 5e-06\n"));
  CHECK_THAT(page, Contains("audio_latency_probe_info{node=\"node-a\",attach_method=\"tcx\""));
  CHECK_THAT(page, Contains("audio_latency_probe_packets_hidden{interface=\"eth0\",direction="
                            "\"egress\",hidden_by=\"tcx program 7\"} 1\n"));
  CHECK_THAT(RenderHealth(snapshot).body,
             Contains("not seeing packets of eth0 (egress): hidden by tcx program 7\n"));
}

TEST_CASE("every loss that there can be is told from the start, at 0") {
  const std::string page = RenderProbeMetrics({});
  for (const CaptureCause& cause : kCaptureCauses) {
    const std::string sample =
        "audio_latency_probe_dropped_total{cause=\"" + std::string(cause.name) + "\"} 0\n";
    CHECK((page.find(sample) != std::string::npos) == cause.lost);
  }
  for (const char* cause :
       {"flow_limit", "probe_buffer_full", "correlator_overloaded", "probe_encoding"}) {
    CHECK_THAT(page, Contains("audio_latency_probe_dropped_total{cause=\"" + std::string(cause) +
                              "\"} 0\n"));
  }
}

TEST_CASE("the page also tells of the process") {
  for (const HttpRoute& route : StatusRoutes([] { return ProbeSnapshot(); })) {
    if (route.path == "/metrics") {
      const std::string page = route.handler().body;
      CHECK_THAT(page, Contains("\nprocess_resident_memory_bytes ") &&
                           Contains("\naudio_latency_probe_packets_total 0\n"));
      return;
    }
  }
  FAIL("there is no /metrics");
}

TEST_CASE("every table tells its use, its limit and what it gave up") {
  ProbeSnapshot snapshot;
  snapshot.max_flows = 1000;
  snapshot.counters[CAPTURE_COUNTER_FLOW_STATES] = 1200;
  snapshot.counters[CAPTURE_COUNTER_EVENTS] = 50;
  snapshot.counters[CAPTURE_COUNTER_RING_FULL] = 4;
  snapshot.reader.events_read = 40;
  snapshot.reader.most_events = 300;
  snapshot.batcher.flows = 7;
  snapshot.queue.drops = {{"flow_limit", 5}};
  snapshot.queue.buffered_bytes = 4096;
  snapshot.queue.most_buffered_bytes = 65536;
  snapshot.queue.batches_dropped = 2;
  const std::string page = RenderProbeMetrics(snapshot);
  const auto check = [&](const std::string& table, int used, int limit, int evictions) {
    const std::string label = "{table=\"" + table + "\"} ";
    CHECK_THAT(page, Contains("audio_latency_probe_table_used" + label + std::to_string(used)));
    CHECK_THAT(page, Contains("audio_latency_probe_table_limit" + label + std::to_string(limit)));
    CHECK_THAT(page, Contains("audio_latency_probe_table_evictions_total" + label +
                              std::to_string(evictions)));
  };
  check("kernel_flows", 1000, 1000, 200);
  check("kernel_ring_events", 10, 300, 4);
  check("flows", 7, 1000, 5);
  check("buffered_bytes", 4096, 65536, 2);
}

TEST_CASE("the end of the probe's certificate is told, where there is one") {
  ProbeSnapshot snapshot;
  CHECK_THAT(RenderProbeMetrics(snapshot), !Contains("certificate"));
  snapshot.tls = {
      .reloads = 2, .reload_failures = 3, .certificate_not_after_unix_s = 1'800'000'000};
  const std::string page = RenderProbeMetrics(snapshot);
  CHECK_THAT(page,
             Contains("audio_latency_probe_certificate_expiry_timestamp_seconds 1800000000\n"));
  CHECK_THAT(page, Contains("certificate_reloads_total{result=\"loaded\"} 2\n"));
  CHECK_THAT(page, Contains("certificate_reloads_total{result=\"refused\"} 3\n"));
  snapshot.tls->certificate_not_after_unix_s = 0;
  CHECK_THAT(RenderProbeMetrics(snapshot), !Contains("certificate_expiry"));
}

TEST_CASE("a round trip that was never measured is not shown as zero") {
  CHECK_THAT(RenderProbeMetrics({}), !Contains("clock_round_trip_seconds"));
}

TEST_CASE("health is whether events are captured") {
  ProbeSnapshot snapshot;
  snapshot.attach_method = "clsact";
  snapshot.now_ns = 100'000'000'000;
  snapshot.reader.last_look_ns = snapshot.now_ns - 20'000'000;
  CHECK(RenderHealth(snapshot).status == 503);
  snapshot.interfaces = 1;
  CHECK(RenderHealth(snapshot).status == 200);
  CHECK_THAT(RenderHealth(snapshot).body, Contains("clsact"));
  snapshot.refused_interfaces = {{"can0", "unknown_link_layer"}};
  CHECK_THAT(RenderHealth(snapshot).body, Contains("not watching can0: unknown_link_layer"));
  CHECK_THAT(RenderProbeMetrics(snapshot),
             Contains("audio_latency_probe_interface_refused{interface=\"can0\","
                      "reason=\"unknown_link_layer\"} 1\n"));
  snapshot.now_ns += 60'000'000'000;
  CHECK(RenderHealth(snapshot).status == 503);
  CHECK_THAT(RenderHealth(snapshot).body, Contains("60 s"));
}

}  // namespace
}  // namespace audio_latency::probe
