#include "probe/config/probe_config.h"

#include <bit>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "common/address/host_port.h"
#include "common/config/config.h"
#include "common/config/text.h"
#include "common/names/node_name.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"

namespace audio_latency::probe {
namespace {

constexpr int64_t kPageBytes = 4096;
constexpr int64_t kNanosecondsPerMillisecond = 1'000'000;

// The texts and numbers as the parser stores them, before they are checked together.
struct RawOptions {
  std::vector<std::string> interfaces = {"auto"};
  std::string tc_attach = "auto";
  std::string tcx_order = "head";
  std::string container_runtime = "auto";
  std::string kubelet_insecure = "false";
  std::string log_level = "info";
  int64_t metrics_port = 9090;
  int64_t silence_threshold = 256;
  int64_t max_flows = 10000;
  int64_t flow_timeout_ms = 30000;
  int64_t ring_pages = 1024;
};

absl::Status ParseCorrelatorAddress(std::string_view text, ProbeConfig* config) {
  const std::optional<HostPort> address = ParseHostPort(text);
  if (!address.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no address: write host:port, such as correlator:9095", text));
  }
  config->correlator_address = std::string(text);
  config->correlator_port = address->port;
  return absl::OkStatus();
}

void DeclareCapture(ConfigParser* parser, RawOptions* raw, ProbeConfig* config) {
  parser->AddList("INTERFACE",
                  "interfaces to watch: names, globs (veth*), or auto: the default route's, eth0, "
                  "and the host side of the pods' veths",
                  &raw->interfaces);
  parser->AddChoice("TC_ATTACH", "how to attach to TC: auto takes tcx where the kernel has it",
                    {"auto", "tcx", "clsact"}, &raw->tc_attach);
  parser->AddChoice("TCX_ORDER",
                    "place among the tcx programs that an interface has when we attach: head sees "
                    "every packet unless a program gets in front later, tail only those that no "
                    "program ahead takes",
                    {"head", "tail"}, &raw->tcx_order);
  parser->AddCustom("AUDIO_PORTS",
                    "ports to sign, such as 8080,10000-20000; a packet counts when its source or "
                    "destination is among them; empty: RTP, and TCP with the cadence of audio",
                    "", [config](std::string_view text) -> absl::Status {
                      ASSIGN_OR_RETURN(config->audio_ports, PortSet::Parse(text));
                      return absl::OkStatus();
                    });
  parser->AddInteger("PERF_BUFFER_SIZE",
                     "size of the kernel's event buffer in pages of 4096 bytes; a power of two", 1,
                     262144, &raw->ring_pages);
  parser->AddInteger("MAX_FLOWS", "flows that are followed at once", 1, 10'000'000,
                     &raw->max_flows);
  parser->AddInteger("FLOW_TIMEOUT_MS", "a flow that is silent for so long is forgotten", 100,
                     86'400'000, &raw->flow_timeout_ms);
}

void DeclareSignature(ConfigParser* parser, RawOptions* raw, ProbeConfig* config) {
  AddSignatureOptions(parser, &config->signature);
  parser->AddInteger("SILENCE_THRESHOLD",
                     "root mean square, as 16-bit samples, below which audio is silence; 0: never",
                     0, 32767, &raw->silence_threshold);
}

void DeclareContainers(ConfigParser* parser, RawOptions* raw, ProbeConfig* config) {
  parser->AddChoice("CONTAINER_RUNTIME",
                    "whose containers a flow's pod is looked for among, by the names of cgroups",
                    {"auto", "docker", "containerd", "crio"}, &raw->container_runtime);
  parser->AddString("KUBELET_ADDRESS",
                    "host:port of this node's kubelet, asked for the names of its pods; empty: the "
                    "correlator finds them by the pods' uids",
                    &config->kubelet.address);
  parser->AddString("KUBELET_TOKEN_FILE",
                    "token for the kubelet, of a service account that may get nodes/proxy; read "
                    "anew for each question",
                    &config->kubelet.token_file);
  parser->AddString("KUBELET_CA_FILE", "authorities that the kubelet's certificate is checked by",
                    &config->kubelet.ca_file);
  parser->AddChoice("KUBELET_INSECURE",
                    "true takes any certificate of the kubelet's, which often is self-signed",
                    {"false", "true"}, &raw->kubelet_insecure);
}

void DeclareRest(ConfigParser* parser, RawOptions* raw, ProbeConfig* config) {
  parser->AddString("K8S_NODE_NAME",
                    "name of this node, unique in the cluster (default: host name)",
                    &config->node_name);
  parser->AddCustom(
      "CORRELATOR_ADDRESS", "host:port of the correlator", config->correlator_address,
      [config](std::string_view text) { return ParseCorrelatorAddress(text, config); });
  AddTlsOptions(parser, &config->tls);
  parser->AddString("TLS_SERVER_NAME",
                    "name in the correlator's certificate; empty: the host in CORRELATOR_ADDRESS",
                    &config->tls_server_name);
  parser->AddString("METRICS_ADDRESS", "address that /metrics and /healthz listen on",
                    &config->metrics_address);
  parser->AddInteger("METRICS_PORT", "port of /metrics and /healthz", 0, 65535, &raw->metrics_port);
  parser->AddChoice("LOG_LEVEL", "least level of the log lines that are written",
                    {"trace", "debug", "info", "warn", "error"}, &raw->log_level);
}

absl::Status Convert(const RawOptions& raw, ProbeConfig* config) {
  if (!std::has_single_bit(static_cast<uint64_t>(raw.ring_pages))) {
    return absl::InvalidArgumentError(
        fmt::format("PERF_BUFFER_SIZE is {}, but must be a power of two; nearest: {}",
                    raw.ring_pages, std::bit_floor(static_cast<uint64_t>(raw.ring_pages))));
  }
  if (raw.interfaces.empty()) {
    return absl::InvalidArgumentError(
        "INTERFACE is empty; name interfaces, or leave it out for auto");
  }
  ASSIGN_OR_RETURN(config->log_level, ParseLogLevel(raw.log_level));
  config->interfaces = raw.interfaces;
  config->tc_attach = raw.tc_attach == "tcx"      ? TcAttach::kTcx
                      : raw.tc_attach == "clsact" ? TcAttach::kClsact
                                                  : TcAttach::kAuto;
  config->tcx_order = raw.tcx_order == "tail" ? TcxOrder::kTail : TcxOrder::kHead;
  config->container_runtime = raw.container_runtime == "docker" ? ContainerRuntime::kDocker
                              : raw.container_runtime == "containerd"
                                  ? ContainerRuntime::kContainerd
                              : raw.container_runtime == "crio" ? ContainerRuntime::kCrio
                                                                : ContainerRuntime::kUnknown;
  config->kubelet.is_insecure = raw.kubelet_insecure == "true";
  if (!config->kubelet.address.empty() && !ParseHostPort(config->kubelet.address).has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("KUBELET_ADDRESS is \"{}\", which is no address: write host:port, such as "
                    "192.0.2.7:10250",
                    config->kubelet.address));
  }
  config->silence_threshold = static_cast<uint32_t>(raw.silence_threshold);
  config->max_flows = static_cast<uint32_t>(raw.max_flows);
  config->flow_timeout_ns = raw.flow_timeout_ms * kNanosecondsPerMillisecond;
  config->ring_bytes = static_cast<uint32_t>(raw.ring_pages * kPageBytes);
  config->metrics_port = static_cast<uint16_t>(raw.metrics_port);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<ProbeConfig>> ParseProbeConfig(
    std::span<const char* const> arguments, const std::map<std::string, std::string>& environment,
    const std::string& host_name) {
  ProbeConfig config;
  RawOptions raw;
  config.node_name = host_name;
  ConfigParser parser(
      "audio-latency-probe",
      "Signs the audio that passes this node and tells the correlator. "
      "`audio-latency-probe check [-o json]` says what this kernel and these rights "
      "allow.");
  DeclareCapture(&parser, &raw, &config);
  DeclareSignature(&parser, &raw, &config);
  DeclareContainers(&parser, &raw, &config);
  DeclareRest(&parser, &raw, &config);
  ASSIGN_OR_RETURN(const ConfigParser::Outcome outcome, parser.Parse(arguments, environment));
  if (outcome != ConfigParser::Outcome::kRun) {
    return std::optional<ProbeConfig>();
  }
  RETURN_IF_ERROR(Convert(raw, &config));
  if (config.node_name.empty()) {
    return absl::InvalidArgumentError("K8S_NODE_NAME is empty; give this node a name");
  }
  if (const absl::Status status = CheckNodeName(config.node_name); !status.ok()) {
    return absl::InvalidArgumentError(fmt::format("K8S_NODE_NAME: {}", Message(status)));
  }
  RETURN_IF_ERROR(CheckTlsOptions(config.tls, "CORRELATOR_ADDRESS",
                                  ParseHostPort(config.correlator_address)->host));
  config.warnings = parser.warnings();
  if (config.audio_ports.Contains(config.correlator_port)) {
    config.warnings.push_back(
        fmt::format("AUDIO_PORTS holds {}, the correlator's own port, which is never signed; let "
                    "the correlator listen on another port to measure audio there",
                    config.correlator_port));
  }
  if (config.tc_attach == TcAttach::kClsact && config.tcx_order != TcxOrder::kHead) {
    config.warnings.push_back(
        "TCX_ORDER is tail, which says nothing where TC_ATTACH is clsact: its filters come behind "
        "all tcx programs");
  }
  config.effective = parser.Effective();
  return std::optional<ProbeConfig>(std::move(config));
}

}  // namespace audio_latency::probe
