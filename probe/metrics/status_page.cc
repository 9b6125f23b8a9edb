#include "probe/metrics/status_page.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "common/loss/sampling_share.h"
#include "common/metrics/metrics_text.h"
#include "common/metrics/process_metrics.h"
#include "common/version/version.h"
#include "fmt/format.h"

namespace audio_latency::probe {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

// A reader that runs looks into the ring every 20 ms at least.
constexpr int64_t kReaderIsStuckNs = 5'000'000'000;
constexpr double kNanosecondsPerSecond = 1e9;

std::string FullName(std::string_view name) { return fmt::format("audio_latency_probe_{}", name); }

void AddCounter(std::string_view name, std::string help, uint64_t value, Families* families) {
  families->push_back(CounterFamily(FullName(name), std::move(help)));
  AddSample({}, static_cast<double>(value), &families->back());
}

void AddGauge(std::string_view name, std::string help, double value, Families* families) {
  families->push_back(GaugeFamily(FullName(name), std::move(help)));
  AddSample({}, value, &families->back());
}

bool IsCause(size_t counter) {
  return counter != CAPTURE_COUNTER_PACKETS && counter != CAPTURE_COUNTER_EVENTS &&
         counter != CAPTURE_COUNTER_SIGNED && counter != CAPTURE_COUNTER_FLOW_STATES;
}

void AddCapture(const ProbeSnapshot& snapshot, Families* families) {
  AddGauge("interfaces", "Interfaces that are watched.", static_cast<double>(snapshot.interfaces),
           families);
  families->push_back(GaugeFamily(FullName("interface_refused"),
                                  "Interfaces that INTERFACE asks for and that cannot be watched, "
                                  "by reason; always 1."));
  for (const RefusedInterface& refused : snapshot.refused_interfaces) {
    AddSample({{"interface", refused.name}, {"reason", refused.reason}}, 1, &families->back());
  }
  families->push_back(GaugeFamily(FullName("packets_hidden"),
                                  "Interfaces whose packets do not come to the probe, by direction "
                                  "and by who is in front of it; always 1."));
  for (const HiddenPackets& hidden : snapshot.hidden_packets) {
    AddSample({{"interface", hidden.interface_name},
               {"direction", DirectionName(hidden.direction)},
               {"hidden_by", hidden.by}},
              1, &families->back());
  }
  AddCounter("packets_total", "Packets that the capture programs looked at.",
             snapshot.counters[CAPTURE_COUNTER_PACKETS], families);
  AddCounter("events_total", "Signature events that the capture programs made.",
             snapshot.counters[CAPTURE_COUNTER_EVENTS], families);
  AddCounter("signatures_total", "Signature events that carry a signature.",
             snapshot.counters[CAPTURE_COUNTER_SIGNED], families);
  families->push_back(CounterFamily(
      FullName("unsigned_total"),
      "Packets and windows of audio that were left alone, by cause; nothing of use is lost."));
  for (size_t i = 0; i < kCaptureCauses.size(); ++i) {
    if (IsCause(i) && !kCaptureCauses[i].lost) {
      AddSample({{"cause", std::string(kCaptureCauses[i].name)}},
                static_cast<double>(snapshot.counters[i]), &families->back());
    }
  }
  // The kernel's causes are read from the kernel, where they are newest.
  DropCounts drops = snapshot.queue.drops;
  drops[kCauseProbeBufferFull] += 0;
  drops[kCauseCorrelatorOverloaded] += 0;
  drops[kCauseFlowLimit] += 0;
  drops[kCauseProbeEncoding] += 0;
  for (size_t i = 0; i < kCaptureCauses.size(); ++i) {
    if (kCaptureCauses[i].lost) {
      drops[std::string(kCaptureCauses[i].name)] = snapshot.counters[i];
    }
  }
  families->push_back(CounterFamily(FullName("dropped_total"),
                                    "Events, or packets that should have given events, that were "
                                    "lost, by cause."));
  for (const auto& [cause, count] : drops) {
    AddSample({{"cause", cause}}, static_cast<double>(count), &families->back());
  }
  AddCounter("events_read_total", "Signature events read from the kernel.",
             snapshot.reader.events_read, families);
  AddCounter("event_read_errors_total", "Failures to read events from the kernel.",
             snapshot.reader.read_errors, families);
}

void AddUplink(const ProbeSnapshot& snapshot, Families* families) {
  const BatchQueueStatistics& queue = snapshot.queue;
  AddGauge("flows", "Flows that are followed.", static_cast<double>(snapshot.batcher.flows),
           families);
  AddCounter("events_acknowledged_total", "Signature events that the correlator has taken.",
             queue.events_acknowledged, families);
  AddGauge("credit_batches", "Batches that the correlator lets go before it acknowledges more.",
           static_cast<double>(queue.credit_batches), families);
  AddCounter("credit_used_up_total", "How often the correlator's credit was used up.",
             queue.credit_used_up, families);
  AddGauge("sampling_share",
           "Share of the signatures that are kept, as the correlator wants it; 1: all.",
           SamplingShare(snapshot.sampling_threshold), families);
  AddCounter("flows_expired_total", "Flows that were forgotten because they fell silent.",
             snapshot.batcher.flows_expired, families);
  AddCounter("batches_sent_total", "Batches sent to the correlator, each counted once.",
             queue.batches_sent, families);
  AddCounter("batches_resent_total", "Batches sent again after the stream broke.",
             queue.batches_resent, families);
  AddCounter("batches_acknowledged_total", "Batches that the correlator has taken.",
             queue.batches_acknowledged, families);
  AddCounter("batches_dropped_total", "Batches dropped because the buffer was full.",
             queue.batches_dropped, families);
  AddCounter("sent_bytes_total", "Bytes of batches sent to the correlator.", queue.bytes_sent,
             families);
  AddGauge("buffered_batches", "Batches that wait to be sent or acknowledged.",
           static_cast<double>(queue.buffered_batches), families);
  AddGauge("buffered_bytes", "Bytes of batches that wait to be sent or acknowledged.",
           static_cast<double>(queue.buffered_bytes), families);
  AddGauge("correlator_connected", "1 while the stream to the correlator is up.",
           snapshot.uplink.connected ? 1 : 0, families);
  AddCounter("correlator_connections_total", "Streams to the correlator that came up.",
             snapshot.uplink.connections, families);
  AddCounter("correlator_failures_total",
             "Streams to the correlator that broke or did not come up.",
             snapshot.uplink.failed_attempts, families);
}

void AddDatagrams(const DatagramExchangeStatistics& datagrams, Families* families) {
  AddGauge("clock_udp_works",
           "1 while the clock is measured over UDP, 0 while only the stream tells it.",
           datagrams.works ? 1 : 0, families);
  AddCounter("clock_udp_requests_total", "Clock exchanges over UDP begun.", datagrams.requests,
             families);
  AddCounter("clock_udp_exchanges_total", "Clock exchanges over UDP completed.",
             datagrams.completed, families);
  AddCounter("clock_udp_unanswered_total", "Clock requests over UDP that nobody answered in time.",
             datagrams.unanswered, families);
  AddCounter("clock_udp_unexpected_total",
             "Datagrams that answered no request, or were not from the correlator.",
             datagrams.unexpected, families);
  AddCounter("clock_udp_wall_clock_set_total",
             "Clock exchanges over UDP thrown away because the wall clock was set meanwhile.",
             datagrams.wall_clock_set, families);
  if (datagrams.last_round_trip_ns.has_value()) {
    AddGauge("clock_udp_round_trip_seconds",
             "Round trip of the last clock exchange over UDP, without the correlator's own time.",
             static_cast<double>(*datagrams.last_round_trip_ns) / kNanosecondsPerSecond, families);
  }
}

// Everything that has a limit.
void AddTables(const ProbeSnapshot& snapshot, Families* families) {
  struct Table {
    const char* name;
    double used;
    double limit;
    uint64_t evictions;
  };
  const uint64_t states = snapshot.counters[CAPTURE_COUNTER_FLOW_STATES];
  const uint64_t made = snapshot.counters[CAPTURE_COUNTER_EVENTS];
  const uint64_t evicted_states = states > snapshot.max_flows ? states - snapshot.max_flows : 0;
  const auto dropped = [&](const char* cause) {
    const auto found = snapshot.queue.drops.find(cause);
    return found == snapshot.queue.drops.end() ? 0 : found->second;
  };
  const Table tables[] = {
      // Entries leave it only for others, so that it holds all that were made until it is full.
      {"kernel_flows", static_cast<double>(states - evicted_states),
       static_cast<double>(snapshot.max_flows), evicted_states},
      {"kernel_ring_events",
       static_cast<double>(made - std::min(made, snapshot.reader.events_read)),
       static_cast<double>(snapshot.reader.most_events),
       snapshot.counters[CAPTURE_COUNTER_RING_FULL]},
      {"flows", static_cast<double>(snapshot.batcher.flows),
       static_cast<double>(snapshot.max_flows), dropped(kCauseFlowLimit)},
      {"buffered_bytes", static_cast<double>(snapshot.queue.buffered_bytes),
       static_cast<double>(snapshot.queue.most_buffered_bytes), snapshot.queue.batches_dropped},
      {"flows_without_container", static_cast<double>(snapshot.containers.waiting),
       static_cast<double>(ContainerWatch::kMostWaiting), snapshot.containers.dropped}};
  prometheus::MetricFamily used =
      GaugeFamily(FullName("table_used"), "Entries (of buffered_bytes, bytes) in a table now.");
  prometheus::MetricFamily limit =
      GaugeFamily(FullName("table_limit"), "Most entries (bytes) that a table may hold.");
  prometheus::MetricFamily evictions = CounterFamily(
      FullName("table_evictions_total"),
      "What a full table refused or forgot: flows, events, of buffered_bytes batches.");
  for (const Table& table : tables) {
    AddSample({{"table", table.name}}, table.used, &used);
    AddSample({{"table", table.name}}, table.limit, &limit);
    AddSample({{"table", table.name}}, static_cast<double>(table.evictions), &evictions);
  }
  families->push_back(std::move(used));
  families->push_back(std::move(limit));
  families->push_back(std::move(evictions));
}

void AddClock(const ProbeSnapshot& snapshot, Families* families) {
  AddDatagrams(snapshot.datagrams, families);
  const ClockExchangeStatistics& clock = snapshot.clock;
  AddCounter("clock_requests_total", "Clock exchanges on the stream begun.", clock.requests,
             families);
  AddCounter("clock_exchanges_total", "Clock exchanges on the stream completed.", clock.completed,
             families);
  AddCounter("clock_unexpected_responses_total", "Clock responses that fit no request.",
             clock.unexpected, families);
  if (clock.last_round_trip_ns.has_value()) {
    AddGauge("clock_round_trip_seconds",
             "Round trip of the last clock exchange, without the correlator's own time.",
             static_cast<double>(*clock.last_round_trip_ns) / kNanosecondsPerSecond, families);
  }
}

void AddContainers(const ContainerStatistics& containers, Families* families) {
  AddGauge("containers", "Containers that the newest look at the cgroups found.",
           static_cast<double>(containers.containers), families);
  AddCounter("cgroup_scans_total", "Looks at all cgroups.", containers.cgroup_scans, families);
  AddCounter("container_questions_total", "Flows whose container was looked for.",
             containers.questions, families);
  families->push_back(CounterFamily(FullName("containers_found_total"),
                                    "Flows whose container was found, by what told it: the sender "
                                    "at the container's interface, the owner of the node's socket, "
                                    "or the address in a process' network namespace."));
  AddSample({{"by", "sender"}}, static_cast<double>(containers.found_by_sender), &families->back());
  AddSample({{"by", "socket"}}, static_cast<double>(containers.found_by_socket), &families->back());
  AddSample({{"by", "address"}}, static_cast<double>(containers.found_by_address),
            &families->back());
  if (containers.kubelet.is_configured) {
    AddGauge("kubelet_pods", "Pods in the kubelet's newest answer.",
             static_cast<double>(containers.kubelet.pods), families);
    AddCounter("kubelet_requests_total", "Times that the kubelet was asked for the node's pods.",
               containers.kubelet.requests, families);
    AddCounter("kubelet_failures_total", "Times that it gave no list of pods.",
               containers.kubelet.failures, families);
  }
}

void AddTls(const TlsStatistics& tls, Families* families) {
  // A probe may have none of its own; then the correlator refuses it.
  if (tls.certificate_not_after_unix_s > 0) {
    AddGauge("certificate_expiry_timestamp_seconds",
             "When this program's certificate ends, in Unix time.",
             static_cast<double>(tls.certificate_not_after_unix_s), families);
  }
  families->push_back(CounterFamily(FullName("certificate_reloads_total"),
                                    "Attempts to load changed certificate files, by result."));
  AddSample({{"result", "loaded"}}, static_cast<double>(tls.reloads), &families->back());
  AddSample({{"result", "refused"}}, static_cast<double>(tls.reload_failures), &families->back());
}

}  // namespace

std::string RenderProbeMetrics(const ProbeSnapshot& snapshot) {
  Families families;
  families.push_back(
      GaugeFamily(FullName("info"), "Node, version and way of attaching; always 1."));
  AddSample({{"node", snapshot.node},
             {"attach_method", snapshot.attach_method},
             {"version", std::string(Version())}},
            1, &families.back());
  AddCapture(snapshot, &families);
  AddUplink(snapshot, &families);
  AddTables(snapshot, &families);
  AddClock(snapshot, &families);
  AddContainers(snapshot.containers, &families);
  if (snapshot.tls.has_value()) {
    AddTls(*snapshot.tls, &families);
  }
  return RenderMetrics(families);
}

HttpResponse RenderHealth(const ProbeSnapshot& snapshot) {
  HttpResponse response;
  const int64_t reader_silent_ns = snapshot.now_ns - snapshot.reader.last_look_ns;
  if (reader_silent_ns > kReaderIsStuckNs) {
    response.status = 503;
    response.body = fmt::format("the event reader has been stuck for {:.0f} s\n",
                                static_cast<double>(reader_silent_ns) / kNanosecondsPerSecond);
  } else if (snapshot.interfaces == 0) {
    response.status = 503;
    response.body = "no interface that matches INTERFACE can be watched; waiting for one to come\n";
  } else {
    response.body = fmt::format("ok: watching {} interface(s) by {}\n", snapshot.interfaces,
                                snapshot.attach_method);
  }
  for (const RefusedInterface& refused : snapshot.refused_interfaces) {
    response.body += fmt::format("not watching {}: {}\n", refused.name, refused.reason);
  }
  for (const HiddenPackets& hidden : snapshot.hidden_packets) {
    response.body += fmt::format("not seeing packets of {} ({}): hidden by {}\n",
                                 hidden.interface_name, DirectionName(hidden.direction), hidden.by);
  }
  return response;
}

std::vector<HttpRoute> StatusRoutes(const std::function<ProbeSnapshot()>& take) {
  return {
      {"/metrics",
       [take] {
         return HttpResponse{200, std::string(kMetricsContentType),
                             RenderProbeMetrics(take()) + ProcessMetricsText()};
       }},
      {"/healthz", [take] { return RenderHealth(take()); }},
  };
}

}  // namespace audio_latency::probe
