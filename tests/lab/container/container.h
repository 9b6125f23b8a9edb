// A program started from an image's root file system, as a container runtime starts it.

#ifndef TESTS_LAB_CONTAINER_CONTAINER_H_
#define TESTS_LAB_CONTAINER_CONTAINER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace audio_latency::lab {

// What is put into a container's root file system, read-only.
struct ContainerMount {
  // A file or folder outside.
  std::string source;
  // Its absolute path inside.
  std::string target;
};

// As a pod's securityContext says it, and as runtimes differ.
struct ContainerOptions {
  // A folder with the image's files; mount points that are not there are made in it.
  std::string root;
  uid_t user = 65532;
  // capabilities.add after dropping all: bit n is capability n.
  uint64_t capabilities = 0;
  // containerd's and CRI-O's: a user other than 0 has the capabilities up to the moment the program
  // is executed. Otherwise (Docker Engine) they are in the bounding set only.
  bool keeps_permitted = true;
  // allowPrivilegeEscalation is false.
  bool no_new_privileges = true;
  std::vector<ContainerMount> mounts;
};

// The command that becomes the program (an absolute path inside): `lab-container … -- program`, to
// which its arguments are added. It keeps the process id, the environment and the network; the file
// system is read-only, /sys too.
std::vector<std::string> ContainerCommand(const ContainerOptions& options,
                                          const std::string& program);

// Does what `lab-container` does, in the calling process, which must be root and have one thread:
// returns only when it failed.
absl::Status BecomeContainer(const ContainerOptions& options,
                             const std::vector<std::string>& command);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_CONTAINER_CONTAINER_H_
