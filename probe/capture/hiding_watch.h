// Finds out when another program keeps packets from ours, and names it.

#ifndef PROBE_CAPTURE_HIDING_WATCH_H_
#define PROBE_CAPTURE_HIDING_WATCH_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bpf/capture_abi.h"
#include "common/logging/logger.h"
#include "probe/capture/hidden_traffic.h"
#include "probe/capture/interface_directory.h"
#include "probe/capture/seen_traffic.h"

namespace audio_latency::probe {

// Packets that never come to our programs.
struct HiddenPackets {
  std::string interface_name;
  capture_direction direction = CAPTURE_DIRECTION_INGRESS;
  // Who stands in front of ours, as HookProgram::Describe has it; "unknown" when nobody does.
  std::string by;

  friend bool operator==(const HiddenPackets&, const HiddenPackets&) = default;
};

// "ingress" or "egress".
const char* DirectionName(capture_direction direction);

// Looks at all watched interfaces by a timer, in a thread of its own that stays in the network
// namespace that Start was called in. Costs one dump of the interfaces a look; who is in front is
// asked only where packets are missing. Tells a change in a line of the log, packets_hidden or
// packets_visible.
class HidingWatch {
 public:
  static constexpr std::chrono::milliseconds kInterval{2'000};

  // All must outlive the watch.
  struct Parts {
    const InterfaceDirectory* directory = nullptr;
    const SeenTraffic* seen = nullptr;
    Logger* logger = nullptr;
  };

  static std::unique_ptr<HidingWatch> Start(const Parts& parts,
                                            std::chrono::milliseconds interval = kInterval);
  ~HidingWatch();
  HidingWatch(const HidingWatch&) = delete;
  HidingWatch& operator=(const HidingWatch&) = delete;

  // What is hidden now; from any thread.
  std::vector<HiddenPackets> Hidden() const;

 private:
  struct Watched {
    HiddenTraffic traffic;
    // Of the interface's entry in the directory: a new one begins anew.
    uint64_t revision = 0;
    // Empty: nothing is hidden.
    std::string by;
  };
  using Key = std::pair<uint32_t, capture_direction>;

  explicit HidingWatch(const Parts& parts) : parts_(parts) {}
  void Run(const std::stop_token& stop, std::chrono::milliseconds interval);
  void Look();
  void Judge(const Interface& link, capture_direction direction, const TrafficSample& sample);
  // Who stands in front of ours.
  std::string NameCulprits(uint32_t interface_index, capture_direction direction,
                           double seen_share) const;

  const Parts parts_;
  // Of the thread alone.
  std::map<Key, Watched> watched_;
  bool told_failure_ = false;
  mutable std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::vector<HiddenPackets> hidden_;
  std::jthread thread_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_HIDING_WATCH_H_
