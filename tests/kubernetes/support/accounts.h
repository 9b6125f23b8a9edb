// ServiceAccounts with a role of their own and tokens that can be revoked.

#ifndef TESTS_KUBERNETES_SUPPORT_ACCOUNTS_H_
#define TESTS_KUBERNETES_SUPPORT_ACCOUNTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/kubernetes/api_server/api_client.h"

namespace audio_latency::lab {

// One rule of a ClusterRole.
struct AccessRule {
  std::string api_group;  // "" for pods
  std::string resource;
  std::vector<std::string> verbs;
};

// What the correlator needs.
std::vector<AccessRule> CorrelatorRules();

class ServiceAccount {
 public:
  // With a ClusterRole and a ClusterRoleBinding of the same name. `client` must outlive it.
  static absl::StatusOr<ServiceAccount> Create(ApiClient* client, const std::string& namespace_name,
                                               const std::string& name,
                                               const std::vector<AccessRule>& rules);

  struct Token {
    std::string text;
    // The Secret that it lives as long as.
    std::string secret;
  };
  // Of the API (TokenRequest), for an hour.
  absl::StatusOr<Token> NewToken() const;
  // From now on (some seconds later, by the server's memory) it is refused with 401.
  absl::Status Revoke(const Token& token) const;
  // Another set of rights, from now on.
  absl::Status SetRules(const std::vector<AccessRule>& rules) const;

 private:
  ServiceAccount(ApiClient* client, std::string namespace_name, std::string name)
      : client_(client), namespace_(std::move(namespace_name)), name_(std::move(name)) {}

  ApiClient* client_;
  std::string namespace_;
  std::string name_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_SUPPORT_ACCOUNTS_H_
