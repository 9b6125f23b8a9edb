#include "tests/kubernetes/api_server/api_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"
#include "tests/kubernetes/api_server/free_port.h"
#include "tests/unit/common/tls/test_authority.h"

namespace audio_latency::lab {
namespace {

// On a machine that is busy with builds, too.
constexpr std::chrono::seconds kStartPatience(90);
constexpr char kEtcdAddress[] = "127.0.0.1";
// Anything: both are only ever seen by this server.
constexpr char kAdminToken[] = "test-administrator";
constexpr char kServiceAddresses[] = "10.96.0.0/16";
// Most objects in one transaction of etcd.
constexpr size_t kMostPutsAtOnce = 500;

std::string Base64(const std::string& text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  encoded.resize(static_cast<size_t>(size));
  return encoded;
}

// Until `attempt` gives OK; its last error when that takes too long or the program has ended.
template <typename Attempt>
absl::Status WaitFor(const Attempt& attempt, Process* process, const std::string& log_path) {
  const auto end = std::chrono::steady_clock::now() + kStartPatience;
  for (;;) {
    const absl::Status status = attempt();
    if (status.ok()) {
      return status;
    }
    const bool has_ended = !process->IsRunning();
    if (has_ended || std::chrono::steady_clock::now() > end) {
      const std::string log = ReadFile(log_path);
      return absl::UnavailableError(fmt::format(
          "{} {}: {}; its log ends with: {}", log_path, has_ended ? "has ended" : "is not ready",
          Message(status), log.substr(log.size() - std::min<size_t>(log.size(), 2000))));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

absl::StatusOr<std::string> FindApiServerProgram() {
  ProcessOptions options;
  options.arguments = {AUDIO_LATENCY_API_SERVER_BUILD, "--cached"};
  // Where the cache is.
  const char* const cache = getenv("XDG_CACHE_HOME");
  const char* const home = getenv("HOME");
  options.environment = {{"XDG_CACHE_HOME", cache != nullptr && *cache != '\0' ? cache
                                            : home != nullptr ? std::string(home) + "/.cache"
                                                              : "/root/.cache"}};
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  if (result.exit_status != 0) {
    return absl::NotFoundError(result.error.substr(0, result.error.find('\n')));
  }
  return result.output.substr(0, result.output.find('\n'));
}

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(const ApiServerOptions& options) {
  std::unique_ptr<ApiServer> server(new ApiServer(options));
  ASSIGN_OR_RETURN(server->program_, FindApiServerProgram());
  ASSIGN_OR_RETURN(server->etcd_port_, FreePort(options.network, kEtcdAddress));
  ASSIGN_OR_RETURN(server->etcd_peer_port_, FreePort(options.network, kEtcdAddress));
  server->admin_.port = options.port;
  if (options.port == 0) {
    ASSIGN_OR_RETURN(server->admin_.port, FreePort(options.network, options.address));
  }
  RETURN_IF_ERROR(server->WriteFiles());
  ASSIGN_OR_RETURN(server->client_, ApiClient::Create(server->admin_));
  RETURN_IF_ERROR(server->StartEtcd());
  RETURN_IF_ERROR(server->StartAgain());
  return server;
}

absl::Status ApiServer::WriteFiles() {
  const TestAuthority authority("audio-latency test cluster");
  const IssuedCertificate certificate = authority.Issue(
      {.common_name = "kube-apiserver",
       .alternative_names = fmt::format(
           "DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1{}",
           options_.address == "127.0.0.1" ? "" : fmt::format(",IP:{}", options_.address)),
       .ends_s = 24 * 3600});
  admin_.host = options_.address;
  admin_.ca_path = folder_.Write("ca.pem", authority.certificate_pem());
  admin_.token = kAdminToken;
  folder_.Write("server.pem", certificate.certificate_pem);
  folder_.Write("server-key.pem", certificate.key_pem);
  // What ServiceAccounts' tokens are signed with.
  const IssuedCertificate signer = authority.Issue({.common_name = "service-accounts"});
  folder_.Write("service-accounts.pem", signer.certificate_pem);
  folder_.Write("service-accounts-key.pem", signer.key_pem);
  folder_.Write("tokens.csv", fmt::format("{},admin,admin,system:masters\n", kAdminToken));
  return absl::OkStatus();
}

ApiAccess ApiServer::AccessWith(const std::string& token) const {
  ApiAccess access = admin_;
  access.token = token;
  return access;
}

absl::Status ApiServer::StartEtcd() {
  const std::string& folder = folder_.path();
  const std::string client_url = fmt::format("http://{}:{}", kEtcdAddress, etcd_port_);
  const std::string peer_url = fmt::format("http://{}:{}", kEtcdAddress, etcd_peer_port_);
  ProcessOptions options;
  options.network = options_.network;
  options.log_path = folder + "/etcd.log";
  options.arguments = {
      "etcd", "--name=test", "--data-dir=" + folder + "/etcd", "--listen-client-urls=" + client_url,
      "--advertise-client-urls=" + client_url, "--listen-peer-urls=" + peer_url,
      "--initial-advertise-peer-urls=" + peer_url, "--initial-cluster=test=" + peer_url,
      // Thousands of objects are put at once.
      "--max-txn-ops=10000", "--max-request-bytes=67108864", "--logger=zap"};
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  etcd_ = std::make_unique<Process>(std::move(process));
  return WaitFor(
      [this] {
        return AskEtcd("/v3/kv/range", {{"key", Base64("none")}}).status();
      },
      etcd_.get(), options.log_path);
}

absl::Status ApiServer::StartAgain() {
  const std::string& folder = folder_.path();
  const auto file = [&folder](const char* name) { return folder + "/" + name; };
  ProcessOptions options;
  options.network = options_.network;
  options.log_path = file("kube-apiserver.log");
  options.arguments = {
      program_,
      fmt::format("--etcd-servers=http://{}:{}", kEtcdAddress, etcd_port_),
      "--bind-address=" + options_.address,
      "--advertise-address=" + options_.address,
      fmt::format("--secure-port={}", admin_.port),
      // The Service "kubernetes" stays without endpoints: nothing here goes through it.
      "--endpoint-reconciler-type=none",
      "--tls-cert-file=" + file("server.pem"),
      "--tls-private-key-file=" + file("server-key.pem"),
      "--service-account-issuer=https://kubernetes.default.svc",
      "--service-account-signing-key-file=" + file("service-accounts-key.pem"),
      "--service-account-key-file=" + file("service-accounts.pem"),
      "--token-auth-file=" + file("tokens.csv"),
      "--authorization-mode=Node,RBAC",
      fmt::format("--service-cluster-ip-range={}", kServiceAddresses),
      // Nobody makes each namespace's default account.
      "--disable-admission-plugins=ServiceAccount",
      "--allow-privileged=true",
      "--profiling=false",
  };
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  server_ = std::make_unique<Process>(std::move(process));
  return WaitFor([this] { return client_->GetText("/readyz").status(); }, server_.get(),
                 options.log_path);
}

void ApiServer::Stop(bool at_once) {
  if (server_ != nullptr && at_once) {
    server_->Signal(SIGKILL);
  }
  server_.reset();
}

absl::Status ApiServer::RestartWithoutHistory() {
  Stop();
  ASSIGN_OR_RETURN(const nlohmann::json now, AskEtcd("/v3/kv/range", {{"key", Base64("none")}}));
  RETURN_IF_ERROR(AskEtcd("/v3/kv/compaction",
                          {{"revision", now.at("header").at("revision")}, {"physical", true}})
                      .status());
  return StartAgain();
}

absl::StatusOr<nlohmann::json> ApiServer::AskEtcd(const std::string& path,
                                                  const nlohmann::json& body) {
  nlohmann::json answer;
  const auto ask = [&]() -> absl::Status {
    httplib::Client client(kEtcdAddress, etcd_port_);
    client.set_read_timeout(60);
    client.set_write_timeout(60);
    const httplib::Result result = client.Post(path.c_str(), body.dump(), "application/json");
    if (!result) {
      return absl::UnavailableError(
          fmt::format("etcd {}: {}", path, httplib::to_string(result.error())));
    }
    answer = nlohmann::json::parse(result->body, nullptr, /*allow_exceptions=*/false);
    if (result->status != 200 || answer.is_discarded()) {
      return absl::InternalError(fmt::format("etcd {}: {} {}", path, result->status, result->body));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(options_.network == nullptr ? ask() : options_.network->RunInside(ask));
  return answer;
}

absl::Status ApiServer::PutStored(
    const std::vector<std::pair<std::string, nlohmann::json>>& objects) {
  for (size_t begin = 0; begin < objects.size(); begin += kMostPutsAtOnce) {
    nlohmann::json puts = nlohmann::json::array();
    const size_t end = std::min(begin + kMostPutsAtOnce, objects.size());
    for (size_t i = begin; i < end; ++i) {
      puts.push_back({{"requestPut",
                       {{"key", Base64("/registry/" + objects[i].first)},
                        {"value", Base64(objects[i].second.dump())}}}});
    }
    RETURN_IF_ERROR(AskEtcd("/v3/kv/txn", {{"success", std::move(puts)}}).status());
  }
  return absl::OkStatus();
}

absl::Status ApiServer::DeleteStored(const std::string& key) {
  return AskEtcd("/v3/kv/deleterange", {{"key", Base64("/registry/" + key)}}).status();
}

std::string ApiServer::Logs() const {
  return fmt::format("etcd: {}\nkube-apiserver: {}", ReadFile(folder_.path() + "/etcd.log"),
                     ReadFile(folder_.path() + "/kube-apiserver.log"));
}

}  // namespace audio_latency::lab
