// What is known of the interfaces that events name.

#ifndef PROBE_CAPTURE_INTERFACE_DIRECTORY_H_
#define PROBE_CAPTURE_INTERFACE_DIRECTORY_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "probe/capture/interface.h"

namespace audio_latency::probe {

// Thread-safe. Holds the interfaces that are watched now.
class InterfaceDirectory {
 public:
  // Makes an interface known, or anew under another name or role.
  void Put(uint32_t index, const std::string& name, InterfaceRole role);
  void Remove(uint32_t index);

  // Never null. An interface that is unknown, because it went before its last events were read, has
  // no name.
  std::shared_ptr<const Interface> Find(uint32_t index) const;

  size_t size() const;

 private:
  mutable std::mutex mutex_;
  uint64_t last_revision_ = 0;
  absl::flat_hash_map<uint32_t, std::shared_ptr<const Interface>> interfaces_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_INTERFACE_DIRECTORY_H_
