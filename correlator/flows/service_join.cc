#include "correlator/flows/service_join.h"

#include <algorithm>
#include <utility>

namespace audio_latency::correlator {
namespace {

template <typename List, typename Value>
void EraseOne(Value value, List* list) {
  const auto found = std::find(list->begin(), list->end(), value);
  if (found != list->end()) {
    *found = list->back();
    list->pop_back();
  }
}

}  // namespace

ServiceJoin::Side ServiceJoin::ServiceSide(const Conversation& conversation) const {
  const Naming& naming = conversation.namings.front();
  const bool from_service = !endpoints_[naming.source].service.empty();
  const bool to_service = !endpoints_[naming.destination].service.empty();
  if (from_service == to_service) {
    return Side::kNone;
  }
  return from_service ? Side::kSource : Side::kDestination;
}

ConversationKey ServiceJoin::Without(Side side, const ConversationKey& key) {
  return side == Side::kSource ? key.WithoutSource() : key.WithoutDestination();
}

bool ServiceJoin::IsCandidate(const Conversation& service, Side side,
                              const Conversation& candidate) const {
  const auto end = [&](const Conversation& of) -> const Endpoint& {
    const Naming& naming = of.namings.front();
    return endpoints_[side == Side::kSource ? naming.source : naming.destination];
  };
  const Endpoint& pod = end(candidate);
  if (candidate.live_flows == 0 || pod.pod.empty() ||
      pod.namespace_name != end(service).namespace_name) {
    return false;
  }
  return !service.initial_sequence.has_value() || !candidate.initial_sequence.has_value() ||
         *service.initial_sequence == *candidate.initial_sequence;
}

void ServiceJoin::Join(Conversation* service, Conversation* pod,
                       std::vector<Conversation*>* changed) {
  if (service->joined_to == pod) {
    return;
  }
  if (service->joined_to != nullptr) {
    EraseOne(service, &service->joined_to->joined);
    --joined_;
  }
  service->joined_to = pod;
  if (pod != nullptr) {
    pod->joined.push_back(service);
    ++joined_;
  }
  changed->push_back(service);
}

void ServiceJoin::Decide(Conversation* service, std::vector<Conversation*>* changed) {
  if (service->live_flows == 0) {
    return;  // it stays what it was
  }
  const Side side = services_.at(service);
  const auto candidates = pod_index_.find(Without(side, service->key));
  Conversation* pod = nullptr;
  bool is_ambiguous = false;
  if (candidates != pod_index_.end()) {
    for (Conversation* const candidate : candidates->second) {
      if (IsCandidate(*service, side, *candidate)) {
        is_ambiguous |= pod != nullptr;
        pod = candidate;
      }
    }
  }
  if (is_ambiguous) {
    ambiguous_.insert(service);
  } else {
    ambiguous_.erase(service);
  }
  if (pod == nullptr && service->joined_to != nullptr && service->joined_to->live_flows == 0) {
    return;  // the pod's side ended a little earlier
  }
  Join(service, is_ambiguous ? nullptr : pod, changed);
}

void ServiceJoin::Forget(Conversation* conversation) {
  if (!std::exchange(conversation->is_noted, false)) {
    return;
  }
  const auto erase = [conversation](const ConversationKey& key, Index* index) {
    const auto found = index->find(key);
    if (found == index->end()) {
      return;
    }
    EraseOne(conversation, &found->second);
    if (found->second.empty()) {
      index->erase(found);
    }
  };
  if (const auto service = services_.find(conversation); service != services_.end()) {
    erase(Without(service->second, conversation->key), &service_index_);
    services_.erase(service);
    ambiguous_.erase(conversation);
  } else {
    erase(conversation->key.WithoutSource(), &pod_index_);
    erase(conversation->key.WithoutDestination(), &pod_index_);
  }
}

void ServiceJoin::Update(Conversation* conversation, std::vector<Conversation*>* changed) {
  Forget(conversation);
  conversation->is_noted = true;
  const Side side = ServiceSide(*conversation);
  if (side == Side::kNone) {
    Join(conversation, nullptr, changed);
    pod_index_[conversation->key.WithoutSource()].push_back(conversation);
    pod_index_[conversation->key.WithoutDestination()].push_back(conversation);
  } else {
    services_[conversation] = side;
    service_index_[Without(side, conversation->key)].push_back(conversation);
    // It is no pod's any more.
    while (!conversation->joined.empty()) {
      Join(conversation->joined.back(), nullptr, changed);
    }
  }
  Review(conversation, changed);
}

void ServiceJoin::Review(Conversation* conversation, std::vector<Conversation*>* changed) {
  if (services_.contains(conversation)) {
    Decide(conversation, changed);
    return;
  }
  for (const Side side : {Side::kSource, Side::kDestination}) {
    const auto services = service_index_.find(Without(side, conversation->key));
    if (services != service_index_.end()) {
      for (Conversation* const service : services->second) {
        Decide(service, changed);
      }
    }
  }
}

void ServiceJoin::Remove(Conversation* conversation, std::vector<Conversation*>* changed) {
  Forget(conversation);
  std::vector<Conversation*> ignored;
  Join(conversation, nullptr, &ignored);
  while (!conversation->joined.empty()) {
    Conversation* const service = conversation->joined.back();
    Join(service, nullptr, changed);
    Decide(service, changed);
  }
}

}  // namespace audio_latency::correlator
