// Bad input is told in one line that says what to do; nothing crashes.

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/lab/cluster.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

constexpr int kTimeoutMs = 10'000;

struct BadInput {
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  // What the message must hold.
  std::vector<std::string> said;
  int exit_status = 1;
};

void CheckRefused(const NetworkNamespace& network, const BadInput& input) {
  ProcessOptions options;
  options.arguments = input.arguments;
  options.environment = input.environment;
  options.network = &network;
  const CommandResult result = Require(RunCommand(options, kTimeoutMs));
  INFO(input.arguments.back() << " said: " << result.error);
  CHECK(result.exit_status == input.exit_status);
  CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
  for (const std::string& text : input.said) {
    CAPTURE(text);
    CHECK(result.error.find(text) != std::string::npos);
  }
}

TEST_CASE("the probe refuses bad input") {
  const ScratchFolder folder;
  auto cluster = Require(Cluster::Create());
  Node* node = Require(cluster->AddNode("node-a"));
  const std::string probe = BuiltProgram("audio-latency-probe");
  const std::string bad_file = folder.Write("bad.yaml", "metrics_prt: 9090\n");
  const std::string broken_file = folder.Write("broken.yaml", "metrics_port: [9090\n");
  for (const BadInput& input : std::vector<BadInput>{
           {{probe, "--metrics-prt", "9090"}, {}, {"--metrics-prt", "--metrics-port"}},
           {{probe, "--config", bad_file}, {}, {"metrics_prt", "metrics_port"}},
           {{probe, "--config", broken_file}, {}, {"broken.yaml"}},
           {{probe, "--config", "/nowhere.yaml"}, {}, {"/nowhere.yaml"}},
           {{probe}, {{"METRICS_PORT", "99999"}}, {"METRICS_PORT", "99999", "65535"}},
           {{probe}, {{"AUDIO_PORTS", "80-"}}, {"AUDIO_PORTS", "80-"}},
           {{probe}, {{"SIGNATURE_ALGORITHM", "xxhas"}}, {"SIGNATURE_ALGORITHM", "xxhash"}},
           {{probe}, {{"PERF_BUFFER_SIZE", "1000"}}, {"PERF_BUFFER_SIZE", "power of two"}},
           {{probe}, {{"CORRELATOR_ADDRESS", "nowhere"}}, {"CORRELATOR_ADDRESS", "host:port"}},
           {{probe}, {{"CORRELATOR_ADDRESS", "10.0.0.1:9095"}}, {"TLS_CERT_FILE", "TLS=off"}},
           {{probe}, {{"K8S_NODE_NAME", std::string(5000, 'a')}}, {"K8S_NODE_NAME", "253"}},
           {{probe}, {{"INTERFACE", "eth7"}}, {"INTERFACE", "eth7", "eth0"}},
       }) {
    CheckRefused(node->machine.network, input);
  }
}

TEST_CASE("the probe without the rights that it needs says which") {
  auto cluster = Require(Cluster::Create());
  Node* node = Require(cluster->AddNode("node-a"));
  const std::string probe = BuiltProgram("audio-latency-probe");
  const std::vector<std::string> said = {"CAP_BPF", "CAP_NET_ADMIN"};
  CheckRefused(
      node->machine.network,
      {{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", probe}, {}, said});
  CheckRefused(node->machine.network,
               {{"setpriv", "--bounding-set", "-all", "--inh-caps", "-all", probe}, {}, said});
}

TEST_CASE("the correlator refuses bad input") {
  const ScratchFolder folder;
  auto cluster = Require(Cluster::Create());
  Machine* machine = Require(cluster->AddMachine("correlator"));
  const std::string correlator = BuiltProgram("audio-latency-correlator");
  const std::string bad_key =
      folder.Write("key.yaml", "endpoints:\n  - address: 10.0.1.5\n    podd: a\n");
  const std::string bad_address =
      folder.Write("address.yaml", "endpoints:\n  - address: 10.0.1\n    pod: a\n");
  for (const BadInput& input : std::vector<BadInput>{
           {{correlator, "--grpc-prt", "9095"}, {}, {"--grpc-prt", "--grpc-port"}},
           {{correlator}, {{"GRPC_PORT", "high"}}, {"GRPC_PORT", "high"}},
           {{correlator}, {}, {"GRPC_ADDRESS", "TLS_CERT_FILE", "TLS=off"}},
           {{correlator},
            {{"TLS", "off"}, {"TOKEN_FILE", "/nowhere.tokens"}},
            {"/nowhere.tokens", "no such file"}},
           {{correlator}, {{"TLS", "off"}, {"ENDPOINTS_FILE", "/nowhere.yaml"}}, {"/nowhere.yaml"}},
           {{correlator}, {{"TLS", "off"}, {"ENDPOINTS_FILE", bad_key}}, {"key.yaml", "podd"}},
           {{correlator},
            {{"TLS", "off"}, {"ENDPOINTS_FILE", bad_address}},
            {"address.yaml", "10.0.1"}},
       }) {
    CheckRefused(machine->network, input);
  }
}

TEST_CASE("a port that is taken is named") {
  auto cluster = Require(Cluster::Create());
  Machine* machine = Require(cluster->AddMachine("correlator"));
  const std::string correlator = BuiltProgram("audio-latency-correlator");
  ProcessOptions options;
  options.arguments = {correlator};
  options.environment = {{"TLS", "off"}};
  options.network = &machine->network;
  Process first = Require(Process::Start(options));
  for (int i = 0; i < 200 && first.StandardOutput().find("startup_complete") == std::string::npos;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  REQUIRE(first.IsRunning());
  CheckRefused(machine->network, {{correlator}, {{"TLS", "off"}}, {"9095", "GRPC_PORT"}});
  CheckRefused(machine->network,
               {{correlator}, {{"TLS", "off"}, {"GRPC_PORT", "9096"}}, {"9090", "METRICS_PORT"}});
  CheckRefused(machine->network,
               {{BuiltProgram("audio-latency-probe")}, {}, {"9090", "METRICS_PORT"}});
  CHECK(first.Terminate() == 0);
}

TEST_CASE("the command line says whom it cannot reach and what it does not know") {
  auto cluster = Require(Cluster::Create());
  Machine* machine = Require(cluster->AddMachine("correlator"));
  const std::string tool = BuiltProgram("audio-latency");
  for (const BadInput& input : std::vector<BadInput>{
           {{tool, "paths"}, {{"AUDIO_LATENCY_SERVER", "127.0.0.1:1"}}, {"127.0.0.1:1"}},
           {{tool, "paths"},
            {{"AUDIO_LATENCY_SERVER", "10.0.0.1:9095"}},
            {"--ca", "--plain-text"},
            2},
           {{tool, "pahts"}, {}, {"pahts", "paths"}, 2},
           {{tool, "paths", "--widow", "10"}, {}, {"--widow", "--window"}, 2},
           {{tool, "paths", "--window", "3"}, {}, {"--window", "10 to 60"}, 2},
       }) {
    CheckRefused(machine->network, input);
  }
}

}  // namespace
}  // namespace audio_latency::lab
