// The real programs over TLS with certificates made as the README says.

#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "fmt/format.h"
#include "tests/e2e/issued_certificates.h"
#include "tests/e2e/lone_probe.h"
#include "tests/lab/cluster.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

using Catch::Matchers::Contains;

constexpr const char* kStranger = R"(
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj "/CN=stranger" \
  -keyout stranger.key -out stranger.pem
)";

bool Says(const std::string& log_path, const std::string& text) {
  for (int i = 0; i < 400; ++i) {
    if (ReadFile(log_path).find(text) != std::string::npos) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST_CASE("programs with the README's certificates trust each other, and nobody else") {
  const ScratchFolder folder;
  auto cluster = Require(Cluster::Create());
  Machine* machine = Require(cluster->AddMachine("correlator"));
  Require(IssueCertificates(folder.path(), machine->address));

  ProcessOptions correlator;
  correlator.arguments = {BuiltProgram("audio-latency-correlator")};
  correlator.environment = TlsOf(folder.path(), "correlator");
  correlator.environment["METRICS_PORT"] = "9190";  // the probe has 9090
  correlator.network = &machine->network;
  correlator.log_path = folder.path() + "/correlator.log";
  Process running = Require(Process::Start(correlator));
  REQUIRE(Says(correlator.log_path, "startup_complete"));

  const std::string server = machine->address + ":9095";
  auto environment = TlsOf(folder.path(), "node-a");
  environment.insert({{"CORRELATOR_ADDRESS", server}, {"K8S_NODE_NAME", "node-a"}});
  environment["INTERFACE"] = "lo";
  {
    auto probe =
        Require(LoneProbe::Start(machine->network, environment, folder.path() + "/probe.log"));
    CHECK(Says(correlator.log_path, "\"probe_connected\""));
    const auto ask = [&](const std::vector<std::string>& more) {
      ProcessOptions options;
      options.arguments = {BuiltProgram("audio-latency"), "nodes", "--server", server};
      options.arguments.insert(options.arguments.end(), more.begin(), more.end());
      options.network = &machine->network;
      return Require(RunCommand(options));
    };
    const std::string ca = folder.path() + "/ca.pem";
    const CommandResult let_in =
        ask({"--ca", ca, "--cert", folder.path() + "/me.pem", "--key", folder.path() + "/me.key"});
    CHECK(let_in.exit_status == 0);
    CHECK_THAT(let_in.output, Contains("node-a"));
    CHECK_THAT(ask({"--ca", ca}).error, Contains("a certificate is needed"));
    CHECK_THAT(ask({"--plain-text"}).error, Contains("give --ca"));
  }
  environment["K8S_NODE_NAME"] = "node-b";
  {
    auto probe =
        Require(LoneProbe::Start(machine->network, environment, folder.path() + "/other.log"));
    CHECK(Says(folder.path() + "/other.log", "reports as node node-b, but its certificate"));
    CHECK(Says(correlator.log_path, "\"probe_refused\""));
  }
  // A probe that trusts another authority, and one without certificates.
  ProcessOptions issuing;
  issuing.arguments = {"bash", "-c", fmt::format("set -e; cd {};{}", folder.path(), kStranger)};
  REQUIRE(Require(RunCommand(issuing)).exit_status == 0);
  environment["K8S_NODE_NAME"] = "node-a";
  environment["TLS_CA_FILE"] = folder.path() + "/stranger.pem";
  {
    auto probe =
        Require(LoneProbe::Start(machine->network, environment, folder.path() + "/distrust.log"));
    CHECK(Says(folder.path() + "/distrust.log", "not signed by an authority that is trusted here"));
    CHECK(Says(correlator.log_path, "\"handshake_failed\""));
  }
  {
    auto probe = Require(LoneProbe::Start(machine->network,
                                          {{"CORRELATOR_ADDRESS", server},
                                           {"TLS", "off"},
                                           {"K8S_NODE_NAME", "node-a"},
                                           {"INTERFACE", "lo"}},
                                          folder.path() + "/plain.log"));
    CHECK(Says(folder.path() + "/plain.log", "\"correlator_unreachable\""));
    CHECK(Says(correlator.log_path, "it does not begin with TLS"));
  }
  // All of it was counted, by its cause.
  ProcessOptions scrape;
  scrape.arguments = {"curl", "-s", "http://127.0.0.1:9190/metrics"};
  scrape.network = &machine->network;
  const std::string page = Require(RunCommand(scrape)).output;
  for (const char* const cause : {"no_certificate", "not_tls", "tls_handshake_failed"}) {
    CAPTURE(cause);
    const std::string sample = fmt::format("audio_latency_refused_total{{cause=\"{}\"}} ", cause);
    CHECK_THAT(page, Contains(sample) && !Contains(sample + "0\n"));
  }
  CHECK(running.Terminate() == 0);
}

}  // namespace
}  // namespace audio_latency::lab
