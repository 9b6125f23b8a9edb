// Keeps the capture programs attached to the interfaces that the user wants, as they come and go.

#ifndef PROBE_CAPTURE_INTERFACE_WATCHER_H_
#define PROBE_CAPTURE_INTERFACE_WATCHER_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/logging/logger.h"
#include "probe/capture/attachment.h"
#include "probe/capture/interface_directory.h"
#include "probe/capture/interface_rule.h"
#include "probe/capture/link_monitor.h"

namespace audio_latency::probe {

// Attaches at once to what is there, then follows the kernel in a thread of its own, which stays in
// the network namespace that Start was called in. Detaches everything when it is stopped.
class InterfaceWatcher {
 public:
  struct Parts {
    InterfaceRule rule;
    std::unique_ptr<LinkMonitor> monitor;
    std::unique_ptr<Attacher> attacher;
    // Both must outlive the watcher.
    InterfaceDirectory* directory;
    Logger* logger;
  };

  // NOT_FOUND when an interface that is named does not exist; PERMISSION_DENIED and others when
  // one that is wanted cannot be attached to. Nothing to attach to is no error with auto or a glob:
  // a warning says that it waits.
  static absl::StatusOr<std::unique_ptr<InterfaceWatcher>> Start(Parts parts);
  ~InterfaceWatcher();
  InterfaceWatcher(const InterfaceWatcher&) = delete;
  InterfaceWatcher& operator=(const InterfaceWatcher&) = delete;

  // Detaches from everything and ends the thread. Called once, from the thread of the owner.
  void Stop();

 private:
  struct Attached {
    std::string name;
    InterfaceRole role;
    capture_link_layer link_layer;
    std::unique_ptr<Attachment> attachment;
  };

  explicit InterfaceWatcher(Parts parts);
  void Run(const std::stop_token& stop);
  // What a probe that was killed left where this one does not watch.
  absl::Status RemoveLeftFilters(const std::vector<Link>& links);
  // True when somebody else has taken programs of ours away, which are then to be attached anew.
  bool ForgetLostAttachments();
  // Brings what is attached in line with the links there are. The first failure to attach is
  // returned, after all were tried.
  absl::Status Reconcile(const std::vector<Link>& links);
  absl::Status AttachTo(const Link& link);
  // Does not try `link` again before it changes; `reason` is for the status page.
  void Refuse(const Link& link, const std::string& reason);
  void Allow(uint32_t index);
  void Forget(uint32_t index);

  Parts parts_;
  std::map<uint32_t, Attached> attached_;
  // Links that could not be attached to, or whose packets cannot be read; not tried again before
  // they change.
  std::map<uint32_t, Link> refused_;
  std::chrono::steady_clock::time_point next_attachment_check_;
  std::jthread thread_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_INTERFACE_WATCHER_H_
