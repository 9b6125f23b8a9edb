#include "probe/capture/netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "fmt/format.h"

namespace audio_latency::probe {
namespace {

constexpr size_t kReceiveBytes = size_t{64} * 1024;

constexpr size_t Align(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

absl::Status SystemError(std::string_view what) {
  return absl::UnavailableError(fmt::format(
      "cannot {} the kernel's list of interfaces (netlink): {}", what, std::strerror(errno)));
}

// Calls `visit` with each message in what one recv gave.
void ForEachMessage(std::string_view datagram,
                    const std::function<void(const nlmsghdr&, std::string_view)>& visit) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header = {};
    std::memcpy(&header, datagram.data(), sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > datagram.size()) {
      return;
    }
    visit(header, datagram.substr(sizeof(header), header.nlmsg_len - sizeof(header)));
    datagram.remove_prefix(std::min(datagram.size(), Align(header.nlmsg_len)));
  }
}

}  // namespace

void ForEachAttribute(std::string_view payload, size_t header_bytes,
                      const std::function<void(uint16_t, std::string_view)>& visit) {
  struct AttributeHeader {
    uint16_t length;
    uint16_t type;
  };
  payload.remove_prefix(std::min(payload.size(), Align(header_bytes)));
  while (payload.size() >= sizeof(AttributeHeader)) {
    const auto header = NetlinkHeader<AttributeHeader>(payload);
    if (header.length < sizeof(header) || header.length > payload.size()) {
      return;
    }
    visit(header.type & NLA_TYPE_MASK,
          payload.substr(sizeof(header), header.length - sizeof(header)));
    payload.remove_prefix(std::min(payload.size(), Align(header.length)));
  }
}

uint32_t AttributeU32(std::string_view value) { return NetlinkHeader<uint32_t>(value); }

std::string_view AttributeText(std::string_view value) { return value.substr(0, value.find('\0')); }

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(uint32_t groups, int protocol) {
  NetlinkSocket opened(FileDescriptor(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)));
  if (!opened.fd_.is_open()) {
    return SystemError("open");
  }
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(opened.fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return SystemError("subscribe to");
  }
  return opened;
}

absl::Status NetlinkSocket::DumpBytes(uint16_t type, std::string_view header,
                                      const std::function<void(const NetlinkMessage&)>& visit) {
  int refusal = 0;
  RETURN_IF_ERROR(Ask(type, NLM_F_DUMP, header, visit, &refusal));
  if (refusal != 0) {
    errno = refusal;
    return SystemError("read");
  }
  return absl::OkStatus();
}

absl::Status NetlinkSocket::GetBytes(uint16_t type, std::string_view header,
                                     const std::function<void(const NetlinkMessage&)>& visit) {
  int refusal = 0;
  // Kernels before 6.7 answer the one who asks for a qdisc only if told so by NLM_F_ECHO. An answer
  // to a single request has no end of its own, hence NLM_F_ACK.
  RETURN_IF_ERROR(Ask(type, NLM_F_ECHO | NLM_F_ACK, header, visit, &refusal));
  return refusal == 0 ? absl::OkStatus()
                      : absl::ErrnoToStatus(refusal, "the kernel refuses a question (netlink)");
}

absl::Status NetlinkSocket::Ask(uint16_t type, uint16_t flags, std::string_view header,
                                const std::function<void(const NetlinkMessage&)>& visit,
                                int* refusal) {
  nlmsghdr request = {};
  request.nlmsg_len = static_cast<uint32_t>(sizeof(request) + header.size());
  request.nlmsg_type = type;
  request.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  request.nlmsg_seq = ++sequence_;
  std::string bytes(reinterpret_cast<const char*>(&request), sizeof(request));
  bytes.append(header);
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) {
    return SystemError("ask for");
  }
  std::vector<char> buffer(kReceiveBytes);
  bool is_done = false;
  while (!is_done) {
    const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0) {
      if (errno == EINTR) {
        continue;
      }
      return SystemError("read");
    }
    ForEachMessage(std::string_view(buffer.data(), static_cast<size_t>(received)),
                   [&](const nlmsghdr& message, std::string_view payload) {
                     if (message.nlmsg_seq != sequence_) {
                       return;
                     }
                     if (message.nlmsg_type == NLMSG_DONE) {
                       is_done = true;
                     } else if (message.nlmsg_type == NLMSG_ERROR) {
                       // With 0 for an error it is an acknowledgement.
                       *refusal = -NetlinkHeader<nlmsgerr>(payload).error;
                       is_done = true;
                     } else {
                       visit({message.nlmsg_type, payload});
                     }
                   });
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> NetlinkSocket::Receive(
    int timeout_ms, const std::function<void(const NetlinkMessage&)>& visit) {
  bool changed = false;
  std::vector<char> buffer(kReceiveBytes);
  pollfd waiting = {};
  waiting.fd = fd_.get();
  waiting.events = POLLIN;
  while (::poll(&waiting, 1, changed ? 0 : timeout_ms) > 0) {
    const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (received < 0 && (errno == EINTR || errno == EAGAIN)) {
      continue;
    }
    changed = true;
    if (received < 0) {
      if (errno == ENOBUFS) {
        continue;
      }
      return SystemError("follow");
    }
    ForEachMessage(std::string_view(buffer.data(), static_cast<size_t>(received)),
                   [&](const nlmsghdr& message, std::string_view payload) {
                     visit({message.nlmsg_type, payload});
                   });
  }
  return changed;
}

}  // namespace audio_latency::probe
