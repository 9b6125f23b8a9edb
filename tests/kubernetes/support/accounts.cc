#include "tests/kubernetes/support/accounts.h"

#include <fmt/format.h>

#include "common/status/status_macros.h"

namespace audio_latency::lab {
namespace {

constexpr char kRoles[] = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
constexpr char kBindings[] = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
constexpr char kRbac[] = "rbac.authorization.k8s.io";

nlohmann::json RulesOf(const std::vector<AccessRule>& rules) {
  nlohmann::json list = nlohmann::json::array();
  for (const AccessRule& rule : rules) {
    list.push_back(
        {{"apiGroups", {rule.api_group}}, {"resources", {rule.resource}}, {"verbs", rule.verbs}});
  }
  return list;
}

}  // namespace

std::vector<AccessRule> CorrelatorRules() {
  const std::vector<std::string> verbs = {"get", "list", "watch"};
  return {{"", "pods", verbs},
          {"", "services", verbs},
          {"", "nodes", verbs},
          {"apps", "replicasets", verbs},
          {"batch", "jobs", verbs}};
}

absl::StatusOr<ServiceAccount> ServiceAccount::Create(ApiClient* client,
                                                      const std::string& namespace_name,
                                                      const std::string& name,
                                                      const std::vector<AccessRule>& rules) {
  RETURN_IF_ERROR(client
                      ->Create(fmt::format("/api/v1/namespaces/{}/serviceaccounts", namespace_name),
                               {{"metadata", {{"name", name}}}})
                      .status());
  RETURN_IF_ERROR(
      client->Create(kRoles, {{"metadata", {{"name", name}}}, {"rules", RulesOf(rules)}}).status());
  RETURN_IF_ERROR(
      client
          ->Create(kBindings,
                   {{"metadata", {{"name", name}}},
                    {"roleRef", {{"apiGroup", kRbac}, {"kind", "ClusterRole"}, {"name", name}}},
                    {"subjects", nlohmann::json::array({{{"kind", "ServiceAccount"},
                                                         {"name", name},
                                                         {"namespace", namespace_name}}})}})
          .status());
  return ServiceAccount(client, namespace_name, name);
}

absl::StatusOr<ServiceAccount::Token> ServiceAccount::NewToken() const {
  constexpr int kLifeSeconds = 3600;
  const std::string secrets = fmt::format("/api/v1/namespaces/{}/secrets", namespace_);
  ASSIGN_OR_RETURN(const nlohmann::json secret,
                   client_->Create(secrets, {{"metadata", {{"generateName", name_ + "-token-"}}}}));
  const nlohmann::json& metadata = secret.at("metadata");
  ASSIGN_OR_RETURN(const nlohmann::json answer,
                   client_->Create(fmt::format("/api/v1/namespaces/{}/serviceaccounts/{}/token",
                                               namespace_, name_),
                                   {{"apiVersion", "authentication.k8s.io/v1"},
                                    {"kind", "TokenRequest"},
                                    {"spec",
                                     {{"audiences", nlohmann::json::array()},
                                      {"expirationSeconds", kLifeSeconds},
                                      {"boundObjectRef",
                                       {{"apiVersion", "v1"},
                                        {"kind", "Secret"},
                                        {"name", metadata.at("name")},
                                        {"uid", metadata.at("uid")}}}}}}));
  return Token{answer.at("status").at("token"), metadata.at("name")};
}

absl::Status ServiceAccount::Revoke(const Token& token) const {
  return client_->Delete(fmt::format("/api/v1/namespaces/{}/secrets/{}", namespace_, token.secret));
}

absl::Status ServiceAccount::SetRules(const std::vector<AccessRule>& rules) const {
  return client_->Patch(fmt::format("{}/{}", kRoles, name_), {{"rules", RulesOf(rules)}}).status();
}

}  // namespace audio_latency::lab
