#include "probe/privilege/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace audio_latency::probe {
namespace {

constexpr int kMostCapabilities = 64;

absl::Status SystemError(const char* what, const char* call) {
  return absl::InternalError(
      fmt::format("cannot {} capabilities: {} failed: {}; seccomp may "
                  "forbid it",
                  what, call, std::strerror(errno)));
}

using CapabilityData = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

__user_cap_header_struct Header() {
  __user_cap_header_struct header = {};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  return header;
}

// The bounding set, as far as this thread may.
void CutBoundingSet(uint64_t kept) {
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    const bool is_kept = (kept >> capability & 1) != 0;
    if (!is_kept && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1 &&
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return;  // EPERM: without CAP_SETPCAP
    }
  }
}

}  // namespace

std::string CapabilityNames(uint64_t set) {
  std::vector<std::string> names;
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    if ((set >> capability & 1) == 0) {
      continue;
    }
    switch (capability) {
      case kCapNetBindService:
        names.emplace_back("CAP_NET_BIND_SERVICE");
        break;
      case kCapNetAdmin:
        names.emplace_back("CAP_NET_ADMIN");
        break;
      case kCapSysAdmin:
        names.emplace_back("CAP_SYS_ADMIN");
        break;
      case kCapPerfmon:
        names.emplace_back("CAP_PERFMON");
        break;
      case kCapBpf:
        names.emplace_back("CAP_BPF");
        break;
      default:
        names.push_back(fmt::format("capability {}", capability));
    }
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

absl::Status RaiseCapabilities(uint64_t wanted) {
  __user_cap_header_struct header = Header();
  CapabilityData data = {};
  if (syscall(SYS_capget, &header, data.data()) != 0) {
    return SystemError("use", "capget");
  }
  bool changes = false;
  for (size_t half = 0; half < data.size(); ++half) {
    const uint32_t raised = data[half].effective |
                            (data[half].permitted & static_cast<uint32_t>(wanted >> (32 * half)));
    changes = changes || raised != data[half].effective;
    data[half].effective = raised;
  }
  if (changes && syscall(SYS_capset, &header, data.data()) != 0) {
    return SystemError("use", "capset");
  }
  return absl::OkStatus();
}

absl::Status DropCapabilitiesTo(uint64_t kept) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return SystemError("give up", "prctl(PR_SET_NO_NEW_PRIVS)");
  }
  CutBoundingSet(kept);
  // Kernels without ambient capabilities have none to clear.
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return SystemError("give up", "prctl(PR_CAP_AMBIENT)");
  }
  __user_cap_header_struct header = Header();
  CapabilityData data = {};
  if (syscall(SYS_capget, &header, data.data()) != 0) {
    return SystemError("give up", "capget");
  }
  for (size_t half = 0; half < data.size(); ++half) {
    const auto kept_half = static_cast<uint32_t>(kept >> (32 * half));
    data[half].permitted &= kept_half;
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data.data()) != 0) {
    return SystemError("give up", "capset");
  }
  return absl::OkStatus();
}

bool WorksWithCapabilities(uint64_t kept, const std::function<bool()>& work) {
  bool works = false;
  std::thread([&] { works = DropCapabilitiesTo(kept).ok() && work(); }).join();
  return works;
}

}  // namespace audio_latency::probe
