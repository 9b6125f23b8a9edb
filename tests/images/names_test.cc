// Names are resolved in the images, which hold no resolver's files but nsswitch.conf: through DNS
// and through /etc/hosts, by gRPC (probe, command line) and by the C library (correlator).

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "probe/privilege/capabilities.h"
#include "tests/images/image.h"
#include "tests/images/name_server.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr char kDnsName[] = "correlator.voice.svc.cluster.local";
constexpr char kHostsName[] = "correlator-by-hosts";

TEST_CASE("names are resolved inside the images") {
  const ScratchFolder folder;
  const Image probe = Require(Image::Unpack("audio-latency-probe", folder.path()));
  const Image correlator = Require(Image::Unpack("audio-latency-correlator", folder.path()));
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  const auto name_server = Require(NameServer::Start(network, kDnsName));
  // As a kubelet mounts them.
  const std::vector<ContainerMount> mounts = {
      {folder.Write("resolv.conf", "nameserver 127.0.0.1\n"), "/etc/resolv.conf"},
      {folder.Write("hosts", "127.0.0.1 localhost " + std::string(kHostsName) + "\n"),
       "/etc/hosts"}};
  const auto run = [&](const Image& image, const std::string& program, uint64_t capabilities,
                       const std::map<std::string, std::string>& environment,
                       const std::vector<std::string>& arguments) {
    ContainerOptions container = image.Container();
    container.capabilities = capabilities;
    container.mounts = mounts;
    ProcessOptions options;
    options.arguments = ContainerCommand(container, "/usr/bin/" + program);
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.environment = environment;
    options.network = &network;
    return options;
  };
  Process correlator_process = Require(Process::Start(
      run(correlator, "audio-latency-correlator", 0,
          {{"GRPC_ADDRESS", kDnsName}, {"TLS", "off"}, {"METRICS_PORT", "9091"}}, {})));
  Process probe_process = Require(Process::Start(
      run(probe, "audio-latency-probe",
          probe::CapabilitySet({probe::kCapBpf, probe::kCapNetAdmin, probe::kCapPerfmon}),
          {{"CORRELATOR_ADDRESS", std::string(kDnsName) + ":9095"},
           {"TLS", "off"},
           {"INTERFACE", "lo"},
           {"K8S_NODE_NAME", "node-a"}},
          {})));
  const auto nodes = [&](const char* name) {
    return Require(RunCommand(run(correlator, "audio-latency", 0,
                                  {{"AUDIO_LATENCY_SERVER", std::string(name) + ":9095"},
                                   {"AUDIO_LATENCY_PLAIN_TEXT", "true"}},
                                  {"nodes", "-o", "json"})));
  };
  const bool connected = Eventually([&] {
    const CommandResult answer = nodes(kDnsName);
    if (answer.exit_status != 0) {
      return false;
    }
    const nlohmann::json found = nlohmann::json::parse(answer.output).at("nodes");
    return found.size() == 1 && found[0].value("connected", false);
  });
  INFO(correlator_process.StandardOutput() << correlator_process.StandardError());
  INFO(probe_process.StandardOutput() << probe_process.StandardError());
  CHECK(connected);
  CHECK(name_server->answers() >= 3);
  const CommandResult by_hosts = nodes(kHostsName);
  INFO(by_hosts.error);
  CHECK(by_hosts.exit_status == 0);
  CHECK(correlator_process.IsRunning());
  CHECK(probe_process.IsRunning());
}

}  // namespace
}  // namespace audio_latency::lab
