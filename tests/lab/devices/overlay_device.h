// The device through which a node reaches the pods of another node in an overlay network.

#ifndef TESTS_LAB_DEVICES_OVERLAY_DEVICE_H_
#define TESTS_LAB_DEVICES_OVERLAY_DEVICE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {

enum class OverlayKind {
  kVxlan,
  kVxlanOfFlannel,
  kGeneve,
  // IPv4 within IPv4.
  kIpip,
  // IPv4 and IPv6 within the underlay's IPv4 or IPv6.
  kIpInIp,
  // IEEE 802.1Q, tag 5.
  kVlan,
};

// "vxlan", …
const char* OverlayKindName(OverlayKind kind);

struct OverlayOptions {
  OverlayKind kind = OverlayKind::kVxlan;
  // Of the two nodes' eth0, both IPv4 or both IPv6.
  std::string local_address;
  std::string remote_address;
  // Of the device.
  std::string address;
  std::string address_ipv6;
};

// "overlay0" of a node, until it is destroyed.
class OverlayDevice {
 public:
  static constexpr char kName[] = "overlay0";

  // The kernel's own device where this kernel has it; else a stand-in in user space that sends the
  // same packets over the node's eth0. `network` must outlive the device.
  static absl::StatusOr<std::unique_ptr<OverlayDevice>> Create(const NetworkNamespace& network,
                                                               const OverlayOptions& options);
  virtual ~OverlayDevice() = default;

  virtual bool is_kernels() const = 0;
};

// The stand-in; not yet configured. For OverlayDevice.
absl::StatusOr<std::unique_ptr<OverlayDevice>> MakeUserSpaceOverlay(const NetworkNamespace& network,
                                                                    const OverlayOptions& options);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEVICES_OVERLAY_DEVICE_H_
