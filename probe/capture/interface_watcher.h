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
    // How often it is looked at what others have done to our attachments, and tried again to attach
    // where that failed.
    std::chrono::milliseconds check_interval{5'000};
  };

  // NOT_FOUND when an interface that is named does not exist; PERMISSION_DENIED when attaching is
  // not allowed; others when one that is named, or all that are wanted, cannot be attached to.
  // Failures with others are logged and tried again. Nothing to attach to is no error with auto or
  // a glob: a warning says that it waits.
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
    // By a probe that was started later.
    bool is_taken_over = false;
  };

  explicit InterfaceWatcher(Parts parts);
  void Run(const std::stop_token& stop);
  // The failure to attach that ends Start, if there is one.
  absl::Status StartFailure(const std::vector<Link>& links) const;
  // What a probe that was killed left at an interface, beside the programs given.
  void RemoveLeftFilters(const Link& link, const std::set<uint32_t>& kept_program_ids);
  // By the timer: true when something is to be attached anew, because somebody else has taken it
  // away or because it failed before.
  bool CheckAttachments();
  // True when the attachment is lost; tells when another probe has its place, and leaves it that.
  bool IsLost(uint32_t index, Attached* attached);
  // Brings what is attached in line with the links there are.
  void Reconcile(const std::vector<Link>& links);
  void AttachTo(const Link& link);
  // Does not try `link` again before it changes.
  void RefuseUnreadable(const Link& link);
  // Tells a failure that it has not told before.
  void NoteFailure(const Link& link, const absl::Status& failure);
  void Allow(uint32_t index);
  void Forget(uint32_t index);

  Parts parts_;
  std::map<uint32_t, Attached> attached_;
  // Links whose packets cannot be read; not tried again before they change.
  std::map<uint32_t, Link> unreadable_;
  // Why attaching failed; tried again at each look.
  std::map<uint32_t, absl::Status> failed_;
  std::chrono::steady_clock::time_point next_attachment_check_;
  std::jthread thread_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_INTERFACE_WATCHER_H_
