#include "probe/containers/kubelet_client.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>

#include "common/status/status_macros.h"
#include "tests/unit/common/tls/test_authority.h"
#include "tests/unit/probe/containers/test_kubelet.h"

namespace audio_latency::probe {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

using Pods = std::map<std::string, PodName>;

absl::Status Ask(const KubeletOptions& options, Pods* pods) {
  ASSIGN_OR_RETURN(const std::unique_ptr<KubeletClient> client, KubeletClient::Create(options));
  return client->ForEachPod(
      [&](std::string uid, PodName name) { pods->emplace(std::move(uid), std::move(name)); });
}

TEST_CASE("the kubelet's pods are read, and nothing that only looks like one") {
  TestKubelet kubelet;
  kubelet.Answer(200, R"({"kind":"PodList","apiVersion":"v1","metadata":{"uid":"list"},"items":[
    {"metadata":{"name":"ingress-0","namespace":"voice","uid":"u1",
      "labels":{"uid":"label","name":"label"},
      "ownerReferences":[{"name":"owner","uid":"owner"}]},
     "spec":{"containers":[{"name":"c","env":[{"name":"uid","value":"x"}]}]},
     "status":{"podIPs":[{"ip":"10.0.0.1"}],"big":1e300,"n":null,"t":true}},
    {"metadata":{"name":"no uid"}},
    {"metadata":{"namespace":"kube-system","uid":"9f86d081884c7d659a2feaa0c55ad015",
      "name":"etcd-a"}},
    {"status":{"metadata":{"name":"deeper","uid":"deeper"}}}
  ]})");
  Pods pods;
  const absl::Status asked = Ask(kubelet.Options(), &pods);
  INFO(Message(asked));
  REQUIRE(asked.ok());
  CHECK(pods == Pods{{"u1", {"voice", "ingress-0"}},
                     {"9f86d081884c7d659a2feaa0c55ad015", {"kube-system", "etcd-a"}}});
  CHECK(kubelet.authorization() == "Bearer first-token");

  // Renewed: read anew.
  kubelet.Write("token", "second-token");
  CHECK(Ask(kubelet.Options(), &pods).ok());
  CHECK(kubelet.authorization() == "Bearer second-token");
}

TEST_CASE("what the kubelet refuses, and what is wrong with it, is said with what to do") {
  TestKubelet kubelet;
  Pods pods;
  kubelet.Answer(401, "Unauthorized");
  CHECK(absl::IsUnauthenticated(Ask(kubelet.Options(), &pods)));
  kubelet.Answer(403, "Forbidden");
  const absl::Status forbidden = Ask(kubelet.Options(), &pods);
  CHECK(absl::IsPermissionDenied(forbidden));
  CHECK_THAT(Message(forbidden), Contains("nodes/proxy"));
  kubelet.Answer(500, "");
  CHECK(absl::IsUnavailable(Ask(kubelet.Options(), &pods)));
  for (const char* body : {"", "no JSON", "{", "{}", "[]", R"({"kind":"NodeList","items":[]})",
                           R"({"items":[{"metadata":)", "{\"items\":[\"\xff\"]}"}) {
    INFO(body);
    kubelet.Answer(200, body);
    CHECK(absl::IsInvalidArgument(Ask(kubelet.Options(), &pods)));
  }
  kubelet.Answer(200, std::string(1'000'000, '['));
  CHECK(absl::IsInvalidArgument(Ask(kubelet.Options(), &pods)));
  CHECK(pods.empty());
  kubelet.Answer(200, R"({"items":[])" + std::string(KubeletClient::kMostBytes, ' ') + "}");
  CHECK(absl::IsResourceExhausted(Ask(kubelet.Options(), &pods)));
}

TEST_CASE("a kubelet that is not the one it should be gets no token") {
  TestKubelet kubelet;
  kubelet.Answer(200, R"({"items":[]})");
  kubelet.Write("other.crt", TestAuthority("another").certificate_pem());
  KubeletOptions options = kubelet.Options();
  options.ca_file = kubelet.File("other.crt");
  Pods pods;
  const absl::Status untrusted = Ask(options, &pods);
  CHECK(absl::IsUnavailable(untrusted));
  CHECK_THAT(Message(untrusted), Contains("KUBELET_CA_FILE") && Contains("KUBELET_INSECURE"));
  CHECK_THAT(kubelet.authorization(), Equals(""));
  options.is_insecure = true;
  CHECK(Ask(options, &pods).ok());

  options = kubelet.Options();
  options.ca_file = "/does/not/exist";
  CHECK_THAT(Message(Ask(options, &pods)), Contains("/does/not/exist"));
  options = kubelet.Options();
  options.token_file = "/does/not/exist";
  CHECK_THAT(Message(Ask(options, &pods)), Contains("KUBELET_TOKEN_FILE"));
  kubelet.Write("token", "two\nlines");
  CHECK(absl::IsFailedPrecondition(Ask(kubelet.Options(), &pods)));
  options = kubelet.Options();
  options.address = "127.0.0.1";
  CHECK(absl::IsInvalidArgument(Ask(options, &pods)));
}

TEST_CASE("a kubelet that is not there is an error, not a wait") {
  KubeletOptions options;
  {
    TestKubelet gone;
    options = gone.Options();
    options.is_insecure = true;
    options.token_file = "/proc/self/comm";
  }
  Pods pods;
  const absl::Status asked = Ask(options, &pods);
  CHECK(absl::IsUnavailable(asked));
  CHECK_THAT(Message(asked), Contains("KUBELET_ADDRESS"));
}

}  // namespace
}  // namespace audio_latency::probe
