#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "probe/capture/attachment.h"

namespace audio_latency::probe {
namespace {

// Of Linux 6.6; Debian 12's headers and libbpf are older.
constexpr uint32_t kAttachTypeTcxIngress = 46;
constexpr uint32_t kAttachTypeTcxEgress = 47;
constexpr uint32_t kBefore = 1U << 3;

// The part of union bpf_attr that BPF_LINK_CREATE reads for tcx.
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

// A link's file descriptor, or -1 and errno.
int CreateLink(int program_fd, uint32_t interface_index, uint32_t attach_type) {
  LinkCreateAttributes attributes = {};
  attributes.program_fd = static_cast<uint32_t>(program_fd);
  attributes.interface_index = interface_index;
  attributes.attach_type = attach_type;
  // Before nobody in particular: the head of the list.
  attributes.flags = kBefore;
  return static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// The kernel detaches a link when its last file descriptor is closed.
class TcxAttachment final : public Attachment {
 public:
  TcxAttachment(Descriptor ingress, Descriptor egress)
      : ingress_(std::move(ingress)), egress_(std::move(egress)) {}

 private:
  Descriptor ingress_;
  Descriptor egress_;
};

class TcxAttacher final : public Attacher {
 public:
  explicit TcxAttacher(const LinkLayerPrograms& programs) : programs_(programs) {}

  absl::StatusOr<std::unique_ptr<Attachment>> Attach(uint32_t interface_index,
                                                     const std::string& interface_name,
                                                     capture_link_layer link_layer) override {
    const ProgramFds& programs = programs_.For(link_layer);
    Descriptor ingress(CreateLink(programs.ingress, interface_index, kAttachTypeTcxIngress));
    if (ingress.get() < 0) {
      return AttachError(method(), interface_name, errno);
    }
    Descriptor egress(CreateLink(programs.egress, interface_index, kAttachTypeTcxEgress));
    if (egress.get() < 0) {
      return AttachError(method(), interface_name, errno);
    }
    return std::make_unique<TcxAttachment>(std::move(ingress), std::move(egress));
  }

  const char* method() const override { return "tcx"; }

 private:
  const LinkLayerPrograms programs_;
};

}  // namespace

bool TcxIsSupported(const LinkLayerPrograms& programs) {
  // No interface has index 0. A kernel with tcx looks for it and finds none; one without refuses
  // the attach type before that.
  const Descriptor link(CreateLink(programs.ethernet.ingress, 0, kAttachTypeTcxIngress));
  return link.get() >= 0 || errno == ENODEV;
}

std::unique_ptr<Attacher> MakeTcxAttacher(const LinkLayerPrograms& programs) {
  return std::make_unique<TcxAttacher>(programs);
}

}  // namespace audio_latency::probe
