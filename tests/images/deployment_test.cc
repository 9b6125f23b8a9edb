// The lab's probes and correlator, run from the images: the demo's calls give the same answers.

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"
#include "probe/privilege/capabilities.h"
#include "tests/images/image.h"
#include "tests/lab/demo/scenario.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

constexpr int kSeconds = 8;

TEST_CASE("probes and correlator run from their images, and every promise of the demo holds") {
  const ScratchFolder folder;
  const Image probe = Require(Image::Unpack("audio-latency-probe", folder.path()));
  const Image correlator = Require(Image::Unpack("audio-latency-correlator", folder.path()));

  ContainerOptions probe_container = probe.Container();
  probe_container.capabilities =
      probe::CapabilitySet({probe::kCapBpf, probe::kCapNetAdmin, probe::kCapPerfmon});
  ContainerOptions correlator_container = correlator.Container();
  // Where the deployment leaves the file of endpoints.
  const std::string logs = folder.path() + "/logs";
  correlator_container.mounts = {{logs, logs}};

  ScenarioOptions options;
  options.seconds = kSeconds;
  options.folder = folder.path();
  options.programs.probe = ContainerCommand(probe_container, "/usr/bin/audio-latency-probe");
  options.programs.correlator =
      ContainerCommand(correlator_container, "/usr/bin/audio-latency-correlator");
  options.programs.command_line =
      ContainerCommand(correlator.Container(), "/usr/bin/audio-latency");
  const auto scenario = Require(Scenario::Start(options));
  Require(scenario->StartCalls());
  while (scenario->IsSpeaking()) {
    Require(scenario->deployment().CheckAlive());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const ScenarioResult result = Require(scenario->FinishCalls());
  const std::vector<Promise> promises = CheckPromises(result);
  CHECK(promises.size() == 13);
  for (const Promise& promise : promises) {
    INFO(promise.text);
    CHECK(promise.held);
  }
  const CommandResult answer =
      Require(scenario->deployment().RunCommandLine({"paths", "-o", "json"}));
  INFO(answer.error);
  REQUIRE(answer.exit_status == 0);
  CHECK(nlohmann::json::parse(answer.output).at("paths").size() == 2);
  Require(scenario->deployment().StopProbes());
  Require(scenario->deployment().StopCorrelator());
}

}  // namespace
}  // namespace audio_latency::lab
