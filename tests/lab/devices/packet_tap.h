// Every packet of an interface, as the kernel hands it to packet sockets.

#ifndef TESTS_LAB_DEVICES_PACKET_TAP_H_
#define TESTS_LAB_DEVICES_PACKET_TAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"
#include "common/process/file_descriptor.h"

namespace audio_latency::lab {

struct TappedPacket {
  // From the link's header on; a VLAN tag that the kernel keeps beside the packet is not in it.
  std::vector<uint8_t> bytes;
  capture_direction direction = CAPTURE_DIRECTION_INGRESS;
};

// Records from Open on.
class PacketTap {
 public:
  // In the network namespace of the calling thread.
  static absl::StatusOr<PacketTap> Open(const std::string& interface_name);

  // All packets so far. DATA_LOSS when there was no room for some.
  absl::StatusOr<std::vector<TappedPacket>> Take() const;

 private:
  explicit PacketTap(FileDescriptor socket) : socket_(std::move(socket)) {}

  FileDescriptor socket_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEVICES_PACKET_TAP_H_
