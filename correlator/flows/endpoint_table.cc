#include "correlator/flows/endpoint_table.h"

namespace audio_latency::correlator {

bool IsSameEndpoint(const Endpoint& a, const Endpoint& b) {
  if (a.pod.empty() || b.pod.empty()) {
    return a == b;
  }
  return a.pod == b.pod && a.namespace_name == b.namespace_name && a.pod_uid == b.pod_uid &&
         a.workload_kind == b.workload_kind && a.workload == b.workload && a.node == b.node &&
         a.service == b.service && a.ambiguous == b.ambiguous;
}

EndpointId EndpointTable::Intern(Key key, const Endpoint& endpoint) {
  const auto [entry, is_new] = ids_.try_emplace(std::move(key));
  if (is_new) {
    if (!free_.empty()) {
      entry->second.id = free_.back();
      free_.pop_back();
    } else {
      entry->second.id = static_cast<EndpointId>(used_++);
    }
    endpoints_.Writable(entry->second.id).endpoint = endpoint;
  }
  ++entry->second.uses;
  endpoints_.Writable(entry->second.id).is_gone.store(false, std::memory_order_relaxed);
  return entry->second.id;
}

std::optional<std::pair<EndpointId, EndpointId>> EndpointTable::Intern(
    const Endpoint& source, const Endpoint& destination) {
  Key source_key(source);
  Key destination_key(destination);
  size_t wanted = ids_.contains(source_key) ? 0 : 1;
  wanted += ids_.contains(destination_key) || source_key == destination_key ? 0 : 1;
  if (wanted > endpoints_.capacity() - used_ + free_.size()) {
    ++refused_;
    return std::nullopt;
  }
  const EndpointId from = Intern(std::move(source_key), source);
  return std::pair(from, Intern(std::move(destination_key), destination));
}

void EndpointTable::Leave(EndpointId id, int64_t monotonic_ns) {
  Known& known = ids_.find(Key(endpoints_[id].endpoint))->second;
  if (--known.uses > 0) {
    return;
  }
  known.idle_since_ns = monotonic_ns;
  if (!std::exchange(known.is_queued, true)) {
    idle_.emplace_back(monotonic_ns, id);
  }
}

void EndpointTable::ForgetIdle(int64_t monotonic_ns) {
  while (!idle_.empty() && monotonic_ns - idle_.front().first >= kEndpointQuarantineNs) {
    const EndpointId id = idle_.front().second;
    idle_.pop_front();
    const auto entry = ids_.find(Key(endpoints_[id].endpoint));
    Known& known = entry->second;
    if (known.uses > 0) {
      known.is_queued = false;
    } else if (monotonic_ns - known.idle_since_ns < kEndpointQuarantineNs) {
      // It was in use meanwhile.
      idle_.emplace_back(known.idle_since_ns, id);
    } else {
      ids_.erase(entry);
      free_.push_back(id);
    }
  }
}

std::vector<Endpoint> EndpointTable::Unused() const {
  std::vector<Endpoint> unused;
  for (const auto& [key, known] : ids_) {
    if (known.uses == 0) {
      unused.push_back(endpoints_[known.id].endpoint);
    }
  }
  return unused;
}

void EndpointTable::SetGone(const Endpoint& endpoint, bool is_gone) {
  if (const auto found = ids_.find(Key(endpoint)); found != ids_.end() && found->second.uses == 0) {
    endpoints_.Writable(found->second.id).is_gone.store(is_gone, std::memory_order_relaxed);
  }
}

TableUse EndpointTable::Use() const {
  return {.table = "endpoints",
          .used = static_cast<double>(ids_.size()),
          .limit = static_cast<double>(endpoints_.capacity()),
          .evictions = static_cast<double>(refused_)};
}

}  // namespace audio_latency::correlator
