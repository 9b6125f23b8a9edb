// Pods whose addresses nobody knows get their names by their cgroups and the kubelet: from the real
// probe to the correlator's answers.

#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "tests/e2e/lone_probe.h"
#include "tests/lab/cluster.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"
#include "tests/support/eventually.h"
#include "tests/unit/probe/containers/test_kubelet.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr char kCallerUid[] = "5d0c9a1e-7b42-4f68-9c33-0a1b2c3d4e5f";
constexpr char kCalleeUid[] = "1d0c9a1e-7b42-4f68-9c33-0a1b2c3d4e5f";
constexpr char kPort[] = "5004";

// The machine's cgroups (version 2), mounted where the lab's programs see them; those made here are
// removed again.
class MountedCgroups {
 public:
  explicit MountedCgroups(const ScratchFolder& folder) : root_(folder.path() + "/cgroup") {
    std::filesystem::create_directory(root_);
    REQUIRE(mount("none", root_.c_str(), "cgroup2", 0, nullptr) == 0);
  }
  ~MountedCgroups() {
    // Once the processes in it have ended.
    Eventually([this] {
      while (!made_.empty() && rmdir(made_.back().c_str()) == 0) {
        made_.pop_back();
      }
      return made_.empty();
    });
    umount(root_.c_str());
  }
  MountedCgroups(const MountedCgroups&) = delete;
  MountedCgroups& operator=(const MountedCgroups&) = delete;

  // The folder of a container of the pod.
  std::string MakeContainer(const std::string& uid) {
    std::string path = root_;
    for (const std::string& part :
         {fmt::format("audio-latency-test-{}", uid), "pod" + uid, std::string(64, 'a')}) {
      path += "/" + part;
      if (std::filesystem::create_directory(path)) {
        made_.push_back(path);
      }
    }
    return path;
  }

 private:
  const std::string root_;
  std::vector<std::string> made_;
};

// lab-audio, in a pod and its cgroup.
Process StartAudio(const Pod& pod, const std::string& cgroup, const std::string& arguments,
                   const std::string& log_path) {
  ProcessOptions options;
  options.arguments = {"bash", "-c",
                       fmt::format("echo $$ > {}/cgroup.procs; exec {} {}", cgroup,
                                   BuiltProgram("lab-audio"), arguments)};
  options.network = &pod.network;
  options.log_path = log_path;
  return Require(Process::Start(options));
}

TEST_CASE("pods at addresses that nobody knows are named by their cgroups and the kubelet") {
  const ScratchFolder folder;
  MountedCgroups cgroups(folder);
  auto cluster = Require(Cluster::Create());
  Node* const node = Require(cluster->AddNode("node-a"));
  const Pod* const caller = Require(cluster->AddPod(node, "caller-0", "caller", "voice"));
  const Pod* const callee = Require(cluster->AddPod(node, "callee-0", "callee", "voice"));
  const Machine* const machine = Require(cluster->AddMachine("correlator"));

  std::unique_ptr<probe::TestKubelet> kubelet;
  Require(node->machine.network.RunInside([&] {
    kubelet = std::make_unique<probe::TestKubelet>();
    return absl::OkStatus();
  }));
  kubelet->Answer(200, fmt::format(R"({{"kind":"PodList","items":[
      {{"metadata":{{"name":"caller-0","namespace":"voice","uid":"{}"}}}},
      {{"metadata":{{"name":"callee-0","namespace":"voice","uid":"{}"}}}}]}})",
                                   kCallerUid, kCalleeUid));

  ProcessOptions correlator;
  correlator.arguments = {BuiltProgram("audio-latency-correlator")};
  correlator.environment = {{"TLS", "off"}};
  correlator.network = &machine->network;
  correlator.log_path = folder.path() + "/correlator.log";
  Process running = Require(Process::Start(correlator));
  REQUIRE(Eventually(
      [&] { return ReadFile(correlator.log_path).find("startup_complete") != std::string::npos; }));

  const probe::KubeletOptions options = kubelet->Options();
  const auto probe = Require(LoneProbe::Start(node->machine.network,
                                              {{"TLS", "off"},
                                               {"CORRELATOR_ADDRESS", machine->address + ":9095"},
                                               {"K8S_NODE_NAME", "node-a"},
                                               {"AUDIO_PORTS", kPort},
                                               {"KUBELET_ADDRESS", options.address},
                                               {"KUBELET_TOKEN_FILE", options.token_file},
                                               {"KUBELET_CA_FILE", options.ca_file}},
                                              folder.path() + "/probe.log"));

  const std::string of_caller = cgroups.MakeContainer(kCallerUid);
  const std::string of_callee = cgroups.MakeContainer(kCalleeUid);
  std::vector<Process> audio;
  for (const auto& [pod, cgroup, other] :
       {std::tuple{caller, of_caller, callee}, std::tuple{callee, of_callee, caller}}) {
    const std::string report = folder.path() + "/" + pod->name;
    audio.push_back(StartAudio(*pod, cgroup,
                               fmt::format("rtp-sink --listen {} --report {}-in", kPort, report),
                               report + "-sink.log"));
    audio.push_back(
        StartAudio(*pod, cgroup,
                   fmt::format("rtp-source --to {}:{} --report {}-out --seconds 120 --seed {}",
                               other->address, kPort, report, pod == caller ? 1 : 2),
                   report + "-source.log"));
  }

  const auto hops = [&] {
    ProcessOptions asking;
    asking.arguments = {
        BuiltProgram("audio-latency"), "hops", "-o", "json", "--plain-text", "--server",
        machine->address + ":9095"};
    asking.network = &machine->network;
    return Require(RunCommand(asking)).output;
  };
  CHECK(Eventually(
      [&] {
        const std::string answer = hops();
        return answer.find("\"caller-0\"") != std::string::npos &&
               answer.find("\"callee-0\"") != std::string::npos &&
               answer.find("\"voice\"") != std::string::npos;
      },
      std::chrono::seconds(60)));
  INFO(hops());
  INFO(ReadFile(folder.path() + "/probe.log"));
  CHECK(Require(probe->Metric("audio_latency_probe_containers_found_total{by=\"sender\"}")) >= 2);
  // Once for both.
  CHECK(Require(probe->Metric("audio_latency_probe_kubelet_requests_total")) <= 2);
  CHECK(Require(probe->Metric("audio_latency_probe_kubelet_failures_total")) == 0);
  for (Process& process : audio) {
    process.Terminate();
  }
}

}  // namespace
}  // namespace audio_latency::lab
