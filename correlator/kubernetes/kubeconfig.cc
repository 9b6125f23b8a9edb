// Kubeconfig files: which cluster the current context means, and how to get in.

#include <openssl/evp.h>

#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/config/text.h"
#include "common/status/status_macros.h"
#include "common/tls/tls_files.h"
#include "correlator/kubernetes/cluster_access.h"
#include "fmt/format.h"
#include "yaml-cpp/yaml.h"

namespace audio_latency::correlator {
namespace {

struct Document {
  std::string path;
  YAML::Node root;
};

// An entry of one of the lists "clusters", "users" and "contexts".
struct Entry {
  std::string path;
  YAML::Node value;
};

absl::Status Wrong(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", path, OneLine(what)));
}

std::vector<std::string> SplitPaths(const std::string& paths) {
  std::vector<std::string> parts;
  std::string_view rest = paths;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    if (const std::string_view part = TrimBlanks(rest.substr(0, colon)); !part.empty()) {
      parts.emplace_back(part);
    }
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return parts;
}

absl::StatusOr<Document> ReadDocument(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path));
  Document document{.path = path, .root = {}};
  try {
    document.root = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return Wrong(fmt::format("{}:{}", path, error.mark.line + 1), error.msg);
  }
  if (!document.root.IsMap()) {
    return Wrong(path, "it is no kubeconfig: it must be a map with clusters, users and contexts");
  }
  return document;
}

// The text under `key`; empty where there is none.
absl::StatusOr<std::string> TextOf(const Entry& entry, const char* key) {
  if (!entry.value.IsMap()) {
    return std::string();
  }
  const YAML::Node value = entry.value[key];
  if (!value.IsDefined() || value.IsNull()) {
    return std::string();
  }
  if (!value.IsScalar()) {
    return Wrong(fmt::format("{}:{}", entry.path, value.Mark().line + 1),
                 fmt::format("{} must be plain text", key));
  }
  return value.Scalar();
}

absl::StatusOr<Entry> Find(const std::vector<Document>& documents, const char* list,
                           const char* kind, const std::string& name) {
  for (const Document& document : documents) {
    const YAML::Node entries = document.root[list];
    if (!entries.IsDefined() || !entries.IsSequence()) {
      continue;
    }
    for (const YAML::Node& each : entries) {
      if (!each.IsMap() || !each["name"].IsDefined() || !each["name"].IsScalar() ||
          each["name"].Scalar() != name) {
        continue;
      }
      const YAML::Node value = each[kind];
      if (!value.IsDefined() || !value.IsMap()) {
        return Wrong(fmt::format("{}:{}", document.path, each.Mark().line + 1),
                     fmt::format("{} '{}' has no map '{}'", kind, name, kind));
      }
      return Entry{.path = document.path, .value = value};
    }
  }
  return Wrong(documents.front().path,
               fmt::format("there is no {} '{}' in the list {}", kind, name, list));
}

std::optional<std::string> DecodeBase64(std::string text) {
  std::erase_if(text,
                [](char letter) { return letter == '\n' || letter == '\r' || letter == ' '; });
  if (text.empty() || text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) {
    return std::nullopt;
  }
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

// Relative paths are relative to the file that they stand in.
std::string PathBeside(const std::string& file, const std::string& path) {
  const std::filesystem::path given(path);
  return given.is_absolute() ? path : (std::filesystem::path(file).parent_path() / given).string();
}

// `key` names a file, `key`-data has its content in base64 and goes before it.
absl::StatusOr<Material> MaterialOf(const Entry& entry, const std::string& key) {
  ASSIGN_OR_RETURN(const std::string data, TextOf(entry, (key + "-data").c_str()));
  ASSIGN_OR_RETURN(const std::string file, TextOf(entry, key.c_str()));
  if (data.empty()) {
    return Material{.text = {}, .file = file.empty() ? file : PathBeside(entry.path, file)};
  }
  std::optional<std::string> text = DecodeBase64(data);
  if (!text.has_value()) {
    return Wrong(entry.path, fmt::format("{}-data is not base64", key));
  }
  return Material{.text = *std::move(text), .file = {}};
}

absl::Status TakeCluster(const Entry& cluster, ClusterAccess* access) {
  ASSIGN_OR_RETURN(const std::string server, TextOf(cluster, "server"));
  if (const absl::Status status = ReadServerUrl(server, access); !status.ok()) {
    return Wrong(cluster.path, fmt::format("server: {}", Message(status)));
  }
  ASSIGN_OR_RETURN(access->authorities, MaterialOf(cluster, "certificate-authority"));
  ASSIGN_OR_RETURN(access->server_name, TextOf(cluster, "tls-server-name"));
  ASSIGN_OR_RETURN(const std::string skip, TextOf(cluster, "insecure-skip-tls-verify"));
  if (!skip.empty() && skip != "true" && skip != "false") {
    return Wrong(cluster.path, "insecure-skip-tls-verify must be true or false");
  }
  access->skip_verification = skip == "true";
  ASSIGN_OR_RETURN(const std::string proxy, TextOf(cluster, "proxy-url"));
  if (!proxy.empty()) {
    return Wrong(cluster.path,
                 "proxy-url is not supported; name a server that can be reached directly");
  }
  return absl::OkStatus();
}

absl::Status TakeUser(const Entry& user, ClusterAccess* access) {
  for (const char* const key : {"exec", "auth-provider"}) {
    if (user.value[key].IsDefined() && !user.value[key].IsNull()) {
      return Wrong(user.path,
                   fmt::format("its user gets credentials from a program ({}), which is not "
                               "supported; use a kubeconfig with a token, a tokenFile or a client "
                               "certificate (kubectl create token makes one)",
                               key));
    }
  }
  ASSIGN_OR_RETURN(const std::string name, TextOf(user, "username"));
  if (!name.empty()) {
    return Wrong(user.path, "username and password are not supported; use a token");
  }
  ASSIGN_OR_RETURN(access->token.text, TextOf(user, "token"));
  if (access->token.text.empty()) {
    ASSIGN_OR_RETURN(const std::string file, TextOf(user, "tokenFile"));
    access->token.file = file.empty() ? file : PathBeside(user.path, file);
  }
  ASSIGN_OR_RETURN(access->certificate, MaterialOf(user, "client-certificate"));
  ASSIGN_OR_RETURN(access->key, MaterialOf(user, "client-key"));
  if (access->certificate.empty() != access->key.empty()) {
    return Wrong(user.path, "client-certificate and client-key go together; one is missing");
  }
  return absl::OkStatus();
}

absl::StatusOr<ClusterAccess> TakeContext(const std::vector<Document>& documents) {
  std::string current;
  for (const Document& document : documents) {
    ASSIGN_OR_RETURN(current, TextOf({document.path, document.root}, "current-context"));
    if (!current.empty()) {
      break;
    }
  }
  if (current.empty()) {
    return Wrong(documents.front().path,
                 "it has no current-context; set one (kubectl config use-context)");
  }
  ASSIGN_OR_RETURN(const Entry context, Find(documents, "contexts", "context", current));
  ASSIGN_OR_RETURN(const std::string cluster_name, TextOf(context, "cluster"));
  ASSIGN_OR_RETURN(const std::string user_name, TextOf(context, "user"));
  ASSIGN_OR_RETURN(const Entry cluster, Find(documents, "clusters", "cluster", cluster_name));
  ClusterAccess access;
  RETURN_IF_ERROR(TakeCluster(cluster, &access));
  if (!user_name.empty()) {
    ASSIGN_OR_RETURN(const Entry user, Find(documents, "users", "user", user_name));
    RETURN_IF_ERROR(TakeUser(user, &access));
  }
  access.origin = fmt::format("the context '{}' of {}", OneLine(current), context.path);
  return access;
}

}  // namespace

absl::StatusOr<ClusterAccess> KubeconfigAccess(const std::string& paths) {
  std::vector<Document> documents;
  absl::Status missing = absl::NotFoundError("KUBECONFIG names no file");
  for (const std::string& path : SplitPaths(paths)) {
    absl::StatusOr<Document> document = ReadDocument(path);
    if (absl::IsNotFound(document.status())) {
      missing = document.status();
      continue;
    }
    RETURN_IF_ERROR(document.status());
    documents.push_back(*std::move(document));
  }
  if (documents.empty()) {
    return missing;
  }
  try {
    return TakeContext(documents);
  } catch (const YAML::Exception& error) {
    return Wrong(documents.front().path, error.msg);
  }
}

}  // namespace audio_latency::correlator
