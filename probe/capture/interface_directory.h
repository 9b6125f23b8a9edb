// What is known of the interfaces that events name.

#ifndef PROBE_CAPTURE_INTERFACE_DIRECTORY_H_
#define PROBE_CAPTURE_INTERFACE_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "probe/capture/interface.h"

namespace audio_latency::probe {

// An interface that should be watched and is not.
struct RefusedInterface {
  std::string name;
  // "unknown_link_layer", "attach_failed".
  std::string reason;

  friend bool operator==(const RefusedInterface&, const RefusedInterface&) = default;
};

// Thread-safe. Holds the interfaces that are watched now, and those that cannot be.
class InterfaceDirectory {
 public:
  // Makes an interface known, or anew under another name or role.
  void Put(uint32_t index, const std::string& name, InterfaceRole role);
  void Remove(uint32_t index);

  // Tells that an interface cannot be watched, until it is allowed again.
  void Refuse(uint32_t index, const RefusedInterface& refused);
  void Allow(uint32_t index);

  // Never null. An interface that is unknown, because it went before its last events were read, has
  // no name.
  std::shared_ptr<const Interface> Find(uint32_t index) const;

  size_t size() const;
  // Those that are watched, in no order.
  std::vector<std::shared_ptr<const Interface>> All() const;
  // By index.
  std::vector<RefusedInterface> Refused() const;

 private:
  mutable std::mutex mutex_;
  uint64_t last_revision_ = 0;
  absl::flat_hash_map<uint32_t, std::shared_ptr<const Interface>> interfaces_;
  std::map<uint32_t, RefusedInterface> refused_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_INTERFACE_DIRECTORY_H_
