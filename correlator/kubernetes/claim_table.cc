#include "correlator/kubernetes/claim_table.h"

#include <utility>

#include "correlator/kubernetes/record_pool.h"

namespace audio_latency::correlator {

bool ClaimTable::Set(const ApiObject& object) {
  Object made{.holder = {.name = object.name, .namespace_name = object.namespace_name},
              .addresses = object.addresses,
              .list = list_};
  for (const DeclaredPort& port : object.ports) {
    if (port.node_port != 0) {
      made.node_ports.push_back(PortKey(port.node_port, port.transport));
    }
  }
  const auto known = objects_.find(object.uid);
  if (known != objects_.end()) {
    known->second.list = list_;
    if (known->second.addresses == made.addresses && known->second.node_ports == made.node_ports) {
      return false;
    }
    Leave(object.uid, known->second);
    heap_bytes_ -= HeapBytes(known->second);
    known->second = std::move(made);
    heap_bytes_ += HeapBytes(known->second);
    Claim(object.uid, known->second);
    return true;
  }
  if (objects_.size() >= kMaxObjects) {
    ++refused_;
    return false;
  }
  const auto added = objects_.try_emplace(object.uid, std::move(made)).first;
  heap_bytes_ += HeapBytes(added->second);
  Claim(object.uid, added->second);
  return !added->second.addresses.empty() || !added->second.node_ports.empty();
}

bool ClaimTable::Remove(const Uid& uid) {
  const auto known = objects_.find(uid);
  if (known == objects_.end()) {
    return false;
  }
  const Object gone = std::move(known->second);
  objects_.erase(known);
  heap_bytes_ -= HeapBytes(gone);
  Leave(uid, gone);
  return !gone.addresses.empty() || !gone.node_ports.empty();
}

bool ClaimTable::EndList() {
  std::vector<Uid> missing;
  for (const auto& [uid, object] : objects_) {
    if (object.list != list_) {
      missing.push_back(uid);
    }
  }
  bool changed = false;
  for (const Uid& uid : missing) {
    changed |= Remove(uid);
  }
  return changed;
}

const ClaimTable::Holder* ClaimTable::HolderOf(const IpAddress& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &objects_.find(found->second)->second.holder;
}

const ClaimTable::Holder* ClaimTable::HolderOfNodePort(uint16_t port, uint8_t transport) const {
  const auto found = by_node_port_.find(PortKey(port, transport));
  return found == by_node_port_.end() ? nullptr : &objects_.find(found->second)->second.holder;
}

size_t ClaimTable::bytes() const {
  return HashTableBytes(objects_) + HashTableBytes(by_address_) + HashTableBytes(by_node_port_) +
         heap_bytes_;
}

void ClaimTable::Claim(const Uid& uid, const Object& object) {
  for (const IpAddress& address : object.addresses) {
    by_address_.insert_or_assign(address, uid);
  }
  for (const uint32_t port : object.node_ports) {
    by_node_port_.insert_or_assign(port, uid);
  }
}

void ClaimTable::Leave(const Uid& uid, const Object& object) {
  for (const IpAddress& address : object.addresses) {
    if (const auto found = by_address_.find(address);
        found != by_address_.end() && found->second == uid) {
      by_address_.erase(found);
    }
  }
  for (const uint32_t port : object.node_ports) {
    if (const auto found = by_node_port_.find(port);
        found != by_node_port_.end() && found->second == uid) {
      by_node_port_.erase(found);
    }
  }
}

size_t ClaimTable::HeapBytes(const Object& object) {
  return object.holder.name.capacity() + object.holder.namespace_name.capacity() +
         object.addresses.capacity() * sizeof(object.addresses[0]) +
         object.node_ports.capacity() * sizeof(object.node_ports[0]);
}

}  // namespace audio_latency::correlator
