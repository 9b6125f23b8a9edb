// As much of netlink as the probe needs: ask for one thing or a dump, hear of changes.

#ifndef PROBE_CAPTURE_NETLINK_H_
#define PROBE_CAPTURE_NETLINK_H_

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"

namespace audio_latency::probe {

// One message: its type (RTM_NEWLINK, …) and what follows the netlink header.
struct NetlinkMessage {
  uint16_t type = 0;
  std::string_view payload;
};

// The fixed structure that a payload begins with, all zero where the payload is too short.
template <typename T>
T NetlinkHeader(std::string_view payload) {
  static_assert(std::is_trivially_copyable_v<T>);
  T header = {};
  if (payload.size() >= sizeof(T)) {
    std::memcpy(&header, payload.data(), sizeof(T));
  }
  return header;
}

// Calls `visit` with type and value of each attribute behind the first `header_bytes` of `payload`.
// A malformed attribute ends the walk.
void ForEachAttribute(std::string_view payload, size_t header_bytes,
                      const std::function<void(uint16_t type, std::string_view value)>& visit);

// The number in an attribute's value; 0 where it is too short.
uint32_t AttributeU32(std::string_view value);
// The text in an attribute's value, without the zero at its end.
std::string_view AttributeText(std::string_view value);

// A socket in the network namespace of the thread that opens it. Not thread-safe. Move-only.
class NetlinkSocket {
 public:
  // `groups`: RTMGRP_LINK and the like; 0 for requests only. `protocol`: NETLINK_ROUTE or another.
  static absl::StatusOr<NetlinkSocket> Open(uint32_t groups, int protocol = NETLINK_ROUTE);

  // Sends a dump request (`type` RTM_GETLINK, …; `header`: the structure of the request) and calls
  // `visit` with each answer until the dump is complete.
  template <typename T>
  absl::Status Dump(uint16_t type, const T& header,
                    const std::function<void(const NetlinkMessage&)>& visit) {
    static_assert(std::is_trivially_copyable_v<T>);
    return DumpBytes(type, std::string_view(reinterpret_cast<const char*>(&header), sizeof(T)),
                     visit);
  }

  // Asks for one thing: sends `header` as a request of `type` and calls `visit` with the answer.
  // The kernel's refusal comes as its errno's status: NOT_FOUND for ENOENT and ENODEV,
  // INVALID_ARGUMENT for EINVAL.
  template <typename T>
  absl::Status Get(uint16_t type, const T& header,
                   const std::function<void(const NetlinkMessage&)>& visit) {
    static_assert(std::is_trivially_copyable_v<T>);
    return GetBytes(type, std::string_view(reinterpret_cast<const char*>(&header), sizeof(T)),
                    visit);
  }

  // Waits at most `timeout_ms` for messages of the subscribed groups and calls `visit` with each of
  // those that are there. True when something came, or when the kernel had to drop some
  // (`visit` cannot be relied on to have seen everything, so look anew).
  absl::StatusOr<bool> Receive(int timeout_ms,
                               const std::function<void(const NetlinkMessage&)>& visit);

 private:
  explicit NetlinkSocket(FileDescriptor fd) : fd_(std::move(fd)) {}
  absl::Status DumpBytes(uint16_t type, std::string_view header,
                         const std::function<void(const NetlinkMessage&)>& visit);
  absl::Status GetBytes(uint16_t type, std::string_view header,
                        const std::function<void(const NetlinkMessage&)>& visit);
  // Sends a request and visits what comes until the kernel says that this was all; the errno of its
  // refusal, or 0, goes to `refusal`. Fails when the socket does.
  absl::Status Ask(uint16_t type, uint16_t flags, std::string_view header,
                   const std::function<void(const NetlinkMessage&)>& visit, int* refusal);

  FileDescriptor fd_;
  uint32_t sequence_ = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_NETLINK_H_
