// Which workload a pod belongs to, by the owners that objects name, not by cutting names.

#ifndef CORRELATOR_KUBERNETES_OWNER_TABLE_H_
#define CORRELATOR_KUBERNETES_OWNER_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "correlator/kubernetes/api_object.h"
#include "correlator/kubernetes/record_pool.h"
#include "correlator/kubernetes/string_pool.h"
#include "correlator/kubernetes/uid.h"

namespace audio_latency::correlator {

// Owners that somebody names, and who owns those in turn: a pod names its ReplicaSet, that its
// Deployment; a pod its Job, that its CronJob. Not thread-safe.
class OwnerTable {
 public:
  static constexpr uint32_t kNoOwner = RecordPool<int>::kNone;
  // ReplicaSets and Jobs that are known at once; a Deployment keeps some ten old ReplicaSets.
  static constexpr size_t kMaxOwned = 500'000;

  // `strings` must outlive it.
  explicit OwnerTable(StringPool* strings) : strings_(*strings) {}

  // The number of an owner, with one more user; kNoOwner of none.
  uint32_t Acquire(const std::optional<OwnerReference>& owner);
  void Release(uint32_t owner);
  bool IsSame(uint32_t owner, const std::optional<OwnerReference>& other) const;

  // A ReplicaSet or a Job: whose it is. Returns whether a pod's workload may now be another.
  bool SetOwned(Resource resource, const ApiObject& object);
  // It is gone. While somebody still names it, whose it was is not forgotten, for a Deployment's
  // ReplicaSets go before its pods do; so no answer changes.
  void RemoveOwned(const Uid& uid);
  // SetOwned was called, since BeginList, for all that there are: removes the others.
  void BeginList(Resource resource);
  void EndList(Resource resource);

  // The first of the owners that nothing known owns in turn. Both are numbers of `strings`.
  struct Workload {
    uint32_t kind = StringPool::kEmpty;
    uint32_t name = StringPool::kEmpty;
  };
  Workload WorkloadOf(uint32_t owner) const;
  // Of the owner itself, a number of `strings`.
  uint32_t NameOf(uint32_t owner) const;

  size_t owned(Resource resource) const { return counts_[static_cast<size_t>(resource)]; }
  uint64_t refused() const { return refused_; }
  size_t bytes() const;

 private:
  struct Owner {
    Uid uid;
    uint32_t kind = StringPool::kEmpty;
    uint32_t name = StringPool::kEmpty;
    uint32_t users = 0;
  };
  struct Owned {
    uint32_t owner = kNoOwner;
    // Of the list that it was in.
    uint16_t list = 0;
    Resource resource = Resource::kReplicaSets;
    // Only kept for those who still name it.
    bool is_gone = false;
  };
  using OwnedMap = absl::flat_hash_map<Uid, Owned>;

  bool IsNamed(const Uid& uid) const { return owner_index_.contains(uid); }
  void Forget(OwnedMap::iterator owned);
  void MarkGone(OwnedMap::iterator owned);

  StringPool& strings_;
  RecordPool<Owner> owners_;
  absl::flat_hash_map<Uid, uint32_t> owner_index_;
  OwnedMap owned_;
  std::array<size_t, kResources.size()> counts_ = {};
  std::array<uint16_t, kResources.size()> lists_ = {};
  uint64_t refused_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_OWNER_TABLE_H_
