#include "tests/lab/devices/overlay_device.h"

#include <fmt/format.h>

#include "common/status/status_macros.h"

namespace audio_latency::lab {
namespace {

// What `ip link add overlay0` is told.
std::string LinkType(const OverlayOptions& options) {
  const std::string ends =
      fmt::format("local {} remote {}", options.local_address, options.remote_address);
  const bool is_ipv6 = options.local_address.find(':') != std::string::npos;
  switch (options.kind) {
    case OverlayKind::kVxlan:
      return fmt::format("type vxlan id 42 {} dstport 4789", ends);
    case OverlayKind::kVxlanOfFlannel:
      return fmt::format("type vxlan id 1 {} dstport 8472", ends);
    case OverlayKind::kGeneve:
      return fmt::format("type geneve id 42 remote {}", options.remote_address);
    case OverlayKind::kIpip:
      return fmt::format("type ipip {}", ends);
    case OverlayKind::kIpInIp:
      return fmt::format("type {} {} mode any", is_ipv6 ? "ip6tnl" : "sit", ends);
    case OverlayKind::kVlan:
      return "link eth0 type vlan id 5";
  }
  return "";
}

class KernelOverlay final : public OverlayDevice {
 public:
  explicit KernelOverlay(const NetworkNamespace& network) : network_(network) {}
  ~KernelOverlay() override {
    network_.Configure(fmt::format("link del {}\n", kName)).IgnoreError();
  }
  bool is_kernels() const override { return true; }

 private:
  const NetworkNamespace& network_;
};

}  // namespace

const char* OverlayKindName(OverlayKind kind) {
  switch (kind) {
    case OverlayKind::kVxlan:
      return "vxlan";
    case OverlayKind::kVxlanOfFlannel:
      return "vxlan on flannel's port";
    case OverlayKind::kGeneve:
      return "geneve";
    case OverlayKind::kIpip:
      return "ipip";
    case OverlayKind::kIpInIp:
      return "IP in IP";
    case OverlayKind::kVlan:
      return "vlan";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<OverlayDevice>> OverlayDevice::Create(
    const NetworkNamespace& network, const OverlayOptions& options) {
  std::unique_ptr<OverlayDevice> device;
  const absl::Status added =
      network.Configure(fmt::format("link add {} {}\n", kName, LinkType(options)));
  if (added.ok()) {
    device = std::make_unique<KernelOverlay>(network);
  } else if (Message(added).find("Unknown device type") != std::string::npos) {
    ASSIGN_OR_RETURN(device, MakeUserSpaceOverlay(network, options));
  } else {
    return added;
  }
  RETURN_IF_ERROR(
      network.Configure(fmt::format("addr add {1}/24 dev {0}\n"
                                    "link set {0} mtu 1400\n"
                                    "link set {0} up\n"
                                    "addr add {2}/64 dev {0} nodad\n",
                                    kName, options.address, options.address_ipv6)));
  return device;
}

}  // namespace audio_latency::lab
