#include "tests/lab/devices/tun_device.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

constexpr size_t kLongestPacketBytes = 70000;

}  // namespace

absl::StatusOr<TunDevice> TunDevice::Create(const std::string& name, TunMode mode) {
  FileDescriptor descriptor(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor.is_open()) {
    return ErrnoStatus("cannot open /dev/net/tun");
  }
  ifreq request = {};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<int16_t>((mode == TunMode::kTun ? IFF_TUN : IFF_TAP) | IFF_NO_PI);
  if (ioctl(descriptor.get(), TUNSETIFF, &request) != 0) {
    return ErrnoStatus("cannot make the device " + name);
  }
  return TunDevice(std::move(descriptor));
}

absl::StatusOr<std::optional<std::vector<uint8_t>>> TunDevice::Read(int timeout_ms) const {
  pollfd readable = {descriptor_.get(), POLLIN, 0};
  if (poll(&readable, 1, timeout_ms) <= 0) {
    return std::nullopt;
  }
  std::vector<uint8_t> packet(kLongestPacketBytes);
  const ssize_t bytes = read(descriptor_.get(), packet.data(), packet.size());
  if (bytes < 0) {
    // The device is down.
    return errno == EAGAIN || errno == EIO
               ? absl::StatusOr<std::optional<std::vector<uint8_t>>>(std::nullopt)
               : ErrnoStatus("cannot read from the device");
  }
  packet.resize(static_cast<size_t>(bytes));
  return packet;
}

absl::Status TunDevice::Write(std::span<const uint8_t> packet) const {
  return write(descriptor_.get(), packet.data(), packet.size()) ==
                 static_cast<ssize_t>(packet.size())
             ? absl::OkStatus()
             : ErrnoStatus("cannot write to the device");
}

absl::Status TunDevice::SetHardwareType(uint16_t hardware_type) const {
  return ioctl(descriptor_.get(), TUNSETLINK, static_cast<unsigned long>(hardware_type)) == 0
             ? absl::OkStatus()
             : ErrnoStatus("cannot set the device's hardware type");
}

}  // namespace audio_latency::lab
