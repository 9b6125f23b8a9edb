// What the probe can be told, and what it makes of it.

#ifndef PROBE_CONFIG_PROBE_CONFIG_H_
#define PROBE_CONFIG_PROBE_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/port_set.h"
#include "common/logging/logger.h"
#include "common/signature/signature_parameters.h"
#include "common/tls/tls_options.h"
#include "probe/containers/container_identity.h"
#include "probe/containers/kubelet_options.h"

namespace audio_latency::probe {

enum class TcAttach { kAuto, kTcx, kClsact };
// Our place among the tcx programs of an interface.
enum class TcxOrder { kHead, kTail };

// The options, checked. Defaults are the product's defaults.
struct ProbeConfig {
  // Names, globs and "auto" (capture/interface_rule.h).
  std::vector<std::string> interfaces = {"auto"};
  TcAttach tc_attach = TcAttach::kAuto;
  TcxOrder tcx_order = TcxOrder::kHead;

  // Empty: all ports, of which what has the cadence of audio is signed (bpf/cadence.h).
  PortSet audio_ports;
  // The seed in it is never logged.
  SignatureParameters signature;
  uint32_t silence_threshold = 256;

  uint32_t max_flows = 10000;
  int64_t flow_timeout_ns = 30'000'000'000;
  // Of the kernel's ring buffer: a power of two, a multiple of the page.
  uint32_t ring_bytes = 1024 * 4096;

  std::string node_name;
  // host:port.
  std::string correlator_address = "localhost:9095";
  uint16_t correlator_port = 9095;
  // Checked: all files, or none where plain text is allowed.
  TlsOptions tls;
  // The name that the correlator's certificate must bear; "": the host in correlator_address.
  std::string tls_server_name;

  // kUnknown: any.
  ContainerRuntime container_runtime = ContainerRuntime::kUnknown;
  KubeletOptions kubelet;

  std::string metrics_address = "0.0.0.0";
  uint16_t metrics_port = 9090;
  LogLevel log_level = LogLevel::kInfo;

  // Names and texts of all options for the startup log line; the seed is not in it.
  std::vector<std::pair<std::string, std::string>> effective;
  // Environment variables that look like misspelt options, and other doubts; one line each.
  std::vector<std::string> warnings;
};

// Reads flags, environment and file (common/config). No value when --help or --version was
// answered. `host_name` is the node's name when none is configured. An error is one line that names
// the option, where its value came from and what is allowed.
absl::StatusOr<std::optional<ProbeConfig>> ParseProbeConfig(
    std::span<const char* const> arguments, const std::map<std::string, std::string>& environment,
    const std::string& host_name);

}  // namespace audio_latency::probe

#endif  // PROBE_CONFIG_PROBE_CONFIG_H_
