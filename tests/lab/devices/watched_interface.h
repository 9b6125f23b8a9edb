// An interface with the probe's programs attached, and what they and the software say of it.

#ifndef TESTS_LAB_DEVICES_WATCHED_INTERFACE_H_
#define TESTS_LAB_DEVICES_WATCHED_INTERFACE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpf/capture_abi.h"
#include "common/config/port_set.h"
#include "probe/capture/attachment.h"
#include "probe/capture/counters.h"
#include "probe/config/probe_config.h"
#include "tests/lab/devices/packet_tap.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {

// What was seen at an interface, in an order that does not depend on when; times and indexes of
// interfaces are 0.
struct SeenEvents {
  // By the programs in the kernel.
  std::vector<signature_event> kernel;
  // By the same code in user space, from what a packet socket took at the same interface.
  std::vector<signature_event> software;
  probe::CaptureCounters counters = {};
};

// Attached from Start to Finish.
class WatchedInterface {
 public:
  // `attach`: kTcx or kClsact. `ports`: AUDIO_PORTS. The link layer is found as the probe finds it.
  static absl::StatusOr<std::unique_ptr<WatchedInterface>> Start(const NetworkNamespace& network,
                                                                 const std::string& interface_name,
                                                                 probe::TcAttach attach,
                                                                 const PortSet& ports);
  virtual ~WatchedInterface() = default;
  virtual absl::StatusOr<SeenEvents> Finish() = 0;
};

// True when both are the same events.
bool AreSame(std::span<const signature_event> one, std::span<const signature_event> other);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEVICES_WATCHED_INTERFACE_H_
