// A real Kubernetes API server for tests: etcd and kube-apiserver, processes of our own.

#ifndef TESTS_KUBERNETES_API_SERVER_API_SERVER_H_
#define TESTS_KUBERNETES_API_SERVER_API_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/kubernetes/api_server/api_client.h"
#include "tests/lab/network_namespace.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {

// The kube-apiserver that build.sh left in the cache; NOT_FOUND, with what to type, where there is
// none.
absl::StatusOr<std::string> FindApiServerProgram();

struct ApiServerOptions {
  // Where both listen; null: the caller's network. Must outlive the server.
  const NetworkNamespace* network = nullptr;
  // Of kube-apiserver, in that network; etcd is always on its loopback.
  std::string address = "127.0.0.1";
  // 0: ports that are free.
  uint16_t port = 0;
};

// No controllers, scheduler or kubelets: pods get what the test gives them. RBAC is enforced,
// ServiceAccounts have real tokens (TokenRequest). Everything is in a folder of its own and on
// ports of its own; the destructor ends both processes and removes the folder. Not thread-safe.
class ApiServer {
 public:
  // Returns when the server says that it is ready.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(const ApiServerOptions& options = {});
  // kube-apiserver ends first, then etcd.
  ~ApiServer() = default;

  // As cluster-admin.
  const ApiAccess& admin() const { return admin_; }
  ApiClient* client() const { return client_.get(); }
  // Of one who has `token`.
  ApiAccess AccessWith(const std::string& token) const;

  // kube-apiserver alone; etcd keeps the objects. SIGTERM, or SIGKILL: as a machine that is gone.
  void Stop(bool at_once = false);
  // On the same port, with the same keys; returns when it is ready.
  absl::Status StartAgain();
  // So that a watch can go on from no resourceVersion before now: kube-apiserver's memory of
  // changes goes with the restart, etcd's by compaction.
  absl::Status RestartWithoutHistory();

  // Puts objects where kube-apiserver keeps them, as if each had been created: thousands in a
  // second. The key is as in etcd: "pods/voice/ingress-1". `objects` are complete (uid,
  // creationTimestamp) and nothing checks them.
  absl::Status PutStored(const std::vector<std::pair<std::string, nlohmann::json>>& objects);
  // Takes one away, as if it had been deleted.
  absl::Status DeleteStored(const std::string& key);

  // Of both programs, for messages.
  std::string Logs() const;
  // Of kube-apiserver; 0 while it is stopped.
  pid_t pid() const { return server_ == nullptr ? 0 : server_->pid(); }

 private:
  explicit ApiServer(const ApiServerOptions& options) : options_(options) {}

  absl::Status WriteFiles();
  absl::Status StartEtcd();
  // The answer to a request of etcd's JSON gateway: "/v3/kv/txn".
  absl::StatusOr<nlohmann::json> AskEtcd(const std::string& path, const nlohmann::json& body);

  const ApiServerOptions options_;
  const ScratchFolder folder_;
  std::string program_;
  uint16_t etcd_port_ = 0;
  uint16_t etcd_peer_port_ = 0;
  ApiAccess admin_;
  std::unique_ptr<ApiClient> client_;
  std::unique_ptr<Process> etcd_;
  std::unique_ptr<Process> server_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_API_SERVER_API_SERVER_H_
