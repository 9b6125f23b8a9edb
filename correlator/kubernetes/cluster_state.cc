#include "correlator/kubernetes/cluster_state.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>

namespace audio_latency::correlator {

ClusterState::ClusterState(const Clock& realtime, const PodTable::Limits& limits)
    : realtime_(realtime), pods_(&strings_, &owners_, limits) {}

void ClusterState::BeginList(Resource resource) {
  const std::unique_lock lock(mutex_);
  switch (resource) {
    case Resource::kPods:
      return pods_.BeginList();
    case Resource::kReplicaSets:
    case Resource::kJobs:
      return owners_.BeginList(resource);
    case Resource::kServices:
      return services_.BeginList();
    case Resource::kNodes:
      return nodes_.BeginList();
  }
}

void ClusterState::EndList(Resource resource) {
  const std::unique_lock lock(mutex_);
  const int64_t now_ns = realtime_.NowNs();
  bool changed = false;
  switch (resource) {
    case Resource::kPods:
      changed = pods_.EndList(now_ns);
      pods_.Expire(now_ns);
      break;
    case Resource::kReplicaSets:
    case Resource::kJobs:
      owners_.EndList(resource);
      break;
    case Resource::kServices:
      changed = services_.EndList();
      break;
    case Resource::kNodes:
      changed = nodes_.EndList();
      break;
  }
  if (changed) {
    Changed();
  }
}

void ClusterState::Set(Resource resource, std::span<const ApiObject> objects) {
  const std::unique_lock lock(mutex_);
  const int64_t now_ns = realtime_.NowNs();
  bool changed = false;
  for (const ApiObject& object : objects) {
    changed |= SetOne(resource, object, now_ns);
  }
  pods_.Expire(now_ns);
  if (changed) {
    Changed();
  }
}

bool ClusterState::SetOne(Resource resource, const ApiObject& object, int64_t now_ns) {
  switch (resource) {
    case Resource::kPods:
      return pods_.Set(object, now_ns);
    case Resource::kReplicaSets:
    case Resource::kJobs:
      return owners_.SetOwned(resource, object);
    case Resource::kServices:
      return services_.Set(object);
    case Resource::kNodes:
      return nodes_.Set(object);
  }
  return false;
}

void ClusterState::Remove(Resource resource, const ApiObject& object) {
  const std::unique_lock lock(mutex_);
  const int64_t now_ns = realtime_.NowNs();
  bool changed = false;
  switch (resource) {
    case Resource::kPods:
      changed = pods_.Remove(object.uid, now_ns);
      break;
    case Resource::kReplicaSets:
    case Resource::kJobs:
      owners_.RemoveOwned(object.uid);
      break;
    case Resource::kServices:
      changed = services_.Remove(object.uid);
      break;
    case Resource::kNodes:
      changed = nodes_.Remove(object.uid);
      break;
  }
  pods_.Expire(now_ns);
  if (changed) {
    Changed();
  }
}

void ClusterState::Tick() {
  const std::unique_lock lock(mutex_);
  pods_.Expire(realtime_.NowNs());
}

Resolution ClusterState::Resolve(const EndpointQuery& query) const {
  Resolution resolution;
  resolution.endpoint.address = query.address;
  const std::shared_lock lock(mutex_);
  ResolveAddress(query, &resolution);
  const Endpoint& endpoint = resolution.endpoint;
  if (endpoint.pod.empty() && endpoint.service.empty() && !query.container.empty()) {
    ResolveHint(query, &resolution);
  }
  return resolution;
}

void ClusterState::ResolveAddress(const EndpointQuery& query, Resolution* resolution) const {
  if (const auto pod = pods_.HolderOf(query.address, query.unix_time_ns); pod.has_value()) {
    return Fill(*pod, resolution);
  }
  resolution->since_unix_ns = pods_.FreeSince(query.address, query.unix_time_ns);
  Endpoint& endpoint = resolution->endpoint;
  const auto take_service = [&](const ClaimTable::Holder& service) {
    endpoint.service = service.name;
    endpoint.namespace_name = service.namespace_name;
  };
  const ClaimTable::Holder* const node = nodes_.HolderOf(query.address);
  const std::string& node_name =
      node != nullptr ? node->name : strings_.At(pods_.NodeAt(query.address));
  if (node_name.empty()) {
    if (const ClaimTable::Holder* const service = services_.HolderOf(query.address);
        service != nullptr) {
      take_service(*service);
    }
    return;
  }
  // A load balancer may have a node's address for its own: a node's it is first of all.
  if (const auto pod =
          pods_.ListenerAt(query.address, query.port, query.transport, query.unix_time_ns);
      pod.has_value()) {
    return Fill(*pod, resolution);
  }
  endpoint.node = node_name;
  if (const ClaimTable::Holder* const service =
          services_.HolderOfNodePort(query.port, query.transport);
      service != nullptr) {
    return take_service(*service);
  }
  endpoint.ambiguous = true;
}

void ClusterState::ResolveHint(const EndpointQuery& query, Resolution* resolution) const {
  const ContainerHint& hint = query.container;
  if (const std::optional<Uid> uid = Uid::Parse(hint.pod_uid); uid.has_value()) {
    if (const auto pod = pods_.Find(*uid, query.unix_time_ns); pod.has_value()) {
      return Fill(*pod, resolution);
    }
    // Until it ended the answer was another one.
    resolution->since_unix_ns = std::max(resolution->since_unix_ns, pods_.EndOf(*uid));
  }
  if (hint.pod.empty()) {
    return;
  }
  Endpoint& endpoint = resolution->endpoint;
  endpoint.pod = hint.pod;
  endpoint.pod_uid = hint.pod_uid;
  endpoint.namespace_name = hint.namespace_name;
  endpoint.ambiguous = false;
}

void ClusterState::Fill(const PodTable::Pod& pod, Resolution* resolution) const {
  Endpoint& endpoint = resolution->endpoint;
  endpoint.pod = pod.name;
  endpoint.pod_uid = pod.uid.ToString();
  endpoint.namespace_name = strings_.At(pod.namespace_name);
  endpoint.workload_kind = strings_.At(pod.workload.kind);
  endpoint.workload = strings_.At(pod.workload.name);
  endpoint.node = strings_.At(pod.node);
  endpoint.ambiguous = false;
  resolution->since_unix_ns = pod.since_ns;
}

ClusterState::Statistics ClusterState::statistics() const {
  const std::shared_lock lock(mutex_);
  const auto number = [](auto count) { return static_cast<double>(count); };
  return {.objects = {pods_.live_pods(), owners_.owned(Resource::kReplicaSets),
                      owners_.owned(Resource::kJobs), services_.size(), nodes_.size()},
          .bytes = sizeof(*this) + strings_.bytes() + owners_.bytes() + pods_.bytes() +
                   services_.bytes() + nodes_.bytes(),
          .tables = {{.table = "kubernetes_pods",
                      .used = number(pods_.pods()),
                      .limit = number(pods_.limits().max_pods),
                      .evictions = number(pods_.refused())},
                     {.table = "kubernetes_pod_history",
                      .used = number(pods_.history()),
                      .limit = number(pods_.limits().max_history),
                      .evictions = number(pods_.evicted())},
                     {.table = "kubernetes_owners",
                      .used = number(owners_.owned(Resource::kReplicaSets) +
                                     owners_.owned(Resource::kJobs)),
                      .limit = number(OwnerTable::kMaxOwned),
                      .evictions = number(owners_.refused())},
                     {.table = "kubernetes_services",
                      .used = number(services_.size()),
                      .limit = number(ClaimTable::kMaxObjects),
                      .evictions = number(services_.refused())},
                     {.table = "kubernetes_nodes",
                      .used = number(nodes_.size()),
                      .limit = number(ClaimTable::kMaxObjects),
                      .evictions = number(nodes_.refused())}}};
}

}  // namespace audio_latency::correlator
