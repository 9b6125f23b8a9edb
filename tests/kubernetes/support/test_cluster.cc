#include "tests/kubernetes/support/test_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

// Of the node of pods that have their own.
constexpr char kHostAddress[] = "10.0.0.1";

}  // namespace

TestCluster::TestCluster(ApiClient* client, std::string namespace_name)
    : client_(client), namespace_(std::move(namespace_name)) {
  Require(client_->Create("/api/v1/namespaces", NamespaceObject(namespace_)));
}

std::string TestCluster::PathOf(const std::string& api_version, const std::string& plural) const {
  return fmt::format("/{}/{}/namespaces/{}/{}", api_version == "v1" ? "api" : "apis", api_version,
                     namespace_, plural);
}

void TestCluster::AddPod(PodSpec spec) const {
  spec.namespace_name = namespace_;
  const std::string pods = PathOf("v1", "pods");
  Require(client_->Create(pods, PodObject(spec)));
  if (!spec.address.empty()) {
    Require(client_->Patch(fmt::format("{}/{}/status", pods, spec.name),
                           RunningStatus(spec, spec.host_network ? spec.address : kHostAddress)));
  }
}

void TestCluster::DeletePod(const std::string& name) const {
  Require(client_->Delete(fmt::format("{}/{}", PathOf("v1", "pods"), name)));
}

Owner TestCluster::AddController(const std::string& api_version, const std::string& kind,
                                 const std::string& name, const std::vector<Owner>& owners) const {
  std::string plural = kind + "s";
  std::transform(plural.begin(), plural.end(), plural.begin(),
                 [](unsigned char letter) { return std::tolower(letter); });
  const nlohmann::json made = Require(client_->Create(
      PathOf(api_version, plural), ControllerObject(api_version, kind, namespace_, name, owners)));
  return {api_version, kind, name, made.at("metadata").at("uid")};
}

std::string TestCluster::AddService(const std::string& name, int port) const {
  const nlohmann::json made = Require(client_->Create(
      PathOf("v1", "services"),
      {{"metadata", {{"name", name}}},
       {"spec",
        {{"ports", {{{"port", port}, {"protocol", "TCP"}}}}, {"selector", {{"app", name}}}}}}));
  return made.at("spec").at("clusterIP");
}

}  // namespace audio_latency::lab
