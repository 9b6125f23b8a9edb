// The product as it is deployed: a probe on every node, one correlator on a machine of its own.

#ifndef TESTS_LAB_DEMO_DEPLOYMENT_H_
#define TESTS_LAB_DEMO_DEPLOYMENT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audio_latency/v1/latency.grpc.pb.h"
#include "tests/lab/cluster.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {

inline constexpr uint16_t kCorrelatorGrpcPort = 9095;
inline constexpr uint16_t kMetricsPort = 9090;

// How each program is started: the command that its arguments are added to.
struct DeployedPrograms {
  std::vector<std::string> probe = {BuiltProgram("audio-latency-probe")};
  std::vector<std::string> correlator = {BuiltProgram("audio-latency-correlator")};
  std::vector<std::string> command_line = {BuiltProgram("audio-latency")};
};

// Every log goes to a file of the folder: correlator.log, probe-<node>.log. Not thread-safe, but
// for stub().
class Deployment {
 public:
  // `cluster` must outlive the deployment; `log_folder` must exist.
  static absl::StatusOr<std::unique_ptr<Deployment>> Create(Cluster* cluster,
                                                            const std::string& log_folder,
                                                            DeployedPrograms programs = {});

  // Ends all programs.
  ~Deployment();

  // Knows the pods that the cluster has now; `environment` goes before what it needs here.
  absl::Status StartCorrelator(const std::map<std::string, std::string>& environment = {});
  absl::Status StopCorrelator();
  // With SIGKILL.
  void KillCorrelator();
  void SignalCorrelator(int number) const;
  // On every node; `environment` goes before what a probe needs here.
  absl::Status StartProbes(const std::map<std::string, std::string>& environment);
  // With SIGKILL: they cannot clean up.
  void KillProbes();
  // With SIGTERM, all at once, until they have ended; an error when one did not end well.
  absl::Status StopProbes();
  // Until every node is connected and its clock is good. An error tells which is not, or which
  // program ended and its last words.
  absl::Status WaitUntilReady(int timeout_ms);
  // An error when a program has ended.
  absl::Status CheckAlive();

  // `audio-latency <arguments>`, asked of the correlator.
  absl::StatusOr<CommandResult> RunCommandLine(std::vector<std::string> arguments) const;
  // The body of http://<address>:9090/metrics.
  absl::StatusOr<std::string> FetchMetrics(const std::string& address) const;

  // Null before StartCorrelator.
  audio_latency::v1::LatencyService::Stub* stub() const { return stub_.get(); }
  std::string correlator_address() const;
  const Machine& correlator_machine() const { return *machine_; }

  struct Usage {
    std::string program;
    ResourceUsage usage;
  };
  // Of the programs that run.
  std::vector<Usage> Usages() const;

 private:
  struct Program {
    std::string name;
    std::string log_path;
    Process process;
  };

  Deployment(Cluster* cluster, Machine* machine, std::string log_folder, DeployedPrograms programs)
      : cluster_(cluster),
        machine_(machine),
        log_folder_(std::move(log_folder)),
        programs_(std::move(programs)) {}

  absl::StatusOr<Program> Start(const std::string& name, ProcessOptions options) const;
  absl::Status AskWhetherReady();

  Cluster* const cluster_;
  Machine* const machine_;
  const std::string log_folder_;
  const DeployedPrograms programs_;
  std::unique_ptr<audio_latency::v1::LatencyService::Stub> stub_;
  std::unique_ptr<Program> correlator_;
  std::vector<Program> probes_;
};

// The last line of a program's log, or what stands in for it.
std::string LastWords(const std::string& log_path);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_DEPLOYMENT_H_
