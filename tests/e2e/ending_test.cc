// A probe that is asked to end, at whatever time, ends in order.

#include <signal.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "tests/lab/demo/deployment.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/network_namespace.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

class Probe {
 public:
  explicit Probe(const NetworkNamespace& network) : process_(Start(network)) {}

  // SIGTERM once its log has `line`.
  void EndAt(const std::string& line) {
    REQUIRE(WaitFor(line));
    process_.Signal(SIGTERM);
  }
  bool WaitFor(const std::string& line) const {
    for (int i = 0; i < 30'000 && !HasSaid(line); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return HasSaid(line);
  }
  bool HasSaid(const std::string& line) const {
    return ReadFile(log_path_).find(line) != std::string::npos;
  }
  std::optional<int> Wait() { return process_.Wait(30'000); }

 private:
  Process Start(const NetworkNamespace& network) const {
    ProcessOptions options;
    options.arguments = {BuiltProgram("audio-latency-probe")};
    options.environment = {{"INTERFACE", "auto"}};
    options.network = &network;
    options.log_path = log_path_;
    return Require(Process::Start(options));
  }

  const ScratchFolder folder_;
  const std::string log_path_ = folder_.path() + "/probe.log";
  Process process_;
};

TEST_CASE("a probe that is asked to end while it loads its programs ends in order") {
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  Probe probe(network);
  probe.EndAt("\"startup\"");
  CHECK(probe.Wait() == 0);
  CHECK(probe.HasSaid("shutdown_complete"));
}

TEST_CASE("a probe that is asked again while its last thread ends is not ended by the signal") {
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  Probe probe(network);
  // A thread loads more programs for some time, which the end has to wait for.
  probe.EndAt("capabilities_dropped");
  REQUIRE(probe.WaitFor("shutdown_complete"));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  probe.EndAt("shutdown_complete");
  const std::optional<int> status = probe.Wait();
  // It had ended, or gave up waiting.
  CHECK((status == 0 || status == 130));
}

}  // namespace
}  // namespace audio_latency::lab
