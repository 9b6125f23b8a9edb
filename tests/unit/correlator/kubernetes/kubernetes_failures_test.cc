// What goes wrong with an API server is said, counted and survived.

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/process/file_descriptor.h"
#include "correlator/kubernetes/kubernetes.h"
#include "fmt/format.h"
#include "tests/unit/correlator/kubernetes/kubernetes_fixture.h"

namespace audio_latency::correlator {
namespace {

using audio_latency::testing::Eventually;
using Catch::Matchers::Contains;
using testing::FakeApiServer;
using testing::KubernetesFixture;
using testing::PodJson;

TEST_CASE_METHOD(KubernetesFixture, "Refusals are told once, with what to do, and tried again") {
  const auto [status, cause, advice] = GENERATE(
      table<int, std::string, std::string>({{401, "unauthorized", "token"},
                                            {403, "forbidden", "grant get, list and watch"},
                                            {404, "not_found", "address"},
                                            {429, "throttled", "busy"},
                                            {500, "server_error", "log"}}));
  CAPTURE(status);
  server.Put(Resource::kPods, PodJson({.name = "a", .uid = 1, .addresses = {"10.0.0.1"}}));
  server.Refuse(Resource::kPods, status);
  Start();
  CHECK(Eventually([&] { return server.Count(Resource::kPods, false) >= 4; }));
  REQUIRE(logger.Count("kubernetes_unreachable") == 1);
  const std::string text = logger.Text("kubernetes_unreachable");
  CHECK_THAT(text, Contains("pods") && Contains(std::to_string(status)) && Contains(advice) &&
                       Contains("pods is refused here"));
  CHECK(logger.Everything().find(fmt::format("\"cause\":\"{}\"", cause)) != std::string::npos);
  CHECK_FALSE(logger.Has("kubernetes_synced"));
  CHECK(At("10.0.0.1").pod.empty());
  CHECK_THAT(kubernetes->readiness().text, Contains(advice));
  CHECK(kubernetes->MetricsText().find(fmt::format(
            "errors_total{{resource=\"pods\",cause=\"{}\"}} 0", cause)) == std::string::npos);
  server.Refuse(Resource::kPods, 0);
  CHECK(BecomesPod("10.0.0.1", "a"));
  REQUIRE(IsSynced());
  CHECK(logger.Count("kubernetes_reachable") == 1);
  CHECK(kubernetes->readiness().text == "kubernetes: synced");
}

TEST_CASE_METHOD(KubernetesFixture,
                 "Where each watch is refused all is listed ever more seldom, not in a loop") {
  const int status = GENERATE(410, 400);
  CAPTURE(status);
  server.Put(Resource::kPods, PodJson({.name = "a", .uid = 1, .addresses = {"10.0.0.1"}}));
  server.RefuseWatches(Resource::kPods, status);
  KubernetesOptions options;
  options.reflector.first_backoff = std::chrono::milliseconds(20);
  options.reflector.most_backoff = std::chrono::hours(1);
  const auto begin = std::chrono::steady_clock::now();
  Start(server.Access(), options);
  REQUIRE(BecomesPod("10.0.0.1", "a"));
  REQUIRE(Eventually([&] { return server.Count(Resource::kPods, false) >= 2; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
  const int lists = server.Count(Resource::kPods, false);
  // A pause is at least half of the longest, which doubles: 10, 20, 40 ms, …
  const std::chrono::duration<double, std::milli> least_time(10 * (std::exp2(lists - 1) - 1));
  CHECK(least_time <= std::chrono::steady_clock::now() - begin);
  // It is tried all the same.
  server.RefuseWatches(Resource::kPods, 0);
  CHECK(IsSynced());
}

TEST_CASE_METHOD(KubernetesFixture, "What is not needed for pods may be forbidden") {
  server.Put(Resource::kPods, PodJson({.name = "a", .uid = 1, .addresses = {"10.0.0.1"}}));
  server.Refuse(Resource::kJobs, 403);
  server.Refuse(Resource::kNodes, 403);
  Start();
  CHECK(BecomesPod("10.0.0.1", "a"));
  CHECK(Eventually([&] { return logger.Has("kubernetes_synced"); }));
  CHECK(Eventually([&] { return logger.Count("kubernetes_unreachable") == 2; }));
  CHECK(kubernetes->readiness().is_ready);
  CHECK_THAT(kubernetes->readiness().text, Contains("behind") && Contains("jobs"));
}

TEST_CASE("A server whose certificate is not the cluster's is not talked to") {
  KubernetesFixture fixture;
  ClusterAccess access = fixture.server.Access();
  std::string why;
  SECTION("of another authority") {
    access.authorities.text = TestAuthority("another").certificate_pem();
    why = "self-signed certificate|unable to get local issuer";
  }
  SECTION("of another name") {
    access.server_name = "kubernetes.default.svc";
    why = "hostname mismatch";
  }
  access.token.text = "secret";
  fixture.Start(access);
  CHECK(Eventually([&] { return fixture.logger.Has("kubernetes_unreachable"); }));
  const std::string text = fixture.logger.Text("kubernetes_unreachable");
  CAPTURE(text);
  CHECK_THAT(text, Contains("certificate is not accepted"));
  CHECK_THAT(text,
             Contains(why.substr(0, why.find('|'))) || Contains(why.substr(why.find('|') + 1)));
  CHECK(fixture.logger.Everything().find("\"cause\":\"certificate\"") != std::string::npos);
  CHECK(fixture.server.requests().empty());
  // One line for all five kinds.
  CHECK(fixture.logger.Count("kubernetes_unreachable") == 1);
  CHECK_FALSE(fixture.kubernetes->readiness().text.find("secret") != std::string::npos);
}

TEST_CASE(
    "A server is known by the name that the kubeconfig tells, or not at all where it says so") {
  KubernetesFixture fixture;
  FakeApiServer server("DNS:kubernetes.default.svc");
  server.Put(Resource::kPods, PodJson({.name = "a", .uid = 1, .addresses = {"10.0.0.1"}}));
  ClusterAccess access = server.Access();
  SECTION("tls-server-name") { access.server_name = "kubernetes.default.svc"; }
  SECTION("insecure-skip-tls-verify") {
    access.skip_verification = true;
    access.authorities.text.clear();
  }
  SECTION("a host by name") {
    access.server_name = "kubernetes.default.svc";
    access.host = "localhost";
  }
  fixture.Start(access);
  CHECK(fixture.BecomesPod("10.0.0.1", "a"));
}

TEST_CASE_METHOD(KubernetesFixture, "Credentials that cannot be used are named, never shown") {
  ClusterAccess access = server.Access();
  std::string what;
  SECTION("no token file") {
    access.token.file = "/nowhere/token";
    what = "/nowhere/token";
  }
  SECTION("no authorities") {
    access.authorities = {.text = "secret", .file = {}};
    what = "certificate-authority-data";
  }
  SECTION("a key that is none") {
    access.certificate.text = server.authority().IssueFor("me").certificate_pem;
    access.key.text = "secret";
    what = "client-certificate-data";
  }
  Start(access);
  CHECK(Eventually([&] { return logger.Has("kubernetes_unreachable"); }));
  CHECK_THAT(logger.Text("kubernetes_unreachable"), Contains(what));
  CHECK(logger.Everything().find("\"cause\":\"credentials\"") != std::string::npos);
  CHECK(logger.Everything().find("secret") == std::string::npos);
}

TEST_CASE_METHOD(KubernetesFixture, "Nobody at the address: the file and addresses go on") {
  ClusterAccess access = server.Access();
  access.port = 1;
  KubernetesOptions options = QuickOptions();
  options.is_required = GENERATE(true, false);
  Start(access, options);
  CHECK(Eventually([&] { return logger.Has("kubernetes_unreachable"); }));
  CHECK(At("10.0.0.1").pod.empty());
  CHECK(kubernetes->readiness().is_ready == !options.is_required);
  CHECK_THAT(kubernetes->readiness().text, Contains("not synced yet"));
}

TEST_CASE("An outage at the start does not keep the correlator unready for ever") {
  FakeApiServer server;
  server.Refuse(Resource::kPods, 503);
  ManualClock monotonic(1'000'000'000);
  const RealtimeClock realtime;
  audio_latency::testing::RecordingLogger logger;
  KubernetesOptions options = KubernetesFixture::QuickOptions();
  options.is_required = true;
  const auto kubernetes = Kubernetes::Start(server.Access(), options, realtime, monotonic, &logger);
  CHECK_FALSE(kubernetes->readiness().is_ready);
  monotonic.Advance(Kubernetes::kReadyPatienceNs - 1);
  CHECK_FALSE(kubernetes->readiness().is_ready);
  monotonic.Advance(1);
  CHECK(kubernetes->readiness().is_ready);
  CHECK_THAT(kubernetes->readiness().text, Contains("not synced yet"));
}

TEST_CASE_METHOD(KubernetesFixture, "One object that cannot be read does not hide the others") {
  server.Put(Resource::kPods, PodJson({.name = "a", .uid = 1, .addresses = {"10.0.0.1"}}));
  nlohmann::json nameless = PodJson({.name = "b", .uid = 2, .addresses = {"10.0.0.2"}});
  nameless["metadata"]["name"] = 7;
  server.PutText(Resource::kPods, nameless.dump());
  server.PutText(Resource::kPods, "null");
  server.PutText(Resource::kPods, "{\"a\":}");
  server.PutText(Resource::kPods, "{\"large\":\"" + std::string(5 << 20, 'x') + "\"}");
  server.Put(Resource::kPods, PodJson({.name = "c", .uid = 3, .addresses = {"10.0.0.3"}}));
  Start();
  REQUIRE(IsSynced());
  CHECK(At("10.0.0.1").pod == "a");
  CHECK(At("10.0.0.3").pod == "c");
  CHECK(logger.Count("kubernetes_object_left_out") == 1);
  CHECK(IsOnPage(
      "audio_latency_kubernetes_objects_left_out_total{resource=\"pods\",reason=\"malformed\"} 3"));
  CHECK(IsOnPage(
      "audio_latency_kubernetes_objects_left_out_total{resource=\"pods\",reason=\"too_large\"} 1"));
  // So it is in a watch.
  server.Send(Resource::kPods, "what is this");
  server.Send(Resource::kPods, R"({"type":"ADDED","object":{"metadata":{}}})");
  server.Put(Resource::kPods, PodJson({.name = "d", .uid = 4, .addresses = {"10.0.0.4"}}));
  CHECK(BecomesPod("10.0.0.4", "d"));
}

TEST_CASE_METHOD(KubernetesFixture,
                 "An answer that never ends is given up, and so is what is no list") {
  server.Put(Resource::kPods, PodJson({.name = "a", .uid = 1, .addresses = {"10.0.0.1"}}));
  server.Dawdle(Resource::kPods, true);
  KubernetesOptions options = QuickOptions();
  options.reflector.page_total = std::chrono::milliseconds(200);
  Start(server.Access(), options);
  CHECK(Eventually([&] { return logger.Has("kubernetes_unreachable"); }));
  CHECK(logger.Everything().find("\"cause\":\"timeout\"") != std::string::npos);
  server.Dawdle(Resource::kPods, false);
  CHECK(BecomesPod("10.0.0.1", "a"));
}

// Takes connections, and says nothing.
class SilentServer {
 public:
  SilentServer() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        listen(socket_.get(), 1) != 0 ||
        getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      throw std::logic_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
  }
  uint16_t port() const { return port_; }
  bool IsAsked() const {
    pollfd ready = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return poll(&ready, 1, 0) == 1;
  }

 private:
  FileDescriptor socket_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  uint16_t port_ = 0;
};

TEST_CASE_METHOD(KubernetesFixture, "It ends at once, whatever is under way") {
  const SilentServer silent;
  SECTION("watches") {
    Start();
    REQUIRE(IsSynced());
  }
  SECTION("a list that does not end") {
    server.Dawdle(Resource::kPods, true);
    Start();
    CHECK(Eventually([&] { return server.Count(Resource::kPods, false) >= 1; }));
  }
  SECTION("a long pause between attempts") {
    server.Refuse(Resource::kPods, 503);
    KubernetesOptions options;
    options.reflector.first_backoff = std::chrono::hours(1);
    options.reflector.most_backoff = std::chrono::hours(1);
    Start(server.Access(), options);
    CHECK(Eventually([&] { return server.Count(Resource::kPods, false) >= 1; }));
  }
  SECTION("a connection that is not answered") {
    ClusterAccess access = server.Access();
    access.port = silent.port();
    Start(access);
    CHECK(Eventually([&] { return silent.IsAsked(); }));
  }
  const auto begin = std::chrono::steady_clock::now();
  kubernetes.reset();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(3));
}

}  // namespace
}  // namespace audio_latency::correlator
