#include "probe/containers/cgroup_path.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <string>
#include <utility>

namespace audio_latency::probe {
namespace {

constexpr size_t kContainerIdDigits = 64;
// xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx (RFC 4122)
constexpr size_t kUuidCharacters = 36;
constexpr std::array<size_t, 4> kUuidDashes = {8, 13, 18, 23};
// A static pod's: an MD5 of its manifest.
constexpr size_t kManifestHashDigits = 32;
constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kScope = ".scope";
// /proc/PID/cgroup of a process whose cgroup was removed.
constexpr std::string_view kDeleted = " (deleted)";
// More than there are controllers.
constexpr int kMostLines = 64;

// How the runtimes name a container's cgroup; cri-dockerd as docker does.
struct RuntimeName {
  std::string_view name;
  ContainerRuntime runtime;
};
constexpr std::array<RuntimeName, 4> kRuntimeNames = {{
    {"docker", ContainerRuntime::kDocker},
    {"cri-containerd", ContainerRuntime::kContainerd},
    {"nerdctl", ContainerRuntime::kContainerd},
    {"crio", ContainerRuntime::kCrio},
}};
// The monitor of a container, which runs on the node, not in the container.
constexpr std::string_view kCrioMonitor = "crio-conmon-";

bool IsHexadecimal(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
}

bool AreHexadecimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(), IsHexadecimal);
}

bool IsContainerId(std::string_view text) {
  return text.size() == kContainerIdDigits && AreHexadecimal(text);
}

std::optional<ContainerRuntime> RuntimeNamed(std::string_view name) {
  for (const RuntimeName& known : kRuntimeNames) {
    if (known.name == name) {
      return known.runtime;
    }
  }
  return std::nullopt;
}

// A pod's uid with dashes, or nothing. systemd's names have '_' for '-'.
std::optional<std::string> PodUid(std::string_view text) {
  if (text.size() == kManifestHashDigits && AreHexadecimal(text)) {
    return std::string(text);
  }
  if (text.size() != kUuidCharacters) {
    return std::nullopt;
  }
  std::string uid(text);
  for (size_t i = 0; i < uid.size(); ++i) {
    const bool is_dash_due =
        std::find(kUuidDashes.begin(), kUuidDashes.end(), i) != kUuidDashes.end();
    if (is_dash_due ? uid[i] != '-' && uid[i] != '_' : !IsHexadecimal(uid[i])) {
      return std::nullopt;
    }
    if (is_dash_due) {
      uid[i] = '-';
    }
  }
  return uid;
}

// "pod<uid>" of the driver cgroupfs, "[…-]kubepods[-<class>]-pod<uid>.slice" of systemd's.
std::optional<std::string> PodOfSegment(std::string_view segment) {
  constexpr std::string_view kPod = "pod";
  if (!segment.ends_with(kSlice)) {
    return segment.starts_with(kPod) ? PodUid(segment.substr(kPod.size())) : std::nullopt;
  }
  segment.remove_suffix(kSlice.size());
  constexpr std::string_view kPodInSlice = "-pod";
  const size_t group = segment.find("kubepods");
  const size_t pod = segment.rfind(kPodInSlice);
  if (group == std::string_view::npos || pod == std::string_view::npos || pod < group) {
    return std::nullopt;
  }
  return PodUid(segment.substr(pod + kPodInSlice.size()));
}

struct Container {
  ContainerRuntime runtime = ContainerRuntime::kUnknown;
  std::string_view id;
};

// "<runtime>-<id>.scope" of systemd, "<runtime>-<id>" and "<id>" of cgroupfs.
std::optional<Container> ContainerOfSegment(std::string_view segment, std::string_view parent) {
  if (segment.ends_with(kScope)) {
    segment.remove_suffix(kScope.size());
  } else if (IsContainerId(segment)) {
    return Container{parent == "docker" ? ContainerRuntime::kDocker : ContainerRuntime::kUnknown,
                     segment};
  }
  const size_t dash = segment.rfind('-');
  if (dash == std::string_view::npos || !IsContainerId(segment.substr(dash + 1))) {
    return std::nullopt;
  }
  const std::optional<ContainerRuntime> runtime = RuntimeNamed(segment.substr(0, dash));
  return runtime.has_value() ? std::optional(Container{*runtime, segment.substr(dash + 1)})
                             : std::nullopt;
}

// Follows a path from the root on.
class PathReader {
 public:
  explicit PathReader(ContainerRuntime only) : only_(only) {}

  // False: nothing below this is in a container.
  bool Take(std::string_view segment) {
    if (segment.starts_with(kCrioMonitor)) {
      return false;
    }
    const std::string_view parent = std::exchange(parent_, segment);
    // containerd with the driver cgroupfs, told a name of systemd's form: all three in one.
    if (const size_t colon = segment.find(':'); colon != std::string_view::npos) {
      const size_t second = segment.find(':', colon + 1);
      if (second == std::string_view::npos || !IsContainerId(segment.substr(second + 1))) {
        return true;
      }
      const std::optional<ContainerRuntime> runtime =
          RuntimeNamed(segment.substr(colon + 1, second - colon - 1));
      const std::optional<std::string> pod = PodOfSegment(segment.substr(0, colon));
      if (runtime.has_value() && pod.has_value()) {
        TakePod(*pod);
        TakeContainer({*runtime, segment.substr(second + 1)});
      }
      return true;
    }
    if (const std::optional<std::string> pod = PodOfSegment(segment)) {
      TakePod(*pod);
    } else if (const std::optional<Container> container = ContainerOfSegment(segment, parent)) {
      TakeContainer(*container);
    }
    return true;
  }

  const std::optional<ContainerIdentity>& found() const { return found_; }

 private:
  void TakePod(const std::string& uid) {
    // A container further out is the machine that the pod runs on.
    found_.emplace();
    found_->pod_uid = uid;
  }

  void TakeContainer(const Container& container) {
    const bool may_be_wanted = only_ == ContainerRuntime::kUnknown ||
                               container.runtime == ContainerRuntime::kUnknown ||
                               container.runtime == only_;
    if (!may_be_wanted) {
      found_.reset();
      return;
    }
    if (!found_.has_value()) {
      found_.emplace();
    }
    found_->runtime = container.runtime == ContainerRuntime::kUnknown ? only_ : container.runtime;
    found_->container_id = std::string(container.id);
  }

  const ContainerRuntime only_;
  std::string_view parent_;
  std::optional<ContainerIdentity> found_;
};

}  // namespace

std::optional<ContainerIdentity> ParseCgroupPath(std::string_view path, ContainerRuntime only) {
  if (path.size() > PATH_MAX) {
    return std::nullopt;
  }
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  PathReader reader(only);
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0 && !reader.Take(path.substr(0, slash))) {
      return std::nullopt;
    }
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return reader.found();
}

std::optional<ContainerIdentity> ParseProcCgroup(std::string_view text, ContainerRuntime only) {
  std::optional<ContainerIdentity> first;
  for (int line_number = 0; line_number < kMostLines && !text.empty(); ++line_number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // The path may hold colons too.
    const size_t controllers = line.find(':');
    const size_t path =
        controllers == std::string_view::npos ? controllers : line.find(':', controllers + 1);
    if (path == std::string_view::npos) {
      continue;
    }
    std::optional<ContainerIdentity> found = ParseCgroupPath(line.substr(path + 1), only);
    const bool is_unified = line.starts_with("0::");
    if (found.has_value() && (is_unified || !first.has_value())) {
      first = std::move(found);
      if (is_unified) {
        break;
      }
    }
  }
  return first;
}

}  // namespace audio_latency::probe
