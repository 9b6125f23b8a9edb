// The kernel's links as they come and go.

#ifndef PROBE_CAPTURE_LINK_MONITOR_H_
#define PROBE_CAPTURE_LINK_MONITOR_H_

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "probe/capture/interface.h"

namespace audio_latency::probe {

// Looks at the network namespace of the thread that opens it. Not thread-safe.
class LinkMonitor {
 public:
  static absl::StatusOr<std::unique_ptr<LinkMonitor>> Open();
  virtual ~LinkMonitor() = default;

  // All links, by index.
  virtual absl::StatusOr<std::vector<Link>> List() = 0;

  // Waits at most `timeout_ms` for links or default routes to change. True when List may have
  // another answer than before. The indexes of links that went are added to `removed`; an index can
  // be in use again when List is asked.
  virtual absl::StatusOr<bool> WaitForChange(int timeout_ms, std::set<uint32_t>* removed) = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_LINK_MONITOR_H_
