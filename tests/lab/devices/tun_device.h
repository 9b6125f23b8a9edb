// A network device whose other side is a file descriptor of this process.

#ifndef TESTS_LAB_DEVICES_TUN_DEVICE_H_
#define TESTS_LAB_DEVICES_TUN_DEVICE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"

namespace audio_latency::lab {

enum class TunMode {
  // IP packets, no Ethernet header.
  kTun,
  // Ethernet frames.
  kTap,
};

// Gone when it is destroyed.
class TunDevice {
 public:
  // In the network namespace of the calling thread.
  static absl::StatusOr<TunDevice> Create(const std::string& name, TunMode mode);

  // What the kernel sent into the device; nothing when nothing came within the time.
  absl::StatusOr<std::optional<std::vector<uint8_t>>> Read(int timeout_ms) const;
  // Lets the kernel receive a packet.
  absl::Status Write(std::span<const uint8_t> packet) const;
  // Makes the device one of another hardware type (ARPHRD_*); it must be down.
  absl::Status SetHardwareType(uint16_t hardware_type) const;

 private:
  explicit TunDevice(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}

  FileDescriptor descriptor_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEVICES_TUN_DEVICE_H_
