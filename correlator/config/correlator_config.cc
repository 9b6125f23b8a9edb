#include "correlator/config/correlator_config.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "common/address/host_port.h"
#include "common/config/config.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kMaxThreads = 256;
// Each matcher learns which flows carry the same audio from its own share of the signatures alone:
// the more matchers, the less each sees of a flow pair and the more ambiguous audio stays so.
constexpr uint32_t kMostDefaultThreads = 4;

// One that a probe has, and one that it opens anew before the correlator knows the other to be
// dead.
constexpr uint32_t kConnectionsPerProbe = 2;
constexpr uint32_t kOtherConnections = 256;

// As the parser fills them in. 0 stands for what depends on others.
struct Numbers {
  explicit Numbers(const CorrelatorConfig& defaults)
      : grpc_port(defaults.grpc_port),
        metrics_port(defaults.metrics_port),
        match_window_ms(defaults.matching.matcher.decision.window_ns / kMillisecondNs),
        match_hold_ms(defaults.matching.matcher.hold_ns / kMillisecondNs),
        match_lock_tolerance_ms(defaults.matching.matcher.decision.link.tolerance_ns /
                                kMillisecondNs),
        match_table_events(defaults.matching.matcher.table_events),
        max_flows(defaults.max_flows),
        max_flows_per_probe(defaults.max_flows_per_probe),
        max_probes(defaults.max_probes),
        max_events_per_second(defaults.max_events_per_second),
        max_series(defaults.max_series),
        log_signatures_per_second(defaults.signature_log.max_lines_per_second),
        sample_above_events_per_second(defaults.sample_above_events_per_second) {}

  int64_t grpc_port;
  int64_t metrics_port;
  int64_t match_window_ms;
  int64_t match_hold_ms;
  int64_t match_lock_tolerance_ms;
  int64_t match_table_events;
  int64_t matcher_threads = 0;
  int64_t max_flows;
  int64_t max_flows_per_probe;
  int64_t max_probes;
  int64_t max_events_per_second;
  int64_t max_connections = 0;
  int64_t max_connections_per_address = 0;
  int64_t max_series;
  int64_t log_signatures_per_second;
  int64_t sample_above_events_per_second;
};

absl::Status ParseShare(std::string_view text, double* share) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= 1)) {
    return absl::InvalidArgumentError("must be a number from 0 to 1");
  }
  *share = value;
  return absl::OkStatus();
}

void DeclareTelling(ConfigParser* parser, CorrelatorConfig* config, Numbers* numbers,
                    std::string* metric_labels) {
  parser->AddInteger("MAX_SERIES", "hops, and paths, that are told apart", 1, 100'000,
                     &numbers->max_series);
  parser->AddChoice("METRIC_LABELS",
                    "what hops are told apart by on /metrics: pod, or workload (fewer series: its "
                    "pods are summed up)",
                    {"pod", "workload"}, metric_labels);
  parser->AddCustom("LOG_SIGNATURES",
                    "share of the signatures, 0 to 1, that are logged wherever they were met "
                    "(audio_signature, latency_calculation); 0: none",
                    "0", [config](std::string_view text) {
                      return ParseShare(text, &config->signature_log.share);
                    });
  parser->AddInteger("LOG_SIGNATURES_PER_SECOND",
                     "lines of LOG_SIGNATURES a second; more are left out and counted", 1,
                     1'000'000, &numbers->log_signatures_per_second);
}

void DeclareSecurity(ConfigParser* parser, CorrelatorConfig* config, Numbers* numbers,
                     std::string* probe_identity) {
  AddTlsOptions(parser, &config->tls);
  parser->AddChoice("PROBE_IDENTITY",
                    "certificate: a probe reports as the node that its certificate names; shared: "
                    "any good certificate may report as any node",
                    {"certificate", "shared"}, probe_identity);
  parser->AddString("TOKEN_FILE",
                    "file of bearer tokens, one a line, of which questions need one; empty: none",
                    &config->token_file);
  parser->AddInteger("MAX_CONNECTIONS",
                     "connections that may be open at once; 0: two a probe of MAX_PROBES, and 256",
                     0, 1'000'000, &numbers->max_connections);
  parser->AddInteger("MAX_CONNECTIONS_PER_ADDRESS",
                     "of which from one address (of IPv6, from one /64); 0: all", 0, 1'000'000,
                     &numbers->max_connections_per_address);
  parser->AddInteger("MAX_EVENTS_PER_SECOND",
                     "events a second that are taken of one probe; four seconds of them at once", 1,
                     100'000'000, &numbers->max_events_per_second);
  parser->AddInteger("MAX_FLOWS_PER_PROBE", "flows of one probe", 1, int64_t{1} << 24,
                     &numbers->max_flows_per_probe);
}

void Declare(ConfigParser* parser, CorrelatorConfig* config, Numbers* numbers,
             ClusterChoice* cluster, std::string* log_level) {
  parser->AddString("GRPC_ADDRESS", "address that probes and the command line connect to",
                    &config->grpc_address);
  parser->AddInteger("GRPC_PORT", "port that probes and the command line connect to; 0: any", 0,
                     65535, &numbers->grpc_port);
  parser->AddString("METRICS_ADDRESS", "address of /metrics, /healthz and /readyz",
                    &config->metrics_address);
  parser->AddInteger("METRICS_PORT", "port of /metrics, /healthz and /readyz; 0: any", 0, 65535,
                     &numbers->metrics_port);
  parser->AddChoice("LOG_LEVEL", "least level that is logged",
                    {"trace", "debug", "info", "warn", "error"}, log_level);
  parser->AddString("ENDPOINTS_FILE", "YAML file that names addresses; empty: none",
                    &config->endpoints_file);
  parser->AddChoice(
      "K8S_ENABLED",
      "whether names come from Kubernetes; auto: in a pod, or where KUBECONFIG is set",
      {"auto", "true", "false"}, &cluster->mode);
  parser->AddString("KUBECONFIG",
                    "file of how to reach the cluster, or several with colons between; empty: as "
                    "a pod does, by its service account",
                    &cluster->kubeconfig);
  AddSignatureOptions(parser, &config->signature);
  parser->AddInteger("MATCH_WINDOW_MS", "longest delay between two sights of one piece of audio",
                     100, 60'000, &numbers->match_window_ms);
  parser->AddInteger("MATCH_HOLD_MS", "how long a decision waits for what probes report late", 100,
                     10'000, &numbers->match_hold_ms);
  parser->AddInteger("MATCH_LOCK_TOLERANCE_MS",
                     "how far a delay may differ from its flow pair's typical one where only that "
                     "tells pieces of audio apart",
                     1, 10'000, &numbers->match_lock_tolerance_ms);
  parser->AddInteger("MATCH_TABLE_EVENTS",
                     "signature events that are kept for matching, 30 bytes each", 1024,
                     int64_t{1} << 28, &numbers->match_table_events);
  parser->AddInteger("MATCHER_THREADS",
                     "threads that match; each learns flow pairs alone, so more of them tell fewer "
                     "pieces of audio apart; 0: one a core, at most 4",
                     0, kMaxThreads, &numbers->matcher_threads);
  parser->AddInteger("MAX_FLOWS", "flows of all probes together", 1, int64_t{1} << 24,
                     &numbers->max_flows);
  parser->AddInteger("MAX_PROBES", "probes that may be connected at once", 1, 16'000,
                     &numbers->max_probes);
  parser->AddInteger(
      "SAMPLE_ABOVE_EVENTS_PER_SECOND",
      "signature events that all probes together may send a second; when more come, "
      "all nodes keep the same smaller share of them; 0: as many as this machine can "
      "take",
      0, 1'000'000'000, &numbers->sample_above_events_per_second);
}

void Take(const Numbers& numbers, uint32_t cores, CorrelatorConfig* config) {
  config->grpc_port = static_cast<uint16_t>(numbers.grpc_port);
  config->metrics_port = static_cast<uint16_t>(numbers.metrics_port);
  config->max_flows = static_cast<uint32_t>(numbers.max_flows);
  config->max_flows_per_probe = static_cast<uint32_t>(numbers.max_flows_per_probe);
  config->max_probes = static_cast<uint32_t>(numbers.max_probes);
  config->max_events_per_second = static_cast<uint32_t>(numbers.max_events_per_second);
  ListenerLimits& connections = config->connections;
  connections.max_connections = numbers.max_connections > 0
                                    ? static_cast<uint32_t>(numbers.max_connections)
                                    : kConnectionsPerProbe * config->max_probes + kOtherConnections;
  // Probes behind one address (a proxy, address translation) are no fewer.
  connections.max_connections_per_address =
      numbers.max_connections_per_address > 0
          ? static_cast<uint32_t>(numbers.max_connections_per_address)
          : connections.max_connections;
  config->max_series = static_cast<uint32_t>(numbers.max_series);
  config->signature_log.max_lines_per_second =
      static_cast<uint32_t>(numbers.log_signatures_per_second);
  config->sample_above_events_per_second =
      static_cast<uint32_t>(numbers.sample_above_events_per_second);
  MatchingStageOptions& matching = config->matching;
  matching.threads = numbers.matcher_threads > 0 ? static_cast<uint32_t>(numbers.matcher_threads)
                                                 : std::clamp(cores, 1u, kMostDefaultThreads);
  matching.matcher.hold_ns = numbers.match_hold_ms * kMillisecondNs;
  matching.matcher.table_events = static_cast<uint32_t>(numbers.match_table_events);
  DecisionOptions& decision = matching.matcher.decision;
  decision.window_ns = numbers.match_window_ms * kMillisecondNs;
  decision.link.memory_ns = std::max(decision.link.memory_ns, decision.window_ns);
  decision.link.tolerance_ns = numbers.match_lock_tolerance_ms * kMillisecondNs;
}

}  // namespace

absl::StatusOr<std::optional<CorrelatorConfig>> ParseCorrelatorConfig(
    std::span<const char* const> arguments, const std::map<std::string, std::string>& environment,
    uint32_t cores) {
  CorrelatorConfig config;
  Numbers numbers(config);
  std::string log_level = "info";
  ConfigParser parser("audio-latency-correlator",
                      "Meets the signatures of all probes again and tells the delay of every hop.");
  std::string probe_identity = "certificate";
  std::string metric_labels = "pod";
  ClusterChoice cluster;
  Declare(&parser, &config, &numbers, &cluster, &log_level);
  DeclareTelling(&parser, &config, &numbers, &metric_labels);
  DeclareSecurity(&parser, &config, &numbers, &probe_identity);
  ASSIGN_OR_RETURN(const ConfigParser::Outcome outcome, parser.Parse(arguments, environment));
  if (outcome != ConfigParser::Outcome::kRun) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(config.log_level, ParseLogLevel(log_level));
  RETURN_IF_ERROR(CheckTlsOptions(config.tls, "GRPC_ADDRESS", config.grpc_address));
  if (numbers.match_hold_ms > numbers.match_window_ms) {
    return absl::InvalidArgumentError(
        fmt::format("MATCH_HOLD_MS is {} and MATCH_WINDOW_MS only {}: what decisions wait for "
                    "would be too late; "
                    "give a hold of at most the window",
                    numbers.match_hold_ms, numbers.match_window_ms));
  }
  config.one_certificate_for_all_probes = probe_identity == "shared";
  config.metrics_by_workload = metric_labels == "workload";
  Take(numbers, cores, &config);
  config.warnings = parser.warnings();
  ASSIGN_OR_RETURN(config.cluster, FindCluster(cluster, environment, &config.warnings));
  config.is_cluster_required = cluster.mode == "true";
  if (config.tls.mode == "off" && !IsLoopbackHost(config.grpc_address)) {
    config.warnings.push_back(
        "TLS=off: whoever reaches GRPC_PORT can report as any node, and read questions, answers "
        "and tokens");
  }
  if (config.connections.max_connections < config.max_probes) {
    config.warnings.push_back(
        fmt::format("MAX_CONNECTIONS={} leaves no room for MAX_PROBES={} probes",
                    config.connections.max_connections, config.max_probes));
  }
  if (config.connections.max_connections_per_address < config.max_probes) {
    config.warnings.push_back(fmt::format(
        "MAX_CONNECTIONS_PER_ADDRESS={} is less than MAX_PROBES={}: probes that come from one "
        "address (a proxy, address translation) may be refused",
        config.connections.max_connections_per_address, config.max_probes));
  }
  config.effective = parser.Effective();
  return config;
}

}  // namespace audio_latency::correlator
