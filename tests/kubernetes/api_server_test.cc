// The API server that the other tests rely on is a real one: it keeps objects, enforces RBAC,
// makes tokens, and leaves nothing behind.

#include "tests/kubernetes/api_server/api_server.h"

#include <signal.h>

#include <set>
#include <string>

#include "tests/kubernetes/support/accounts.h"
#include "tests/kubernetes/support/objects.h"
#include "tests/lab/lab_test.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr char kPods[] = "/api/v1/namespaces/voice/pods";

TEST_CASE("the API server keeps objects, also across a restart and without its history") {
  const auto server = Require(ApiServer::Start());
  ApiClient& client = *server->client();
  CHECK(Require(client.Get("/version")).at("gitVersion") == "v1.20.2");
  Require(client.Create("/api/v1/namespaces", NamespaceObject("voice")));
  const PodSpec pod = {.name = "ingress-1", .address = "10.244.0.5"};
  Require(client.Create(kPods, PodObject(pod)));
  Require(client.Patch(std::string(kPods) + "/ingress-1/status", RunningStatus(pod, "10.0.0.1")));

  // As it is written past the server.
  nlohmann::json stored = PodObject({.name = "egress-1", .address = "10.244.0.6"});
  stored["metadata"]["uid"] = "00000000-0000-4000-8000-000000000001";
  stored["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
  Require(server->PutStored({{"pods/voice/egress-1", stored}}));
  const auto names = [&client] {
    std::set<std::string> found;
    const nlohmann::json pods = Require(client.Get(kPods));
    for (const nlohmann::json& item : pods.at("items")) {
      found.insert(item.at("metadata").at("name"));
    }
    return found;
  };
  CHECK(names() == std::set<std::string>{"egress-1", "ingress-1"});

  server->Stop();
  CHECK(client.GetText("/readyz").status().code() == absl::StatusCode::kUnavailable);
  Require(server->RestartWithoutHistory());
  CHECK(Require(client.Get(std::string(kPods) + "/ingress-1")).at("status").at("podIP") ==
        "10.244.0.5");
  // Events of that time can no longer be had.
  const auto watch =
      client.GetText(std::string(kPods) + "?watch=1&resourceVersion=1&timeoutSeconds=1");
  INFO((watch.ok() ? *watch : Message(watch.status())));
  CHECK(((watch.ok() && watch->find("\"code\":410") != std::string::npos) ||
         Message(watch.status()).find(" 410 ") != std::string::npos));
  Require(client.Delete(std::string(kPods) + "/ingress-1"));
  CHECK(names() == std::set<std::string>{"egress-1"});
}

TEST_CASE("ServiceAccounts have tokens with the rights of their roles, until they are revoked") {
  const auto server = Require(ApiServer::Start());
  Require(server->client()->Create("/api/v1/namespaces", NamespaceObject("voice")));
  const ServiceAccount account = Require(
      ServiceAccount::Create(server->client(), "voice", "reader", {{"", "pods", {"get", "list"}}}));
  const ServiceAccount::Token token = Require(account.NewToken());
  const auto client = Require(ApiClient::Create(server->AccessWith(token.text)));
  Require(client->Get("/api/v1/pods"));
  CHECK(absl::IsPermissionDenied(client->Get("/api/v1/secrets").status()));
  CHECK(absl::IsPermissionDenied(client->Create(kPods, PodObject({.name = "no"})).status()));
  const auto stranger = Require(ApiClient::Create(server->AccessWith("no-such-token")));
  CHECK(absl::IsUnauthenticated(stranger->Get("/api/v1/pods").status()));

  Require(account.Revoke(token));
  // The server remembers for some seconds that a token was good.
  CHECK(Eventually([&] { return absl::IsUnauthenticated(client->Get("/api/v1/pods").status()); }));
}

TEST_CASE("both programs end with the object, and their files go") {
  pid_t pid = 0;
  {
    const auto server = Require(ApiServer::Start());
    pid = server->pid();
    CHECK(kill(pid, 0) == 0);
  }
  CHECK(kill(pid, 0) != 0);
}

}  // namespace
}  // namespace audio_latency::lab
