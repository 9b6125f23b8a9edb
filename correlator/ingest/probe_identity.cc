#include "correlator/ingest/probe_identity.h"

#include <strings.h>

#include <algorithm>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace audio_latency::correlator {

absl::Status CheckMayReportAs(const ProbeIdentity& identity, const std::string& node) {
  if (!identity.certificate.has_value() || identity.is_shared) {
    return absl::OkStatus();
  }
  const CertificateFacts& facts = *identity.certificate;
  // Exactly: nodes are told apart with their case, so that a certificate which stood for every
  // spelling could be a great many nodes.
  if (std::find(facts.dns_names.begin(), facts.dns_names.end(), node) != facts.dns_names.end() ||
      std::find(facts.uris.begin(), facts.uris.end(), kNodeUriPrefix + node) != facts.uris.end()) {
    return absl::OkStatus();
  }
  if (const auto other_case = std::find_if(
          facts.dns_names.begin(), facts.dns_names.end(),
          [&](const std::string& name) { return strcasecmp(name.c_str(), node.c_str()) == 0; });
      other_case != facts.dns_names.end()) {
    return absl::PermissionDeniedError(fmt::format(
        "the probe reports as node {}, but its certificate ({}) names {}, whose case differs; "
        "write K8S_NODE_NAME as the certificate does (Kubernetes' names are in lower case)",
        node, facts.subject, *other_case));
  }
  std::vector<std::string> names = facts.dns_names;
  names.insert(names.end(), facts.uris.begin(), facts.uris.end());
  return absl::PermissionDeniedError(fmt::format(
      "the probe reports as node {}, but its certificate ({}) names {}; set K8S_NODE_NAME to that, "
      "or issue a certificate whose subjectAltName is DNS:{}",
      node, facts.subject, names.empty() ? "no node" : fmt::format("{}", fmt::join(names, ", ")),
      node));
}

}  // namespace audio_latency::correlator
