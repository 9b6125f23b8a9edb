#include "tests/kubernetes/api_server/api_access.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <filesystem>
#include <fstream>

#include "common/status/status_macros.h"
#include "nlohmann/json.hpp"

namespace audio_latency::lab {
namespace {

std::string DecodeBase64(const std::string& text) {
  std::string decoded(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) {
    return "";
  }
  // EVP_DecodeBlock counts what stands for the padding.
  const size_t padding = text.size() - (text.find_last_not_of('=') + 1);
  decoded.resize(static_cast<size_t>(size) - padding);
  return decoded;
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  if (chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || !(file << text) || !file.flush()) {
    return absl::InternalError(fmt::format("writing {} failed", path));
  }
  return absl::OkStatus();
}

// "name" may stand in the node as a path or, with "-data" behind it, in itself.
absl::StatusOr<std::string> FileOf(const YAML::Node& node, const std::string& name,
                                   const std::string& kubeconfig, const std::string& folder) {
  if (const YAML::Node data = node[name + "-data"]) {
    const std::string path = fmt::format("{}/{}.pem", folder, name);
    RETURN_IF_ERROR(WriteFile(path, DecodeBase64(data.as<std::string>())));
    return path;
  }
  if (const YAML::Node path = node[name]) {
    return (std::filesystem::path(kubeconfig).parent_path() / path.as<std::string>()).string();
  }
  return std::string();
}

YAML::Node Named(const YAML::Node& list, const std::string& name, const std::string& kind) {
  for (const YAML::Node& entry : list) {
    if (entry["name"].as<std::string>("") == name) {
      return entry[kind];
    }
  }
  return {};
}

absl::StatusOr<ApiAccess> AccessOf(const YAML::Node& root, const std::string& path,
                                   const std::string& folder) {
  const auto invalid = [&path](const std::string& reason) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, reason));
  };
  const YAML::Node context =
      Named(root["contexts"], root["current-context"].as<std::string>(""), "context");
  if (!context.IsDefined() || !context.IsMap()) {
    return invalid("has no current context; set one with kubectl config use-context");
  }
  const YAML::Node cluster =
      Named(root["clusters"], context["cluster"].as<std::string>(""), "cluster");
  const YAML::Node user = Named(root["users"], context["user"].as<std::string>(""), "user");
  if (!cluster.IsMap() || !user.IsMap()) {
    return invalid("its current context names a cluster or a user that is not there");
  }
  if (user["exec"] || user["auth-provider"]) {
    return invalid(
        "its user needs a plugin; make one with a token: kubectl create token NAME, then kubectl "
        "config set-credentials");
  }
  ApiAccess access;
  const std::string server = cluster["server"].as<std::string>("");
  constexpr char kScheme[] = "https://";
  if (server.rfind(kScheme, 0) != 0) {
    return invalid(fmt::format("the server '{}' is not https://HOST:PORT", server));
  }
  access.host = server.substr(sizeof(kScheme) - 1);
  access.host = access.host.substr(0, access.host.find('/'));
  access.port = 443;
  if (const size_t colon = access.host.rfind(':'); colon != std::string::npos) {
    const std::string port = access.host.substr(colon + 1);
    if (std::from_chars(port.data(), port.data() + port.size(), access.port).ec != std::errc()) {
      return invalid(fmt::format("the server '{}' has no port that is a number", server));
    }
    access.host.resize(colon);
  }
  ASSIGN_OR_RETURN(access.ca_path, FileOf(cluster, "certificate-authority", path, folder));
  ASSIGN_OR_RETURN(access.certificate_path, FileOf(user, "client-certificate", path, folder));
  ASSIGN_OR_RETURN(access.key_path, FileOf(user, "client-key", path, folder));
  access.token = user["token"].as<std::string>("");
  return access;
}

}  // namespace

std::string ApiAccess::url() const { return fmt::format("https://{}:{}", host, port); }

absl::StatusOr<ApiAccess> ReadKubeconfig(const std::string& path, const std::string& folder) {
  try {
    return AccessOf(YAML::LoadFile(path), path, folder);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, error.what()));
  }
}

absl::Status WriteKubeconfig(const ApiAccess& access, const std::string& path) {
  const nlohmann::json user = access.token.empty()
                                  ? nlohmann::json{{"client-certificate", access.certificate_path},
                                                   {"client-key", access.key_path}}
                                  : nlohmann::json{{"token", access.token}};
  // JSON is YAML.
  const nlohmann::json config = {
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"current-context", "test"},
      {"clusters",
       {{{"name", "test"},
         {"cluster", {{"server", access.url()}, {"certificate-authority", access.ca_path}}}}}},
      {"users", {{{"name", "test"}, {"user", user}}}},
      {"contexts", {{{"name", "test"}, {"context", {{"cluster", "test"}, {"user", "test"}}}}}}};
  return WriteFile(path, config.dump(2) + "\n");
}

}  // namespace audio_latency::lab
