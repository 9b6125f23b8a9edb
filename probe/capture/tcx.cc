#include "probe/capture/tcx.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace audio_latency::probe {
namespace {

constexpr uint32_t kAttachTypeTcxIngress = 46;
constexpr uint32_t kAttachTypeTcxEgress = 47;
// Without a neighbour: before all others, after all others.
constexpr uint32_t kBefore = 1U << 3;
constexpr uint32_t kAfter = 1U << 4;
// The kernel takes no more at one hook (BPF_MPROG_MAX).
constexpr uint32_t kMostPrograms = 64;

// The parts of union bpf_attr that the commands read.
struct LinkCreateAttributes {
  uint32_t program_fd;
  uint32_t interface_index;
  uint32_t attach_type;
  uint32_t flags;
  uint32_t relative_fd;
  uint32_t reserved;
  uint64_t expected_revision;
};
static_assert(sizeof(LinkCreateAttributes) == 32);

struct QueryAttributes {
  uint32_t interface_index;
  uint32_t attach_type;
  uint32_t query_flags;
  uint32_t attach_flags;
  uint64_t program_ids;
  uint32_t count;
  uint32_t reserved;
  uint64_t program_attach_flags;
  uint64_t link_ids;
  uint64_t link_attach_flags;
  uint64_t revision;
};
static_assert(sizeof(QueryAttributes) == 64);

struct ObjectInfoAttributes {
  uint32_t fd;
  uint32_t info_bytes;
  uint64_t info;
};

// The beginning of struct bpf_link_info.
struct TcxLinkInfo {
  uint32_t type;
  uint32_t id;
  uint32_t program_id;
  uint32_t padding;
  // 0 when it is attached to nothing any more.
  uint32_t interface_index;
  uint32_t attach_type;
};

template <typename Attributes>
int Call(bpf_cmd command, Attributes* attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, attributes, sizeof(*attributes)));
}

uint32_t AttachType(capture_direction direction) {
  return direction == CAPTURE_DIRECTION_EGRESS ? kAttachTypeTcxEgress : kAttachTypeTcxIngress;
}

}  // namespace

int CreateTcxLink(int program_fd, uint32_t interface_index, capture_direction direction,
                  bool at_head) {
  LinkCreateAttributes attributes = {};
  attributes.program_fd = static_cast<uint32_t>(program_fd);
  attributes.interface_index = interface_index;
  attributes.attach_type = AttachType(direction);
  attributes.flags = at_head ? kBefore : kAfter;
  return Call(BPF_LINK_CREATE, &attributes);
}

bool TcxLinkIsAttached(int link_fd) {
  TcxLinkInfo info = {};
  ObjectInfoAttributes attributes = {};
  attributes.fd = static_cast<uint32_t>(link_fd);
  attributes.info_bytes = sizeof(info);
  attributes.info = reinterpret_cast<uint64_t>(&info);
  return Call(BPF_OBJ_GET_INFO_BY_FD, &attributes) != 0 || info.interface_index != 0;
}

absl::StatusOr<std::vector<uint32_t>> ListTcxPrograms(uint32_t interface_index,
                                                      capture_direction direction) {
  std::vector<uint32_t> ids(kMostPrograms);
  QueryAttributes attributes = {};
  attributes.interface_index = interface_index;
  attributes.attach_type = AttachType(direction);
  attributes.program_ids = reinterpret_cast<uint64_t>(ids.data());
  attributes.count = kMostPrograms;
  if (Call(BPF_PROG_QUERY, &attributes) != 0) {
    const int error = errno;
    // EINVAL: the kernel does not know this attach type. ENOENT: nothing there.
    if (error == EINVAL || error == ENOENT || error == ENODEV) {
      return std::vector<uint32_t>();
    }
    const std::string message = fmt::format("cannot ask for the tcx programs of interface {}: {}",
                                            interface_index, std::strerror(error));
    return error == EPERM ? absl::PermissionDeniedError(message) : absl::UnavailableError(message);
  }
  ids.resize(attributes.count);
  return ids;
}

}  // namespace audio_latency::probe
