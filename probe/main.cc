// audio-latency-probe: signs the audio that passes this node and tells the correlator.

#include <grpc/support/log.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/config/config.h"
#include "common/http/http_server.h"
#include "common/logging/logger.h"
#include "common/logging/startup.h"
#include "common/loss/sampling_share.h"
#include "common/process/blocked_signals.h"
#include "common/process/shutdown.h"
#include "common/signature/signature_parameters.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "common/tls/tls_store.h"
#include "common/version/version.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "probe/capture/capture_program.h"
#include "probe/capture/event_log.h"
#include "probe/capture/hiding_watch.h"
#include "probe/capture/interface_watcher.h"
#include "probe/capture/ring_reader.h"
#include "probe/check/check_command.h"
#include "probe/config/probe_config.h"
#include "probe/containers/container_watch.h"
#include "probe/containers/kubelet_client.h"
#include "probe/containers/socket_owners.h"
#include "probe/metrics/status_page.h"
#include "probe/privilege/capabilities.h"
#include "probe/privilege/kept_capabilities.h"
#include "probe/uplink/batcher.h"
#include "probe/uplink/uplink.h"

namespace audio_latency::probe {
namespace {

// How long the end waits for the correlator to take the last batches.
constexpr std::chrono::milliseconds kFlushPatience(1'000);

// What the probe may have a use for; it starts with what it is given of these.
constexpr uint64_t kUsedCapabilities =
    CapabilitySet({kCapNetBindService, kCapNetAdmin, kCapPerfmon, kCapBpf});

std::string HostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "";
}

v1::Hello MakeHello(const ProbeConfig& config) {
  std::random_device random;
  v1::Hello hello;
  hello.set_node(config.node_name);
  hello.set_instance(fmt::format("{:08x}{:08x}", random(), random()));
  hello.set_version(std::string(Version()));
  hello.set_capture_abi_version(CAPTURE_ABI_VERSION);
  v1::SignatureParameters* const parameters = hello.mutable_signature_parameters();
  parameters->set_algorithm(config.signature.algorithm);
  parameters->set_window_size_bytes(static_cast<uint32_t>(config.signature.window_size_bytes));
  parameters->set_rate_bytes(static_cast<uint32_t>(config.signature.rate_bytes));
  parameters->set_seed_fingerprint(SignatureSeedFingerprint(config.signature.seed_text));
  return hello;
}

// What only loading needs rights for is done here, and then these rights are given up before there
// are other threads, which have what the one has that starts them. Only the one that loads the
// programs for bare IP, if it is needed, was there before: it keeps them until it is through.
absl::StatusOr<std::unique_ptr<CaptureProgram>> LoadAndDropRights(const ProbeConfig& config,
                                                                  Logger* logger) {
  ASSIGN_OR_RETURN(std::unique_ptr<CaptureProgram> program, CaptureProgram::Load(config));
  ASSIGN_OR_RETURN(const std::unique_ptr<LinkMonitor> monitor, LinkMonitor::Open());
  ASSIGN_OR_RETURN(const std::vector<Link> links, monitor->List());
  const bool loads_ip_too = InterfaceRule(config.interfaces).MayMatch(CAPTURE_LINK_IP, links);
  if (loads_ip_too) {
    program->LoadIpInBackground();
  }
  const uint64_t kept = KeptCapabilities(program.get(), config.metrics_port);
  RETURN_IF_ERROR(DropCapabilitiesTo(kept));
  logger->Info("capabilities_dropped",
               loads_ip_too ? "Other capabilities are given up, by all threads but the one that "
                              "loads the programs for bare IP and then ends"
                            : "Programs are loaded; other capabilities are given up",
               {{"kept", CapabilityNames(kept)}});
  return program;
}

absl::StatusOr<std::unique_ptr<ContainerWatch>> WatchContainers(const ProbeConfig& config,
                                                                InterfaceSenders* senders,
                                                                const InterfaceDirectory& directory,
                                                                const Clock& monotonic,
                                                                Logger* logger) {
  ContainerWatch::Parts parts;
  parts.senders = senders;
  parts.directory = &directory;
  parts.only = config.container_runtime;
  parts.clock = &monotonic;
  parts.logger = logger;
  parts.sockets = SocketOwners::OpenOrWarn(logger);
  if (!config.kubelet.address.empty()) {
    ASSIGN_OR_RETURN(parts.kubelet, KubeletClient::Create(config.kubelet));
  }
  return ContainerWatch::Start(std::move(parts));
}

// Runs until `shutdown`. What is destroyed last is declared first.
absl::Status Run(const ProbeConfig& config, CaptureProgram* program, const Clock& realtime,
                 const Clock& monotonic, Shutdown* shutdown, Logger* logger) {
  // With the rights that are left: what cannot be read now could not be when it changes either.
  std::unique_ptr<TlsStore> tls;
  if (config.tls.use_tls()) {
    ASSIGN_OR_RETURN(tls, TlsStore::Open(config.tls.files, realtime, logger));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Attacher> attacher,
                   MakeAttacher(config.tc_attach, config.tcx_order, program));
  ASSIGN_OR_RETURN(std::unique_ptr<LinkMonitor> monitor, LinkMonitor::Open());
  InterfaceDirectory directory;
  BatchQueue queue(BatchQueue::Limits{});
  ClockExchange clock_exchange(monotonic);
  const std::unique_ptr<DatagramExchange> datagrams =
      DatagramExchange::Create({.realtime = realtime, .monotonic = monotonic, .logger = logger});
  Batcher::Options batcher_options;
  batcher_options.max_flows = config.max_flows;
  batcher_options.flow_timeout_ns = config.flow_timeout_ns;
  ASSIGN_OR_RETURN(const std::unique_ptr<ContainerWatch> containers,
                   WatchContainers(config, program, directory, monotonic, logger));
  Batcher batcher(batcher_options,
                  {&directory, containers.get(), program, &queue, &monotonic, logger});
  EventLog event_log(config.node_name, &directory, logger, &batcher);
  EventSink* const sink =
      logger->IsOn(LogLevel::kTrace) ? static_cast<EventSink*>(&event_log) : &batcher;
  const std::string attach_method = attacher->method();

  ASSIGN_OR_RETURN(
      const std::unique_ptr<RingReader> reader,
      RingReader::Start(program->ring_fd(), config.ring_bytes, sink, monotonic, logger));
  UplinkOptions uplink_options;
  uplink_options.correlator_address = config.correlator_address;
  uplink_options.tls = tls.get();
  uplink_options.tls_server_name = config.tls_server_name;
  uplink_options.hello = MakeHello(config);
  uplink_options.on_sampling = [&program, logger](uint32_t threshold) {
    if (threshold == program->SamplingThreshold()) {
      return;
    }
    program->SetSamplingThreshold(threshold);
    const double share = SamplingShare(threshold);
    logger->Log(
        threshold == kSamplingAll ? LogLevel::kInfo : LogLevel::kWarn, "sampling_changed",
        fmt::format("The correlator can take {:.3g} % of the signatures: keeping these, the "
                    "same at every node",
                    share * 100),
        {{"sampling_share", share}});
  };
  const std::unique_ptr<Uplink> uplink =
      Uplink::Start(uplink_options, &queue, &clock_exchange, datagrams.get(), monotonic, logger);

  const std::unique_ptr<HidingWatch> hiding_watch =
      HidingWatch::Start({&directory, program, logger});

  const auto take_snapshot = [&] {
    return ProbeSnapshot{program->Read(),
                         reader->statistics(),
                         batcher.statistics(),
                         queue.statistics(),
                         uplink->statistics(),
                         clock_exchange.statistics(),
                         datagrams->statistics(),
                         directory.size(),
                         directory.Refused(),
                         hiding_watch->Hidden(),
                         containers->statistics(),
                         attach_method,
                         program->SamplingThreshold(),
                         config.max_flows,
                         monotonic.NowNs(),
                         tls == nullptr ? std::nullopt : std::optional(tls->statistics()),
                         config.node_name};
  };
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(config.metrics_address, config.metrics_port, StatusRoutes(take_snapshot));
  if (!server.ok()) {
    const std::string message =
        fmt::format("{} (METRICS_ADDRESS, METRICS_PORT)", Message(server.status()));
    logger->Error("metrics_server_error", message);
    return absl::Status(server.status().code(), message);
  }
  // Last, so that a probe that cannot run touches no interface.
  ASSIGN_OR_RETURN(const std::unique_ptr<InterfaceWatcher> watcher,
                   InterfaceWatcher::Start({InterfaceRule(config.interfaces), std::move(monitor),
                                            std::move(attacher), &directory, logger}));
  logger->Info("startup_complete", "Capturing",
               {{"interfaces", directory.size()},
                {"metrics_port", (*server)->port()},
                {"attach_method", attach_method}});

  shutdown->Wait();
  logger->Info("shutdown", "Ending: detaching and sending what is left");
  watcher->Stop();
  reader->Stop();
  batcher.Flush();
  if (uplink->statistics().connected) {
    queue.WaitUntilEmpty(std::chrono::steady_clock::now() + kFlushPatience);
  }
  const BatchQueueStatistics left = queue.statistics();
  logger->Info("shutdown_complete", "Ended",
               {{"batches_not_acknowledged", left.buffered_batches},
                {"events_not_acknowledged", left.buffered_events}});
  return absl::OkStatus();
}

// gRPC writes to standard error on its own, in its own form, what the uplink tells in ours.
void SilenceGrpc() {
  gpr_set_log_function([](gpr_log_func_args*) {});
}

int Main(std::span<const char* const> arguments) {
  // Before there are other threads.
  const absl::Status raised = RaiseCapabilities(kUsedCapabilities);
  if (!arguments.empty() && std::string_view(arguments[0]) == "check") {
    return RunCheckCommand(arguments.subspan(1), ProcessEnvironment(), HostName());
  }
  const auto fail = [](const absl::Status& status) {
    std::fputs(fmt::format("audio-latency-probe: {}\n", Message(status)).c_str(), stderr);
    return EXIT_FAILURE;
  };
  absl::StatusOr<std::optional<ProbeConfig>> config =
      ParseProbeConfig(arguments, ProcessEnvironment(), HostName());
  if (!config.ok()) {
    return fail(config.status());
  }
  if (!config->has_value()) {
    return EXIT_SUCCESS;
  }
  if (!raised.ok()) {
    return fail(raised);
  }
  // Before anything that takes time and before any thread, of which a signal would choose one that
  // does not block it. What waits for the signals is a thread itself, which must not have the
  // rights that are given up below.
  absl::StatusOr<std::unique_ptr<BlockedSignals>> signals = BlockedSignals::Block();
  if (!signals.ok()) {
    return fail(signals.status());
  }
  // Until all else has ended.
  std::unique_ptr<Shutdown> shutdown;
  const RealtimeClock realtime;
  const MonotonicClock monotonic;
  const std::unique_ptr<Logger> logger = MakeJsonLogger((*config)->log_level, realtime);
  SendLibbpfLogTo(logger.get());
  SilenceGrpc();
  LogStartup("audio-latency-probe", (*config)->effective, (*config)->warnings, logger.get());
  const auto program = LoadAndDropRights(**config, logger.get());
  if (!program.ok()) {
    return fail(program.status());
  }
  absl::StatusOr<std::unique_ptr<Shutdown>> installed = Shutdown::Install(*std::move(signals));
  if (!installed.ok()) {
    return fail(installed.status());
  }
  shutdown = *std::move(installed);
  const absl::Status status =
      Run(**config, program->get(), realtime, monotonic, shutdown.get(), logger.get());
  return status.ok() ? EXIT_SUCCESS : fail(status);
}

}  // namespace
}  // namespace audio_latency::probe

int main(int argc, char** argv) {
  return audio_latency::probe::Main(std::span<const char* const>(argv + 1, argv + argc));
}
