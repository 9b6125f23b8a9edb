// The YAML file of endpoints: names for addresses where no Kubernetes tells them.

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/config/config.h"
#include "common/config/text.h"
#include "common/status/status_macros.h"
#include "correlator/endpoints/container_name.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "fmt/format.h"
#include "yaml-cpp/yaml.h"

namespace audio_latency::correlator {
namespace {

struct Entry {
  Endpoint endpoint;
  int line = 0;
};
using Entries = absl::flat_hash_map<IpAddress, Entry>;

class FileDirectory final : public EndpointDirectory {
 public:
  explicit FileDirectory(Entries entries) : entries_(std::move(entries)) {}

  Resolution Resolve(const EndpointQuery& query) const override {
    Resolution resolution;
    if (const auto found = entries_.find(query.address); found != entries_.end()) {
      resolution.endpoint = found->second.endpoint;
    } else {
      resolution.endpoint.address = query.address;
    }
    NameByContainer(query.container, &resolution.endpoint);
    return resolution;
  }

 private:
  const Entries entries_;
};

int LineOf(const YAML::Node& node) { return node.Mark().line + 1; }

absl::Status ErrorAt(const std::string& path, int line, const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("{}:{}: {}", path, line, OneLine(what)));
}

absl::Status UnknownKey(const std::string& path, const YAML::Node& key,
                        std::span<const std::string> known) {
  const std::string nearest = Nearest(key.Scalar(), known);
  return ErrorAt(
      path, LineOf(key),
      nearest.empty()
          ? fmt::format("unknown key '{}'; known are {}", key.Scalar(), fmt::join(known, ", "))
          : fmt::format("unknown key '{}'; did you mean '{}'?", key.Scalar(), nearest));
}

absl::StatusOr<Entry> ReadEntry(const std::string& path, const YAML::Node& node) {
  static const std::array<std::string, 7> kKeys = {"address",  "pod",  "namespace", "workload_kind",
                                                   "workload", "node", "service"};
  if (!node.IsMap()) {
    return ErrorAt(path, LineOf(node), "an endpoint must be a map such as {address: 10.0.1.5}");
  }
  Entry entry;
  entry.line = LineOf(node);
  Endpoint& endpoint = entry.endpoint;
  bool has_address = false;
  for (const auto& pair : node) {
    const YAML::Node& key = pair.first;
    const YAML::Node& value = pair.second;
    if (!key.IsScalar() || !value.IsScalar()) {
      return ErrorAt(path, LineOf(key), "an endpoint's keys and values must be plain text");
    }
    const std::string& name = key.Scalar();
    const std::string& text = value.Scalar();
    if (name == "address") {
      const absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
      if (!address.ok()) {
        return ErrorAt(path, LineOf(value), Message(address.status()));
      }
      endpoint.address = *address;
      has_address = true;
    } else if (name == "pod") {
      endpoint.pod = text;
    } else if (name == "namespace") {
      endpoint.namespace_name = text;
    } else if (name == "workload_kind") {
      endpoint.workload_kind = text;
    } else if (name == "workload") {
      endpoint.workload = text;
    } else if (name == "node") {
      endpoint.node = text;
    } else if (name == "service") {
      endpoint.service = text;
    } else {
      return UnknownKey(path, key, kKeys);
    }
  }
  if (!has_address) {
    return ErrorAt(path, entry.line, "an endpoint needs an address");
  }
  if (!endpoint.service.empty() &&
      !(endpoint.pod + endpoint.workload_kind + endpoint.workload + endpoint.node).empty()) {
    return ErrorAt(path, entry.line,
                   "the address of a service is no pod's: give pod, workload_kind, workload and "
                   "node at the pods' own addresses");
  }
  return entry;
}

absl::StatusOr<Entries> ReadEntries(const std::string& path, const YAML::Node& root) {
  static const std::array<std::string, 1> kKeys = {"endpoints"};
  Entries entries;
  if (root.IsNull()) {
    return entries;
  }
  if (!root.IsMap()) {
    return ErrorAt(path, LineOf(root), "the file must be a map with the key 'endpoints'");
  }
  for (const auto& pair : root) {
    if (!pair.first.IsScalar() || pair.first.Scalar() != kKeys[0]) {
      return UnknownKey(path, pair.first, kKeys);
    }
    if (!pair.second.IsSequence() && !pair.second.IsNull()) {
      return ErrorAt(path, LineOf(pair.second), "'endpoints' must be a list");
    }
    for (const YAML::Node& node : pair.second) {
      ASSIGN_OR_RETURN(Entry entry, ReadEntry(path, node));
      const IpAddress address = entry.endpoint.address;
      const auto [existing, is_new] = entries.try_emplace(address, std::move(entry));
      if (!is_new) {
        return ErrorAt(path, LineOf(node),
                       fmt::format("address {} is already given in line {}", address.ToString(),
                                   existing->second.line));
      }
    }
  }
  return entries;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EndpointDirectory>> LoadEndpointFile(const std::string& path) {
  // A stream opens a folder and reads nothing from it.
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(
        fmt::format("the endpoint file {} is a folder: name the YAML file in it", path));
  }
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(
        fmt::format("cannot open the endpoint file {}: {}", path, std::strerror(errno)));
  }
  std::stringstream text;
  // An empty file inserts nothing, which the stream calls a failure.
  if (!(text << file.rdbuf()) && file.bad()) {
    return absl::UnavailableError(
        fmt::format("cannot read the endpoint file {}: {}", path, std::strerror(errno)));
  }
  YAML::Node root;
  try {
    root = YAML::Load(text.str());
  } catch (const YAML::Exception& error) {
    return ErrorAt(path, error.mark.line + 1, error.msg);
  }
  ASSIGN_OR_RETURN(Entries entries, ReadEntries(path, root));
  return std::make_unique<FileDirectory>(std::move(entries));
}

}  // namespace audio_latency::correlator
