#include "correlator/kubernetes/cluster_access.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::correlator {
namespace {

using Catch::Matchers::Contains;
using Environment = std::map<std::string, std::string>;
using lab::ScratchFolder;

constexpr char kGood[] = R"(apiVersion: v1
kind: Config
preferences: {}
current-context: voice
contexts:
- name: other
  context: {cluster: none, user: none}
- name: voice
  context: {cluster: east, user: reader, namespace: ignored}
clusters:
- name: east
  cluster:
    server: https://10.1.2.3:6443/prefix/
    certificate-authority-data: Y2VydGlmaWNhdGU=
    tls-server-name: kubernetes.default.svc
users:
- name: reader
  user:
    token: "secret "
)";

std::string Replaced(std::string text, const std::string& what, const std::string& by) {
  const size_t place = text.find(what);
  REQUIRE(place != std::string::npos);
  return text.replace(place, what.size(), by);
}

std::string ErrorOf(const std::string& text) {
  const ScratchFolder folder;
  const std::string path = folder.Write("config", text);
  const auto access = KubeconfigAccess(path);
  REQUIRE_FALSE(access.ok());
  const std::string message = Message(access.status());
  CHECK_THAT(message, Contains(path));
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.find("secret") == std::string::npos);
  return message;
}

TEST_CASE("A kubeconfig's current context tells server, authority and token") {
  const ScratchFolder folder;
  const auto access = KubeconfigAccess(folder.Write("config", kGood));
  REQUIRE(access.ok());
  CHECK(access->host == "10.1.2.3");
  CHECK(access->port == 6443);
  CHECK(access->path_prefix == "/prefix");
  CHECK(access->is_tls);
  CHECK(access->server_name == "kubernetes.default.svc");
  CHECK_FALSE(access->skip_verification);
  CHECK(access->authorities.text == "certificate");
  CHECK(*access->token.Load() == "secret");
  CHECK(access->certificate.empty());
  CHECK_THAT(access->origin, Contains("voice"));
}

TEST_CASE("Files that a kubeconfig names are beside it, and are read when they are needed") {
  const ScratchFolder folder;
  std::string text = Replaced(
      kGood, "certificate-authority-data: Y2VydGlmaWNhdGU=", "certificate-authority: ca.crt");
  text = Replaced(text, "token: \"secret \"",
                  "tokenFile: token\n    client-certificate: /abs/me.crt\n    client-key: me.key");
  const auto access = KubeconfigAccess(folder.Write("config", text));
  REQUIRE(access.ok());
  CHECK(access->authorities.file == folder.path() + "/ca.crt");
  CHECK(access->certificate.file == "/abs/me.crt");
  CHECK(access->key.file == folder.path() + "/me.key");
  CHECK_FALSE(access->token.Load().ok());
  folder.Write("token", "first\n");
  CHECK(*access->token.Load() == "first");
  folder.Write("token", "second");
  CHECK(*access->token.Load() == "second");
  folder.Write("token", "\n");
  CHECK_FALSE(access->token.Load().ok());
}

TEST_CASE("Several kubeconfigs are one; the first that says a thing goes") {
  const ScratchFolder folder;
  const std::string first = folder.Write("first", "current-context: voice\n");
  const std::string second =
      folder.Write("second", Replaced(kGood, "current-context: voice", "current-context: other"));
  const auto access = KubeconfigAccess(folder.path() + "/none:" + first + "::" + second);
  REQUIRE(access.ok());
  CHECK(access->host == "10.1.2.3");
  CHECK_FALSE(KubeconfigAccess(folder.path() + "/none").ok());
  CHECK_FALSE(KubeconfigAccess(":").ok());
}

TEST_CASE("What a kubeconfig lacks or has wrong is said in one line, secrets left out") {
  CHECK_THAT(ErrorOf(Replaced(kGood, "current-context: voice", "x: y")),
             Contains("current-context"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "current-context: voice", "current-context: west")),
             Contains("no context 'west'"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "name: east", "name: west")), Contains("no cluster 'east'"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "name: reader", "name: writer")),
             Contains("no user 'reader'"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "https://10.1.2.3:6443/prefix/", "10.1.2.3")),
             Contains("https://HOST"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "Y2VydGlmaWNhdGU=", "Y2V!")), Contains("base64"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "token: \"secret \"",
                              "exec: {apiVersion: v1, command: aws-iam-authenticator}")),
             Contains("exec") && Contains("not supported"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "token: \"secret \"", "auth-provider: {name: gcp}")),
             Contains("not supported"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "token: \"secret \"", "username: me\n    password: secret")),
             Contains("not supported"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "token: \"secret \"", "token: [secret]")),
             Contains("plain text"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "token: \"secret \"", "client-key-data: YQ==")),
             Contains("go together"));
  CHECK_THAT(ErrorOf(Replaced(kGood, "tls-server-name: ", "proxy-url: http://p\n    a: ")),
             Contains("proxy-url"));
  CHECK_THAT(
      ErrorOf(Replaced(kGood, "tls-server-name: ", "insecure-skip-tls-verify: perhaps\n    a: ")),
      Contains("true or false"));
  CHECK_THAT(ErrorOf("\t: ["), Contains(":1"));
  CHECK_THAT(ErrorOf("- a\n"), Contains("no kubeconfig"));
  ErrorOf("");
  ErrorOf("current-context: voice\ncontexts: 7\n");
  ErrorOf("current-context: voice\ncontexts: [7, {name: [a]}, {name: voice, context: 7}]\n");
  ErrorOf(std::string(100'000, '['));
}

TEST_CASE("A server's address is https with a host and maybe a port") {
  ClusterAccess access;
  REQUIRE(ReadServerUrl("https://[fd00::1]:6443", &access).ok());
  CHECK(access.host == "fd00::1");
  CHECK(access.port == 6443);
  REQUIRE(ReadServerUrl("https://api.example", &access).ok());
  CHECK(access.host == "api.example");
  CHECK(access.port == 443);
  REQUIRE(ReadServerUrl("https://[fd00::1]", &access).ok());
  CHECK(access.port == 443);
  REQUIRE(ReadServerUrl("http://localhost:8001", &access).ok());
  CHECK_FALSE(access.is_tls);
  for (const char* const wrong : {"", "10.0.0.1", "https://", "https://host:0", "https://host:x",
                                  "ftp://host", "https://a b", "https://a?b", "https://me@host"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ReadServerUrl(wrong, &access).ok());
  }
}

TEST_CASE("A pod finds its cluster in its environment and its service account") {
  const ScratchFolder folder;
  const Environment pod = {{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                           {"KUBERNETES_SERVICE_PORT", "443"}};
  std::vector<std::string> warnings;
  const auto find = [&](const std::string& mode, const std::string& kubeconfig,
                        const Environment& environment) {
    warnings.clear();
    return FindCluster({.mode = mode, .kubeconfig = kubeconfig}, environment, &warnings,
                       folder.path());
  };
  SECTION("with a token") {
    folder.Write("token", "secret\n");
    for (const char* const mode : {"auto", "true"}) {
      const auto found = find(mode, "", pod);
      REQUIRE(found.ok());
      REQUIRE(found->has_value());
      CHECK((*found)->server == "https://[fd00::1]:443");
      CHECK((*found)->authorities.file == folder.path() + "/ca.crt");
      CHECK(*(*found)->token.Load() == "secret");
      CHECK(warnings.empty());
    }
    CHECK_FALSE(find("false", "", pod)->has_value());
    // A kubeconfig that is named goes before.
    CHECK((*find("auto", folder.Write("config", kGood), pod))->host == "10.1.2.3");
  }
  SECTION("without a token") {
    const auto found = find("auto", "", pod);
    REQUIRE(found.ok());
    CHECK_FALSE(found->has_value());
    REQUIRE(warnings.size() == 1);
    CHECK_THAT(warnings[0], Contains("K8S_ENABLED=false"));
    CHECK_THAT(Message(find("true", "", pod).status()), Contains("automountServiceAccountToken"));
  }
  SECTION("elsewhere") {
    CHECK_FALSE(find("auto", "", {})->has_value());
    CHECK_THAT(Message(find("true", "", {}).status()), Contains("KUBECONFIG"));
    CHECK_THAT(Message(find("auto", folder.path() + "/none", {}).status()),
               Contains("KUBECONFIG") && Contains("/none"));
    CHECK(find("false", folder.path() + "/none", {}).ok());
  }
}

}  // namespace
}  // namespace audio_latency::correlator
