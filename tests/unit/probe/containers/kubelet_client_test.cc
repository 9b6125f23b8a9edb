#include "probe/containers/kubelet_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "tests/support/eventually.h"
#include "tests/unit/common/tls/test_authority.h"
#include "tests/unit/probe/containers/test_kubelet.h"

namespace audio_latency::probe {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

using Pods = std::map<std::string, PodName>;

absl::Status Ask(KubeletClient* client, Pods* pods) {
  return client->ForEachPod(
      [&](std::string uid, PodName name) { pods->emplace(std::move(uid), std::move(name)); });
}

absl::Status Ask(const KubeletOptions& options, Pods* pods) {
  ASSIGN_OR_RETURN(const std::unique_ptr<KubeletClient> client, KubeletClient::Create(options));
  return Ask(client.get(), pods);
}

// Sends one byte after the other of a TLS record that would be complete after hours.
class EndlessHandshake {
 public:
  EndlessHandshake() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(listener_.get(), generic, length) == 0);
    REQUIRE(listen(listener_.get(), 1) == 0);
    REQUIRE(getsockname(listener_.get(), generic, &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { Send(stop); });
  }
  ~EndlessHandshake() {
    thread_.request_stop();
    shutdown(listener_.get(), SHUT_RDWR);
  }
  int port() const { return port_; }
  bool is_asked() const { return is_asked_; }

 private:
  void Send(const std::stop_token& stop) {
    const FileDescriptor connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    // A handshake record of 16,384 bytes.
    constexpr std::string_view kHeader("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", 9);
    for (size_t i = 0; !stop.stop_requested() && connection.is_open(); ++i) {
      const char byte = i < kHeader.size() ? kHeader[i] : '\x03';
      if (send(connection.get(), &byte, 1, MSG_NOSIGNAL) != 1) {
        return;
      }
      is_asked_ = i > kHeader.size();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  FileDescriptor listener_;
  int port_ = 0;
  std::atomic<bool> is_asked_ = false;
  std::jthread thread_;
};

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

TEST_CASE("authorities that are renewed, or come late, count from the next question on") {
  TestKubelet kubelet;
  kubelet.Answer(200, R"({"items":[]})");
  KubeletOptions options = kubelet.Options();
  options.ca_file = kubelet.File("authorities.crt");
  const std::string right = kubelet.certificate_pem();
  const std::string other = TestAuthority("another").certificate_pem();
  auto client = KubeletClient::Create(options);
  REQUIRE(client.ok());
  Pods pods;
  for (int i = 0; i < 2; ++i) {
    CHECK_THAT(Message(Ask(client->get(), &pods)), Contains("cannot read authorities from"));
  }
  kubelet.Write("authorities.crt", right);
  CHECK(Ask(client->get(), &pods).ok());
  kubelet.Write("authorities.crt", other);
  CHECK_THAT(Message(Ask(client->get(), &pods)), Contains("is not trusted"));
  kubelet.Write("authorities.crt", right);
  CHECK(Ask(client->get(), &pods).ok());
}

TEST_CASE("a question has an end, however busily the kubelet sends") {
  constexpr std::chrono::milliseconds kLongest(300);
  Pods pods;
  SECTION("the list") {
    TestKubelet kubelet;
    kubelet.Trickle();
    const auto client = KubeletClient::Create(kubelet.Options(), kLongest);
    REQUIRE(client.ok());
    const absl::Status asked = Ask(client->get(), &pods);
    CHECK(absl::IsDeadlineExceeded(asked));
    CHECK_THAT(Message(asked), Contains("0.3 s") && Contains("KUBELET_ADDRESS"));
    CHECK(kubelet.authorization() == "Bearer first-token");
  }
  SECTION("the handshake") {
    const TestKubelet files;
    const EndlessHandshake kubelet;
    KubeletOptions options = files.Options();
    options.address = fmt::format("127.0.0.1:{}", kubelet.port());
    const auto client = KubeletClient::Create(options, kLongest);
    REQUIRE(client.ok());
    CHECK(absl::IsDeadlineExceeded(Ask(client->get(), &pods)));
  }
}

TEST_CASE("Stop ends the question that is asked, at any step of it, and all later ones") {
  Pods pods;
  SECTION("the list") {
    TestKubelet kubelet;
    kubelet.Trickle();
    const auto client = KubeletClient::Create(kubelet.Options());
    REQUIRE(client.ok());
    absl::Status asked;
    std::thread thread([&] { asked = Ask(client->get(), &pods); });
    CHECK(testing::Eventually([&] { return !kubelet.authorization().empty(); }));
    (*client)->Stop();
    thread.join();
    CHECK(absl::IsCancelled(asked));

    kubelet.Write("token", "second-token");
    CHECK(absl::IsCancelled(Ask(client->get(), &pods)));
    CHECK(kubelet.authorization() == "Bearer first-token");
  }
  SECTION("the handshake") {
    const TestKubelet files;
    const EndlessHandshake kubelet;
    KubeletOptions options = files.Options();
    options.address = fmt::format("127.0.0.1:{}", kubelet.port());
    const auto client = KubeletClient::Create(options);
    REQUIRE(client.ok());
    absl::Status asked;
    std::thread thread([&] { asked = Ask(client->get(), &pods); });
    CHECK(testing::Eventually([&] { return kubelet.is_asked(); }));
    (*client)->Stop();
    thread.join();
    CHECK(absl::IsCancelled(asked));
  }
}

}  // namespace
}  // namespace audio_latency::probe
