// All that is known of the cluster, and who is at an address by it.

#ifndef CORRELATOR_KUBERNETES_CLUSTER_STATE_H_
#define CORRELATOR_KUBERNETES_CLUSTER_STATE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <shared_mutex>
#include <span>
#include <vector>

#include "common/time/clock.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/kubernetes/api_object.h"
#include "correlator/kubernetes/claim_table.h"
#include "correlator/kubernetes/object_sink.h"
#include "correlator/kubernetes/owner_table.h"
#include "correlator/kubernetes/pod_table.h"
#include "correlator/kubernetes/string_pool.h"
#include "correlator/load/table_use.h"

namespace audio_latency::correlator {

// Thread-safe. Resolve waits for nothing but a page of objects that is being taken in (a
// millisecond), never for the network.
class ClusterState final : public ObjectSink, public EndpointDirectory {
 public:
  // `realtime` tells when a change was seen, and must outlive it.
  explicit ClusterState(const Clock& realtime, const PodTable::Limits& limits = {});

  void BeginList(Resource resource) override;
  void EndList(Resource resource) override;
  void Set(Resource resource, std::span<const ApiObject> objects) override;
  void Remove(Resource resource, const ApiObject& object) override;
  void Tick() override;

  // In this order: the pod that has the address for itself; of a node's address the pod with the
  // node's network, or a port of the node, that declares the port, the service whose nodePort it
  // is, the node (ambiguous); of another the service.
  // What the address cannot tell, the probe's hint does.
  Resolution Resolve(const EndpointQuery& query) const override;
  uint64_t Version() const override { return version_.load(std::memory_order_acquire); }

  struct Statistics {
    // In the order of kResources.
    std::array<size_t, kResources.size()> objects = {};
    // What is allocated for all of it, counted from the tables' own sizes.
    size_t bytes = 0;
    std::vector<TableUse> tables;
  };
  Statistics statistics() const;

 private:
  bool SetOne(Resource resource, const ApiObject& object, int64_t now_ns);
  void Fill(const PodTable::Pod& pod, Resolution* resolution) const;
  void ResolveAddress(const EndpointQuery& query, Resolution* resolution) const;
  void ResolveHint(const EndpointQuery& query, Resolution* resolution) const;
  void Changed() { version_.fetch_add(1, std::memory_order_release); }

  const Clock& realtime_;
  mutable std::shared_mutex mutex_;
  StringPool strings_;
  OwnerTable owners_{&strings_};
  PodTable pods_;
  ClaimTable services_;
  ClaimTable nodes_;
  std::atomic<uint64_t> version_ = 1;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_CLUSTER_STATE_H_
