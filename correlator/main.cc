// audio-latency-correlator: takes the probes' events, meets the same audio again, tells the delays.
// The only place that knows all stages.

#include <grpc/support/log.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/config.h"
#include "common/datagram/datagram_socket.h"
#include "common/http/http_server.h"
#include "common/logging/limited_logger.h"
#include "common/logging/logger.h"
#include "common/logging/startup.h"
#include "common/metrics/metrics_text.h"
#include "common/metrics/process_metrics.h"
#include "common/process/file_limit.h"
#include "common/process/shutdown.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "common/version/version.h"
#include "correlator/clock/clock_error_board.h"
#include "correlator/clock/clock_stage.h"
#include "correlator/clock/linear_clock_model.h"
#include "correlator/config/correlator_config.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/endpoints/layered_directory.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/flows/name_keeper.h"
#include "correlator/ingest/clock_server.h"
#include "correlator/ingest/clock_sessions.h"
#include "correlator/ingest/node_table.h"
#include "correlator/ingest/probe_service.h"
#include "correlator/kubernetes/kubernetes.h"
#include "correlator/load/load_monitor.h"
#include "correlator/matching/matching_stage.h"
#include "correlator/metrics/correlator_metrics.h"
#include "correlator/metrics/server_metrics.h"
#include "correlator/paths/path_stage.h"
#include "correlator/query/latency_service.h"
#include "correlator/server/grpc_server.h"
#include "correlator/signature_log/signature_log.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

// How long the end waits for calls that are under way.
constexpr std::chrono::milliseconds kShutdownPatience(1'000);
// Descriptors for what is no connection: files, the metrics page, pipes.
constexpr uint64_t kOtherDescriptors = 128;

std::string RandomInstance() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

// Null where names do not come from Kubernetes.
std::unique_ptr<Kubernetes> StartKubernetes(const CorrelatorConfig& config, const Clock& realtime,
                                            const Clock& monotonic, Logger* logger) {
  return config.cluster.has_value()
             ? Kubernetes::Start(*config.cluster, {.is_required = config.is_cluster_required},
                                 realtime, monotonic, logger)
             : nullptr;
}

// What the file names goes before what Kubernetes does. `kubernetes` may be null.
absl::StatusOr<std::unique_ptr<EndpointDirectory>> OpenDirectory(const CorrelatorConfig& config,
                                                                 const Kubernetes* kubernetes) {
  std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  if (!config.endpoints_file.empty()) {
    auto file = LoadEndpointFile(config.endpoints_file);
    if (!file.ok()) {
      return absl::Status(file.status().code(),
                          fmt::format("ENDPOINTS_FILE: {}", Message(file.status())));
    }
    directory = *std::move(file);
  }
  return kubernetes == nullptr
             ? std::move(directory)
             : MakeLayeredDirectory(std::move(directory), kubernetes->directory());
}

GrpcServerOptions ServerOptions(const CorrelatorConfig& config) {
  return {.address = config.grpc_address,
          .port = config.grpc_port,
          .tls = config.tls,
          .token_file = config.token_file,
          .limits = config.connections,
          .max_message_bytes = kTransportMaxMessageBytes};
}

// On the port of gRPC; null, and said so, where that is not to be had.
std::unique_ptr<DatagramSocket> OpenClockSocket(const CorrelatorConfig& config, Logger* logger) {
  absl::StatusOr<std::unique_ptr<DatagramSocket>> socket =
      BindDatagramSocket(config.grpc_address, static_cast<int>(config.grpc_port));
  if (socket.ok()) {
    return *std::move(socket);
  }
  logger->Warn("clock_on_stream_only",
               fmt::format("{}; the probes' clocks are compared on their streams instead, with "
                           "error bars of some 0.5 ms: free the port or set GRPC_PORT",
                           Message(socket.status())));
  return nullptr;
}

std::vector<TableUse> Tables(const Kubernetes* kubernetes, const FlowRegistry& flows,
                             const NodeTable& nodes, const ClockSessions& clock_sessions,
                             const ClockStage& clocks, const MatchingStage& matching,
                             const PathStage& paths) {
  std::vector<TableUse> tables = flows.Tables();
  tables.push_back(nodes.Use());
  tables.push_back(clock_sessions.Use());
  tables.push_back(clocks.HeldEvents());
  for (std::vector<TableUse> of_stage : {matching.Tables(), paths.Tables()}) {
    std::move(of_stage.begin(), of_stage.end(), std::back_inserter(tables));
  }
  if (kubernetes != nullptr) {
    std::vector<TableUse> of_cluster = kubernetes->Tables();
    std::move(of_cluster.begin(), of_cluster.end(), std::back_inserter(tables));
  }
  return tables;
}

std::vector<HttpRoute> Routes(CorrelatorMetrics* metrics, const GrpcServer* grpc,
                              const Kubernetes* kubernetes) {
  const auto ok = [] { return HttpResponse{.body = "ok\n"}; };
  // The page is served only once all stages run; what may be missing then are names.
  const auto ready = [kubernetes] {
    if (kubernetes == nullptr) {
      return HttpResponse{.body = "ok\n"};
    }
    const Kubernetes::Readiness readiness = kubernetes->readiness();
    return HttpResponse{
        .status = readiness.is_ready ? 200 : 503,
        .body = fmt::format("{}{}\n", readiness.is_ready ? "ok\n" : "", readiness.text)};
  };
  return {{.path = "/healthz", .handler = ok},
          {.path = "/readyz", .handler = ready},
          {.path = "/metrics", .handler = [metrics, grpc, kubernetes] {
             return HttpResponse{.content_type = std::string(kMetricsContentType),
                                 .body = metrics->Text() + ServerMetricsText(grpc->statistics()) +
                                         (kubernetes == nullptr ? "" : kubernetes->MetricsText()) +
                                         ProcessMetricsText()};
           }}};
}

// Every connection is a file.
void MakeRoomForConnections(const CorrelatorConfig& config, Logger* logger) {
  if (const uint64_t limit = RaiseFileLimit();
      limit < config.connections.max_connections + kOtherDescriptors) {
    logger->Warn("config_warning",
                 fmt::format("{} files may be open (ulimit -n), which is too few for "
                             "MAX_CONNECTIONS={}",
                             limit, config.connections.max_connections));
  }
}

// Runs until `shutdown`. What is destroyed last is declared first.
absl::Status Run(const CorrelatorConfig& config, const Clock& realtime, Shutdown* shutdown,
                 Logger* logger) {
  const MonotonicClock monotonic;
  const std::unique_ptr<Kubernetes> kubernetes =
      StartKubernetes(config, realtime, monotonic, logger);
  ASSIGN_OR_RETURN(const std::unique_ptr<EndpointDirectory> directory,
                   OpenDirectory(config, kubernetes.get()));
  const std::unique_ptr<FlowRegistry> flows =
      FlowRegistry::Create(*directory, config.max_flows, config.max_flows_per_probe);

  const std::unique_ptr<NameKeeper> names = NameKeeper::Start(flows.get(), realtime, monotonic);

  // From the last stage to the first.
  ClockErrorBoard clock_errors;
  PathStageOptions path_options;
  path_options.max_series = config.max_series;
  const std::unique_ptr<PathStage> paths =
      PathStage::Start(*flows, clock_errors, monotonic, realtime, path_options);
  const std::unique_ptr<MatchingStage> matching =
      MatchingStage::Start(*flows, monotonic, *paths, config.matching);
  const std::unique_ptr<ClockStage> clocks = ClockStage::Create(
      monotonic, *matching, clock_errors, [] { return std::make_unique<LinearClockModel>(); },
      config.matching.matcher.decision.window_ns);
  NodeTable nodes(flows.get(), clocks.get(), &realtime, &monotonic,
                  {.max_probes = config.max_probes,
                   .max_flows = config.max_flows_per_probe,
                   .max_events_per_second = config.max_events_per_second});

  LoadControlOptions load_options;
  load_options.most_credit_batches = kMostCreditBatches;
  load_options.max_events_per_second = config.sample_above_events_per_second;
  const std::unique_ptr<LoadMonitor> load = LoadMonitor::Start(
      load_options,
      {.view =
           [&] {
             // Nothing else comes round when no probe sends.
             nodes.Sweep();
             const IngestLoad ingest = nodes.Load();
             return LoadView{.backlog = Worse(matching->CurrentBacklog(), paths->CurrentBacklog()),
                             .taken_events = ingest.events_taken,
                             .taken_batches = ingest.batches_taken,
                             .made_events = ingest.events_made,
                             .pending_events = ingest.pending_events,
                             .probes = ingest.probes};
           },
       .tell =
           [&](const LoadDecision& decision) {
             nodes.SetFlowControl(decision.sampling_threshold, decision.credit_batches);
           }},
      &monotonic, logger);

  const auto count_error = [&nodes](IngestError error, uint64_t count = 1) {
    nodes.CountError(error, count);
  };
  std::unique_ptr<DatagramSocket> clock_socket = OpenClockSocket(config, logger);
  const int clock_port = clock_socket == nullptr ? 0 : clock_socket->port();
  ClockSessions clock_sessions({.port = clock_port, .max_sessions = 2 * config.max_probes},
                               monotonic, count_error);
  const std::unique_ptr<ClockServer> clock_server =
      clock_socket == nullptr ? nullptr
                              : ClockServer::Start(std::move(clock_socket), &clock_sessions,
                                                   realtime, monotonic, count_error);
  LimitedLogger probe_logger(logger, &monotonic);
  const auto probe_service =
      MakeProbeService(&nodes, &realtime, &monotonic,
                       {.signature = config.signature,
                        .max_streams = 2 * config.max_probes,
                        .correlator_instance = RandomInstance(),
                        .clock_sessions = clock_server == nullptr ? nullptr : &clock_sessions,
                        .one_certificate_for_all_probes = config.one_certificate_for_all_probes,
                        .logger = &probe_logger});
  const auto latency_service = MakeLatencyService({.paths = *paths,
                                                   .nodes = nodes,
                                                   .flows = *flows,
                                                   .monotonic = monotonic,
                                                   .realtime = realtime,
                                                   .matching = matching.get(),
                                                   .load = load.get()});
  const std::unique_ptr<SignatureLog> signature_log =
      config.signature_log.share == 0
          ? nullptr
          : SignatureLog::Start(config.signature_log, paths.get(), flows.get(), monotonic, realtime,
                                logger);
  const std::unique_ptr<CorrelatorMetrics> metrics = CorrelatorMetrics::Create(
      {.paths = *paths,
       .nodes = nodes,
       .matching = *matching,
       .load = *load,
       .tables =
           [&] {
             return Tables(kubernetes.get(), *flows, nodes, clock_sessions, *clocks, *matching,
                           *paths);
           },
       .names = [&] { return flows->Names(); },
       .signature_log =
           [&] {
             return signature_log == nullptr ? SignatureLogCounters() : signature_log->Counters();
           }},
      config.max_series,
      config.metrics_by_workload ? MetricLabelling::kWorkload : MetricLabelling::kPod);
  EnableHealthAndReflection();
  ASSIGN_OR_RETURN(
      const std::unique_ptr<GrpcServer> grpc,
      GrpcServer::Start(ServerOptions(config), {probe_service.get(), latency_service.get()},
                        realtime, monotonic, logger));
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Start(config.metrics_address, config.metrics_port,
                        Routes(metrics.get(), grpc.get(), kubernetes.get()));
  if (!http.ok()) {
    const std::string message =
        fmt::format("{} (METRICS_ADDRESS, METRICS_PORT)", Message(http.status()));
    logger->Error("metrics_server_error", message);
    return absl::Status(http.status().code(), message);
  }
  logger->Info(
      "startup_complete", "Waiting for probes",
      {{"grpc_port", grpc->port()}, {"clock_port", clock_port}, {"metrics_port", (*http)->port()}});

  shutdown->Wait();
  logger->Info("shutdown", "Ending");
  http->reset();
  latency_service->StopWatchers();
  // Probes keep what is not acknowledged, and connect again.
  nodes.EndStreams(absl::UnavailableError("the correlator is shutting down"));
  grpc->Shutdown(kShutdownPatience);
  const MatchingCounters counters = matching->Counters();
  logger->Info("shutdown_complete", "Ended",
               {{"observations", counters.observations}, {"matches", counters.matches}});
  return absl::OkStatus();
}

// gRPC writes to standard error on its own, in its own form, what we tell in ours.
void SilenceGrpc() {
  gpr_set_log_function([](gpr_log_func_args*) {});
}

int Main(std::span<const char* const> arguments) {
  const auto fail = [](const absl::Status& status) {
    std::fputs(fmt::format("audio-latency-correlator: {}\n", Message(status)).c_str(), stderr);
    return EXIT_FAILURE;
  };
  absl::StatusOr<std::optional<CorrelatorConfig>> config =
      ParseCorrelatorConfig(arguments, ProcessEnvironment(), std::thread::hardware_concurrency());
  if (!config.ok()) {
    return fail(config.status());
  }
  if (!config->has_value()) {
    return EXIT_SUCCESS;
  }
  absl::StatusOr<std::unique_ptr<Shutdown>> shutdown = Shutdown::Install();
  if (!shutdown.ok()) {
    return fail(shutdown.status());
  }
  SilenceGrpc();
  const RealtimeClock realtime;
  const std::unique_ptr<Logger> logger = MakeJsonLogger((*config)->log_level, realtime);
  LogStartup("audio-latency-correlator", (*config)->effective, (*config)->warnings, logger.get());
  MakeRoomForConnections(**config, logger.get());
  const absl::Status status = Run(**config, realtime, shutdown->get(), logger.get());
  return status.ok() ? EXIT_SUCCESS : fail(status);
}

}  // namespace
}  // namespace audio_latency::correlator

int main(int argc, char** argv) {
  return audio_latency::correlator::Main({argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
}
