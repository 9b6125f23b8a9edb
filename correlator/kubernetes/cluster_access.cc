#include "correlator/kubernetes/cluster_access.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "common/address/host_port.h"
#include "common/config/text.h"
#include "common/status/status_macros.h"
#include "common/tls/tls_files.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

constexpr char kHostVariable[] = "KUBERNETES_SERVICE_HOST";
constexpr char kPortVariable[] = "KUBERNETES_SERVICE_PORT";

std::string_view TrimmedLines(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string ValueOf(const std::map<std::string, std::string>& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

bool IsV6(const std::string& host) { return host.find(':') != std::string::npos; }

bool TakePrefix(std::string_view prefix, std::string_view* text) {
  if (!text->starts_with(prefix)) {
    return false;
  }
  text->remove_prefix(prefix.size());
  return true;
}

}  // namespace

absl::StatusOr<std::string> Material::Load() const {
  if (file.empty()) {
    return std::string(TrimmedLines(text));
  }
  ASSIGN_OR_RETURN(const std::string content, ReadSmallFile(file));
  const std::string_view trimmed = TrimmedLines(content);
  if (trimmed.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: it is empty", file));
  }
  return std::string(trimmed);
}

absl::Status ReadServerUrl(const std::string& url, ClusterAccess* access) {
  const absl::Status error = absl::InvalidArgumentError(
      fmt::format("'{}' is no address of an API server; expected https://HOST or https://HOST:PORT",
                  OneLine(url)));
  std::string_view rest = url;
  access->is_tls = TakePrefix("https://", &rest);
  if (!access->is_tls && !TakePrefix("http://", &rest)) {
    return error;
  }
  const size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  // A path goes into requests as it is.
  for (const char letter : url) {
    if (letter <= ' ' || letter >= 0x7F || letter == '?' || letter == '#' || letter == '@') {
      return error;
    }
  }
  const std::string with_port = fmt::format("{}:{}", authority, access->is_tls ? "443" : "80");
  // A host alone has no port, or it is an IPv6 address in brackets.
  const bool has_port = !authority.empty() && authority.back() != ']' &&
                        authority.rfind(':') != std::string_view::npos;
  const std::optional<HostPort> host_port = ParseHostPort(has_port ? authority : with_port);
  if (!host_port.has_value()) {
    return error;
  }
  access->server = url;
  access->host = host_port->host;
  access->port = host_port->port;
  access->path_prefix = path;
  return absl::OkStatus();
}

bool IsInCluster(const std::map<std::string, std::string>& environment) {
  return !ValueOf(environment, kHostVariable).empty() &&
         !ValueOf(environment, kPortVariable).empty();
}

absl::StatusOr<ClusterAccess> InClusterAccess(const std::map<std::string, std::string>& environment,
                                              const std::string& service_account_folder) {
  const std::string host = ValueOf(environment, kHostVariable);
  const std::string port = ValueOf(environment, kPortVariable);
  ClusterAccess access;
  const std::string url = fmt::format("https://{}:{}", IsV6(host) ? "[" + host + "]" : host, port);
  if (const absl::Status status = ReadServerUrl(url, &access); !status.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{} and {}: {}", kHostVariable, kPortVariable, Message(status)));
  }
  access.token.file = service_account_folder + "/token";
  access.authorities.file = service_account_folder + "/ca.crt";
  access.origin = "the pod's service account";
  return access;
}

absl::StatusOr<std::optional<ClusterAccess>> FindCluster(
    const ClusterChoice& choice, const std::map<std::string, std::string>& environment,
    std::vector<std::string>* warnings, const std::string& service_account_folder) {
  if (choice.mode == "false") {
    return std::nullopt;
  }
  if (!choice.kubeconfig.empty()) {
    absl::StatusOr<ClusterAccess> access = KubeconfigAccess(choice.kubeconfig);
    if (!access.ok()) {
      return absl::Status(access.status().code(),
                          fmt::format("KUBECONFIG: {}", Message(access.status())));
    }
    return *std::move(access);
  }
  if (!IsInCluster(environment)) {
    if (choice.mode == "auto") {
      return std::nullopt;
    }
    return absl::InvalidArgumentError(
        fmt::format("K8S_ENABLED is true, but {} and {} are not set, so this is no pod: set "
                    "KUBECONFIG to a file that names the cluster",
                    kHostVariable, kPortVariable));
  }
  ASSIGN_OR_RETURN(ClusterAccess access, InClusterAccess(environment, service_account_folder));
  if (const absl::Status token = access.token.Load().status(); !token.ok()) {
    const std::string what = fmt::format(
        "{}; let the pod have a service account's token "
        "(automountServiceAccountToken), or set K8S_ENABLED=false",
        Message(token));
    if (choice.mode == "true") {
      return absl::FailedPreconditionError("K8S_ENABLED is true, but " + what);
    }
    warnings->push_back("names do not come from Kubernetes: " + what);
    return std::nullopt;
  }
  return std::optional(std::move(access));
}

}  // namespace audio_latency::correlator
