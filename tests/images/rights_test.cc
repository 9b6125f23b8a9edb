// The probe of the image with the rights that container runtimes give it: the table of
// docker/README.md.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "probe/privilege/capabilities.h"
#include "tests/images/image.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

using probe::CapabilitySet;
using probe::kCapBpf;
using probe::kCapNetAdmin;
using probe::kCapPerfmon;

constexpr uint64_t kTheThree = CapabilitySet({kCapBpf, kCapNetAdmin, kCapPerfmon});

struct Case {
  std::string what;
  uid_t user;
  uint64_t capabilities;
  bool keeps_permitted;
  bool no_new_privileges;
  // What `check` finds missing; empty: it can run here.
  std::string missing;
};

CommandResult Run(const NetworkNamespace& network, const ContainerOptions& container,
                  const std::vector<std::string>& arguments) {
  ProcessOptions options;
  options.arguments = ContainerCommand(container, "/usr/bin/audio-latency-probe");
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.network = &network;
  return Require(RunCommand(options));
}

std::string FoundOf(const nlohmann::json& answer, const std::string& what) {
  for (const nlohmann::json& check : answer.at("checks")) {
    if (check.at("what") == what) {
      return check.at("found");
    }
  }
  return "not there";
}

TEST_CASE("the probe's image starts with whatever rights, and says which are missing") {
  const std::string all = "without CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON";
  const std::vector<Case> cases = {
      {"containerd, CRI-O; allowPrivilegeEscalation: false", 65532, kTheThree, true, true, ""},
      {"containerd, CRI-O; allowPrivilegeEscalation: true", 65532, kTheThree, true, false, ""},
      {"Docker Engine", 65532, kTheThree, false, false, ""},
      {"Docker Engine, no-new-privileges", 65532, kTheThree, false, true, all},
      {"no capabilities", 65532, 0, true, true, all},
      {"one is missing", 65532, CapabilitySet({kCapNetAdmin, kCapPerfmon}), true, true,
       "without CAP_BPF"},
      {"one is missing, escalation allowed", 65532, CapabilitySet({kCapBpf, kCapNetAdmin}), false,
       false, "without CAP_PERFMON"},
      {"another user", 1000, kTheThree, true, true, ""},
      {"root", 0, kTheThree, true, true, ""},
  };
  const ScratchFolder folder;
  const Image image = Require(Image::Unpack("audio-latency-probe", folder.path()));
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  for (const Case& tried : cases) {
    CAPTURE(tried.what);
    ContainerOptions container = image.Container();
    container.user = tried.user;
    container.capabilities = tried.capabilities;
    container.keeps_permitted = tried.keeps_permitted;
    container.no_new_privileges = tried.no_new_privileges;
    CHECK(Run(network, container, {"--version"}).exit_status == 0);
    const CommandResult checked =
        Run(network, container, {"check", "--interface", "lo", "-o", "json"});
    INFO(checked.output << checked.error);
    CHECK(checked.exit_status == (tried.missing.empty() ? 0 : 1));
    const auto answer = nlohmann::json::parse(checked.output);
    CHECK(answer.at("ok") == tried.missing.empty());
    const std::string found = FoundOf(answer, "capabilities");
    if (tried.missing.empty()) {
      CHECK_THAT(FoundOf(answer, "capture programs"), Catch::StartsWith("loaded in "));
    } else {
      CHECK_THAT(found, Catch::EndsWith(tried.missing));
    }
  }
}

TEST_CASE("the correlator's image needs no right: check of its programs' versions and options") {
  const ScratchFolder folder;
  const Image image = Require(Image::Unpack("audio-latency-correlator", folder.path()));
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  for (const std::string program : {"audio-latency-correlator", "audio-latency"}) {
    CAPTURE(program);
    ProcessOptions options;
    options.arguments = ContainerCommand(image.Container(), "/usr/bin/" + program);
    options.arguments.emplace_back("--version");
    options.network = &network;
    const CommandResult result = Require(RunCommand(options));
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.output, Catch::StartsWith(program + " "));
  }
}

}  // namespace
}  // namespace audio_latency::lab
