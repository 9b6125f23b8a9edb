// Names of cgroups as a hostile container could make them. What is told of them must be well
// formed, and no more than there is.
//
// Input: which runtime, then the text of a /proc/PID/cgroup.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "probe/containers/cgroup_path.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {
namespace {

using probe::ContainerIdentity;
using probe::ContainerRuntime;

bool AreHexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// As systemd writes a uid.
std::string WithUnderscores(std::string uid) {
  std::replace(uid.begin(), uid.end(), '-', '_');
  return uid;
}

// The uid stands in the text, with any of the two signs.
bool Holds(std::string_view text, const std::string& uid) {
  return WithUnderscores(std::string(text)).find(WithUnderscores(uid)) != std::string::npos;
}

void Check(const std::optional<ContainerIdentity>& found, std::string_view text,
           ContainerRuntime only) {
  if (!found.has_value()) {
    return;
  }
  FUZZ_CHECK(!found->container_id.empty() || !found->pod_uid.empty());
  FUZZ_CHECK(found->container_id.empty() ||
             (found->container_id.size() == 64 && AreHexadecimal(found->container_id)));
  FUZZ_CHECK(text.find(found->container_id) != std::string_view::npos);
  FUZZ_CHECK(found->pod_uid.empty() || found->pod_uid.size() == 32 || found->pod_uid.size() == 36);
  FUZZ_CHECK(Holds(text, found->pod_uid));
  FUZZ_CHECK(only == ContainerRuntime::kUnknown || found->container_id.empty() ||
             found->runtime == only);
}

void Run(Input input) {
  const auto only = static_cast<ContainerRuntime>(input.Byte() % 4);
  const std::span<const uint8_t> bytes = input.Rest();
  const std::string text(bytes.begin(), bytes.end());
  Check(probe::ParseProcCgroup(text, only), text, only);
  const std::optional<ContainerIdentity> path = probe::ParseCgroupPath(text, only);
  Check(path, text, only);
  // A path says the same as a line; the line of version 2 goes before the one below it.
  if (text.find('\n') == std::string::npos) {
    FUZZ_CHECK(probe::ParseProcCgroup("0::" + text, only) == path);
    FUZZ_CHECK(!path.has_value() ||
               probe::ParseProcCgroup("0::" + text + "\n1:cpu:/docker/" + std::string(64, 'c'),
                                      only) == path);
  }
}

}  // namespace
}  // namespace audio_latency::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::fuzz::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
