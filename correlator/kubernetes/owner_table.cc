#include "correlator/kubernetes/owner_table.h"

#include <vector>

namespace audio_latency::correlator {
namespace {

// Pod, ReplicaSet, Deployment, what a controller of somebody's own may put on top; and an end to
// owners that own each other.
constexpr int kMostSteps = 8;

}  // namespace

uint32_t OwnerTable::Acquire(const std::optional<OwnerReference>& owner) {
  // A node "owns" the pods that its kubelet made from files; it is no workload.
  if (!owner.has_value() || owner->kind == "Node") {
    return kNoOwner;
  }
  const auto [entry, is_new] = owner_index_.try_emplace(owner->uid);
  if (is_new) {
    entry->second = owners_.Allocate();
    owners_[entry->second] = {.uid = owner->uid,
                              .kind = strings_.Acquire(owner->kind),
                              .name = strings_.Acquire(owner->name)};
  }
  ++owners_[entry->second].users;
  return entry->second;
}

void OwnerTable::Release(uint32_t owner) {
  if (owner == kNoOwner || --owners_[owner].users > 0) {
    return;
  }
  const Owner gone = owners_[owner];
  owner_index_.erase(gone.uid);
  owners_.Free(owner);
  strings_.Release(gone.kind);
  strings_.Release(gone.name);
  if (const auto owned = owned_.find(gone.uid); owned != owned_.end() && owned->second.is_gone) {
    Forget(owned);
  }
}

bool OwnerTable::IsSame(uint32_t owner, const std::optional<OwnerReference>& other) const {
  if (!other.has_value() || other->kind == "Node") {
    return owner == kNoOwner;
  }
  return owner != kNoOwner && owners_[owner].uid == other->uid;
}

bool OwnerTable::SetOwned(Resource resource, const ApiObject& object) {
  const auto index = static_cast<size_t>(resource);
  auto owned = owned_.find(object.uid);
  if (owned == owned_.end()) {
    if (owned_.size() >= kMaxOwned) {
      ++refused_;
      return false;
    }
    owned = owned_.try_emplace(object.uid, Owned{.resource = resource}).first;
    ++counts_[index];
  } else if (owned->second.is_gone) {
    owned->second.is_gone = false;
    ++counts_[index];
  }
  owned->second.list = lists_[index];
  if (IsSame(owned->second.owner, object.controller)) {
    return false;
  }
  const uint32_t before = owned->second.owner;
  owned->second.owner = Acquire(object.controller);
  Release(before);
  return IsNamed(object.uid);
}

void OwnerTable::RemoveOwned(const Uid& uid) {
  if (const auto owned = owned_.find(uid); owned != owned_.end() && !owned->second.is_gone) {
    MarkGone(owned);
  }
}

void OwnerTable::BeginList(Resource resource) { ++lists_[static_cast<size_t>(resource)]; }

void OwnerTable::EndList(Resource resource) {
  std::vector<Uid> missing;
  for (const auto& [uid, owned] : owned_) {
    if (owned.resource == resource && !owned.is_gone &&
        owned.list != lists_[static_cast<size_t>(resource)]) {
      missing.push_back(uid);
    }
  }
  for (const Uid& uid : missing) {
    RemoveOwned(uid);
  }
}

OwnerTable::Workload OwnerTable::WorkloadOf(uint32_t owner) const {
  for (int step = 0; owner != kNoOwner && step < kMostSteps; ++step) {
    const Owner& known = owners_[owner];
    const auto owned = owned_.find(known.uid);
    if (owned == owned_.end() || owned->second.owner == kNoOwner) {
      return {.kind = known.kind, .name = known.name};
    }
    owner = owned->second.owner;
  }
  return {};
}

uint32_t OwnerTable::NameOf(uint32_t owner) const {
  return owner == kNoOwner ? StringPool::kEmpty : owners_[owner].name;
}

size_t OwnerTable::bytes() const {
  return owners_.bytes() + HashTableBytes(owner_index_) + HashTableBytes(owned_);
}

void OwnerTable::MarkGone(OwnedMap::iterator owned) {
  --counts_[static_cast<size_t>(owned->second.resource)];
  owned->second.is_gone = true;
  if (!IsNamed(owned->first)) {
    Forget(owned);
  }
}

void OwnerTable::Forget(OwnedMap::iterator owned) {
  const uint32_t owner = owned->second.owner;
  owned_.erase(owned);
  Release(owner);
}

}  // namespace audio_latency::correlator
