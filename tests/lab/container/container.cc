#include "tests/lab/container/container.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "common/status/status_macros.h"
#include "tests/lab/errno_status.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

namespace fs = std::filesystem;

constexpr int kMostCapabilities = 64;

absl::Status Mount(const char* source, const std::string& target, const char* type,
                   unsigned long flags) {  // NOLINT(runtime/int): as mount(2) has it
  if (mount(source, target.c_str(), type, flags, nullptr) != 0) {
    return ErrnoStatus(fmt::format("mounting {} at {}", source, target));
  }
  return absl::OkStatus();
}

// A folder or an empty file to mount something at.
absl::Status MakeMountPoint(const fs::path& target, bool is_folder) {
  std::error_code error;
  fs::create_directories(is_folder ? target : target.parent_path(), error);
  if (error) {
    return absl::InternalError(
        fmt::format("making the mount point {}: {}", target.string(), error.message()));
  }
  if (!is_folder) {
    std::ofstream(target, std::ios::app).flush();
  }
  return absl::OkStatus();
}

absl::Status Bind(const std::string& source, const std::string& target, bool is_read_only) {
  RETURN_IF_ERROR(MakeMountPoint(target, fs::is_directory(source)));
  RETURN_IF_ERROR(Mount(source.c_str(), target, nullptr, MS_BIND));
  return is_read_only ? Mount("none", target, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY)
                      : absl::OkStatus();
}

absl::Status MountAll(const ContainerOptions& options) {
  const std::string& root = options.root;
  if (unshare(CLONE_NEWNS) != 0) {
    return ErrnoStatus("making a mount namespace");
  }
  RETURN_IF_ERROR(Mount("none", "/", nullptr, MS_REC | MS_PRIVATE));
  RETURN_IF_ERROR(Mount(root.c_str(), root, nullptr, MS_BIND));
  for (const char* const folder : {"/proc", "/sys", "/dev"}) {
    RETURN_IF_ERROR(MakeMountPoint(root + folder, true));
  }
  RETURN_IF_ERROR(Mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC));
  RETURN_IF_ERROR(
      Mount("sysfs", root + "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY));
  RETURN_IF_ERROR(Mount("tmpfs", root + "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC));
  for (const char* const device : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}) {
    RETURN_IF_ERROR(Bind(device, root + device, false));
  }
  for (const ContainerMount& mounted : options.mounts) {
    RETURN_IF_ERROR(Bind(mounted.source, root + mounted.target, true));
  }
  return Mount("none", root, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY);
}

// The old root is mounted over the new one, and then taken away: nothing of it can be reached.
absl::Status EnterRoot(const std::string& root) {
  if (chdir(root.c_str()) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
      umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
    return ErrnoStatus(fmt::format("entering the root file system {}", root));
  }
  return absl::OkStatus();
}

absl::Status CutBoundingSet(uint64_t kept) {
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    const bool is_kept = (kept >> capability & 1) != 0;
    if (!is_kept && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1 &&
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return ErrnoStatus("cutting down the bounding set");
    }
  }
  return absl::OkStatus();
}

// In the order in which runc does it.
absl::Status GiveUpRights(const ContainerOptions& options) {
  if (options.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return ErrnoStatus("setting no_new_privs");
  }
  RETURN_IF_ERROR(CutBoundingSet(options.capabilities));
  const uid_t user = options.user;
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, nullptr) != 0 ||
      setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0) {
    return ErrnoStatus(fmt::format("becoming user {}", user));
  }
  __user_cap_header_struct header = {};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data = {};
  const uint64_t permitted = options.keeps_permitted || user == 0 ? options.capabilities : 0;
  for (size_t half = 0; half < data.size(); ++half) {
    data[half].permitted = static_cast<uint32_t>(permitted >> (32 * half));
    data[half].effective = data[half].permitted;
  }
  if (syscall(SYS_capset, &header, data.data()) != 0) {
    return ErrnoStatus("setting the capabilities");
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> ContainerCommand(const ContainerOptions& options,
                                          const std::string& program) {
  std::vector<std::string> command = {BuiltProgram("lab-container"),
                                      "--root",
                                      options.root,
                                      "--user",
                                      std::to_string(options.user),
                                      "--capabilities",
                                      std::to_string(options.capabilities)};
  if (!options.keeps_permitted) {
    command.emplace_back("--empty-permitted");
  }
  if (!options.no_new_privileges) {
    command.emplace_back("--allow-privilege-escalation");
  }
  for (const ContainerMount& mounted : options.mounts) {
    command.insert(command.end(), {"--mount", mounted.source, mounted.target});
  }
  command.insert(command.end(), {"--", program});
  return command;
}

absl::Status BecomeContainer(const ContainerOptions& options,
                             const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  RETURN_IF_ERROR(MountAll(options));
  RETURN_IF_ERROR(EnterRoot(options.root));
  RETURN_IF_ERROR(GiveUpRights(options));
  execv(arguments[0], arguments.data());
  return ErrnoStatus(fmt::format("executing {}", command.front()));
}

}  // namespace audio_latency::lab
