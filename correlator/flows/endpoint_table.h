// The endpoints that conversations begin and end at, by small numbers.

#ifndef CORRELATOR_FLOWS_ENDPOINT_TABLE_H_
#define CORRELATOR_FLOWS_ENDPOINT_TABLE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/flows/chunked_store.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/load/table_use.h"

namespace audio_latency::correlator {

// A pod is the same endpoint whatever its address; what is no pod is one by its address.
bool IsSameEndpoint(const Endpoint& a, const Endpoint& b);

// One thread at a time may write; any may read an endpoint whose number it was given. Bounded.
class EndpointTable {
 public:
  explicit EndpointTable(size_t capacity) : endpoints_(capacity) {}

  const Endpoint& operator[](EndpointId id) const { return endpoints_[id].endpoint; }
  // As SetGone said last.
  bool IsGone(EndpointId id) const {
    return endpoints_[id].is_gone.load(std::memory_order_relaxed);
  }

  // Both ends of a conversation, each used once more; nothing when there is no room, which is
  // counted.
  std::optional<std::pair<EndpointId, EndpointId>> Intern(const Endpoint& source,
                                                          const Endpoint& destination);
  // It is used once less.
  void Leave(EndpointId id, int64_t monotonic_ns);
  // Makes the numbers free that nobody has used for kEndpointQuarantineNs.
  void ForgetIdle(int64_t monotonic_ns);

  // Those that nobody uses.
  std::vector<Endpoint> Unused() const;
  // Of one that nobody uses; who uses it makes it be there again.
  void SetGone(const Endpoint& endpoint, bool is_gone);

  size_t size() const { return ids_.size(); }
  // As the table "endpoints".
  TableUse Use() const;

 private:
  struct Slot {
    Endpoint endpoint;
    std::atomic<bool> is_gone = false;
  };
  struct Key {
    explicit Key(Endpoint of) : endpoint(std::move(of)) {
      if (!endpoint.pod.empty()) {
        endpoint.address = IpAddress();
      }
    }
    Endpoint endpoint;

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.endpoint.namespace_name, key.endpoint.pod,
                        key.endpoint.pod_uid, key.endpoint.address);
    }
  };
  struct Known {
    EndpointId id = 0;
    uint32_t uses = 0;
    // When it lost the last of them, on the monotonic clock.
    int64_t idle_since_ns = 0;
    // In the queue of those that were idle once.
    bool is_queued = false;
  };

  // There must be room.
  EndpointId Intern(Key key, const Endpoint& endpoint);

  ChunkedStore<Slot> endpoints_;
  absl::flat_hash_map<Key, Known> ids_;
  size_t used_ = 0;
  std::vector<EndpointId> free_;
  // Each once, by about when it fell idle; not all are idle still.
  std::deque<std::pair<int64_t, EndpointId>> idle_;
  uint64_t refused_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_ENDPOINT_TABLE_H_
