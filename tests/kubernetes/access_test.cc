// Rights: as a pod has them, rotated, revoked, missing; and a server that is not the one it says.

#include <fmt/format.h>
#include <sys/mount.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/kubernetes/support/setting.h"
#include "tests/lab/errno_status.h"
#include "tests/lab/lab_test.h"
#include "tests/support/eventually.h"
#include "tests/unit/common/tls/test_authority.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr char kAddress[] = "10.244.1.5";
constexpr std::chrono::seconds kToSay(30);

std::string ErrorMetric(const std::string& cause) {
  return fmt::format("audio_latency_kubernetes_errors_total{{resource=\"pods\",cause=\"{}\"}}",
                     cause);
}

// Where a kubelet puts a pod's token, in the lab's own view of the files.
class ServiceAccountFolder {
 public:
  ServiceAccountFolder() {
    if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, nullptr) != 0) {
      FAIL(Message(ErrnoStatus("mounting the lab's /run")));
    }
    std::filesystem::create_directories(kFolder);
  }
  ~ServiceAccountFolder() { umount("/run"); }

  void Write(const std::string& ca_path, const std::string& token) const {
    std::filesystem::copy_file(ca_path, std::string(kFolder) + "/ca.crt",
                               std::filesystem::copy_options::overwrite_existing);
    WriteToken(token);
  }
  // In one step, as kubelets do it.
  void WriteToken(const std::string& token) const {
    std::ofstream(std::string(kFolder) + "/next") << token;
    std::filesystem::rename(std::string(kFolder) + "/next", std::string(kFolder) + "/token");
  }

 private:
  static constexpr char kFolder[] = "/var/run/secrets/kubernetes.io/serviceaccount";
};

TEST_CASE("in a pod: a token that is rotated is used, and the old one may be revoked") {
  Setting setting;
  setting.cluster->AddPod("first", kAddress);
  const ServiceAccountFolder files;
  const ServiceAccount::Token old_token = Require(setting.account->NewToken());
  files.Write(setting.server->admin().ca_path, old_token.text);
  // All that a pod finds in its environment.
  setting.correlator = std::make_unique<TestCorrelator>(std::map<std::string, std::string>{
      {"KUBERNETES_SERVICE_HOST", "127.0.0.1"},
      {"KUBERNETES_SERVICE_PORT", std::to_string(setting.server->admin().port)}});
  setting.nodes = std::make_unique<TestNodes>(setting.correlator->address());
  CHECK(Eventually([&] { return setting.NameOfHost(kAddress) == " (first)"; }));

  const ServiceAccount::Token new_token = Require(setting.account->NewToken());
  files.WriteToken(new_token.text);
  Require(setting.account->Revoke(old_token));
  // The server believes a token for ten seconds after it last looked.
  const auto stranger = Require(ApiClient::Create(setting.server->AccessWith(old_token.text)));
  REQUIRE(
      Eventually([&] { return absl::IsUnauthenticated(stranger->Get("/api/v1/pods").status()); }));
  // No watch outlives the server, so that all are begun anew, with what is in the file.
  setting.server->Stop();
  Require(setting.server->StartAgain());
  setting.cluster->DeletePod("first");
  setting.cluster->AddPod("second", kAddress);
  CHECK(Eventually([&] { return setting.NameOfHost(kAddress) == " (second)"; }));
  CHECK(setting.correlator->Metric(ErrorMetric("unauthorized")) == 0);
}

// A correlator that is not let in: it says why, once a cause, and goes on with addresses.
std::unique_ptr<TestCorrelator> StartRefused(const Setting& setting, const ApiAccess& access) {
  const std::string kubeconfig = setting.folder.path() + "/kubeconfig";
  Require(WriteKubeconfig(access, kubeconfig));
  return std::make_unique<TestCorrelator>(
      std::map<std::string, std::string>{{"KUBECONFIG", kubeconfig}});
}

void CheckGoesOn(Setting* setting) {
  CHECK(setting->correlator->IsRunning());
  CHECK(setting->correlator->Get("/healthz").status == 200);
  setting->nodes = std::make_unique<TestNodes>(setting->correlator->address());
  CHECK(setting->NameOfHost(kAddress) == kAddress);
}

TEST_CASE("401: a token that the server does not know") {
  Setting setting;
  setting.cluster->AddPod("first", kAddress);
  setting.correlator = StartRefused(setting, setting.server->AccessWith("no-such-token"));
  CHECK(setting.correlator->LogsWithin("\"cause\":\"unauthorized\"", kToSay));
  CHECK(setting.correlator->LogsWithin("401", kToSay));
  CheckGoesOn(&setting);
  CHECK(setting.correlator->Metric(ErrorMetric("unauthorized")) > 0);
  const TestCorrelator::Page readiness = setting.correlator->Get("/readyz");
  INFO(readiness.body);
  CHECK(readiness.body.find("401") != std::string::npos);
}

TEST_CASE("403: rights that are missing, and then granted") {
  Setting setting;
  setting.cluster->AddPod("first", kAddress);
  Require(setting.account->SetRules({{"", "services", {"get", "list", "watch"}}}));
  setting.correlator =
      StartRefused(setting, setting.server->AccessWith(Require(setting.account->NewToken()).text));
  CHECK(setting.correlator->LogsWithin("\"cause\":\"forbidden\"", kToSay));
  CheckGoesOn(&setting);
  CHECK(setting.correlator->Metric(ErrorMetric("forbidden")) > 0);
  Require(setting.account->SetRules(CorrelatorRules()));
  CHECK(Eventually([&] { return setting.NameOfHost(kAddress) == " (first)"; },
                   std::chrono::seconds(90)));
}

TEST_CASE("a server that another authority vouches for is told nothing, not even the token") {
  Setting setting;
  setting.cluster->AddPod("first", kAddress);
  ApiAccess access = setting.server->AccessWith(Require(setting.account->NewToken()).text);
  access.ca_path = setting.folder.Write("other-ca.pem", TestAuthority("other").certificate_pem());
  setting.correlator = StartRefused(setting, access);
  CHECK(setting.correlator->LogsWithin("\"cause\":\"certificate\"", kToSay));
  CheckGoesOn(&setting);
  CHECK(setting.correlator->Metric(ErrorMetric("certificate")) > 0);
}

TEST_CASE("a kubeconfig that is not there, or not one, is an error at the start") {
  const ScratchFolder folder;
  folder.Write("broken", "clusters: [}");
  const std::string path = folder.path() + GENERATE(std::string("/none"), std::string("/broken"));
  ProcessOptions options;
  options.arguments = {BuiltProgram("audio-latency-correlator")};
  options.environment = {{"KUBECONFIG", path}, {"TLS", "off"}};
  const CommandResult result = Require(RunCommand(options));
  INFO(result.output << result.error);
  CHECK(result.exit_status != 0);
  CHECK((result.output + result.error).find(path) != std::string::npos);
}

}  // namespace
}  // namespace audio_latency::lab
