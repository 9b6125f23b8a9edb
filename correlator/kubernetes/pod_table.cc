#include "correlator/kubernetes/pod_table.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace audio_latency::correlator {

PodTable::PodTable(StringPool* strings, OwnerTable* owners, const Limits& limits)
    : strings_(*strings),
      owners_(*owners),
      limits_(limits),
      by_uid_(0, UidHash{&pods_}, UidEqual{&pods_}),
      by_address_(0, AddressHash{&holdings_}, AddressEqual{&holdings_}) {}

bool PodTable::Set(const ApiObject& object, int64_t now_ns) {
  const auto known = by_uid_.find(object.uid);
  if (object.is_terminal) {
    return known != by_uid_.end() && End(*known, now_ns);
  }
  const std::vector<Claim> claims = ClaimsOf(object);
  const bool is_first = known == by_uid_.end();
  if (is_first && claims.empty()) {
    return false;  // no network yet
  }
  if (is_first && pods_.size() >= limits_.max_pods) {
    ++refused_;
    return false;
  }
  const uint32_t pod = is_first ? AddPod(object) : *known;
  PodRecord& record = pods_[pod];
  record.list = list_;
  if (!record.is_live) {
    record.is_live = true;
    ++live_pods_;
  }
  bool changed = false;
  if (!owners_.IsSame(record.owner, object.controller)) {
    const uint32_t before = record.owner;
    record.owner = owners_.Acquire(object.controller);
    owners_.Release(before);
    changed = true;
  }
  // What it claims no more has ended.
  std::vector<Claim> unknown = claims;
  for (uint32_t number = record.holding; number != kNone; number = holdings_[number].sibling) {
    Holding& holding = holdings_[number];
    const auto claim = std::find_if(claims.begin(), claims.end(), [&](const Claim& each) {
      return each.address == holding.address && each.is_shared == holding.is_shared;
    });
    if (claim == claims.end()) {
      holding.is_lost = false;
      if (holding.is_open()) {
        Close(number, now_ns);
        changed = true;
      }
    } else if (holding.is_open() || holding.is_lost) {
      std::erase_if(unknown, [&](const Claim& each) {
        return each.address == holding.address && each.is_shared == holding.is_shared;
      });
    }
  }
  for (const Claim& claim : unknown) {
    changed |= Open(pod, claim, object, is_first, now_ns);
  }
  if (is_first && pods_[pod].holding == kNone) {
    FreePod(pod);
    return false;
  }
  return changed;
}

bool PodTable::Remove(const Uid& uid, int64_t now_ns) {
  const auto known = by_uid_.find(uid);
  return known != by_uid_.end() && End(*known, now_ns);
}

bool PodTable::EndList(int64_t now_ns) {
  bool changed = false;
  for (const uint32_t pod : by_uid_) {
    if (pods_[pod].is_live && pods_[pod].list != list_) {
      changed |= End(pod, now_ns);
    }
  }
  return changed;
}

void PodTable::Expire(int64_t now_ns) {
  while (!ended_.empty()) {
    const uint32_t oldest = ended_.front();
    const bool is_due = now_ns - holdings_[oldest].end_ns >= kHistoryNs;
    if (!is_due && ended_.size() <= limits_.max_history) {
      return;
    }
    evicted_ += is_due ? 0 : 1;
    ended_.pop_front();
    Forget(oldest);
  }
}

std::optional<PodTable::Pod> PodTable::HolderOf(const IpAddress& address,
                                                int64_t unix_time_ns) const {
  uint32_t later = kNone;
  int64_t free_since_ns = kAlways;
  for (uint32_t number = NewestAt(address); number != kNone; number = holdings_[number].earlier) {
    const Holding& holding = holdings_[number];
    if (holding.is_shared) {
      continue;
    }
    if (holding.start_ns > unix_time_ns) {
      later = number;
      continue;
    }
    if (unix_time_ns < holding.end_ns) {
      return Since(number, Describe(holding.pod));
    }
    free_since_ns = holding.end_ns;
    break;
  }
  // Nobody is known to have had it then. What it said just before a holding is that pod's, for no
  // other had it, and an end is never seen too early.
  if (later != kNone && holdings_[later].start_ns - unix_time_ns <= kStartSlackNs) {
    Pod pod = Describe(holdings_[later].pod);
    pod.since_ns = free_since_ns;
    return pod;
  }
  return std::nullopt;
}

int64_t PodTable::FreeSince(const IpAddress& address, int64_t unix_time_ns) const {
  for (uint32_t number = NewestAt(address); number != kNone; number = holdings_[number].earlier) {
    const Holding& holding = holdings_[number];
    if (!holding.is_shared && holding.end_ns <= unix_time_ns) {
      return holding.end_ns;
    }
  }
  return kAlways;
}

PodTable::Pod PodTable::Since(uint32_t number, Pod pod) const {
  for (uint32_t each = holdings_[number].earlier; each != kNone; each = holdings_[each].earlier) {
    if (!holdings_[each].is_shared) {
      pod.since_ns = holdings_[number].start_ns;
      break;
    }
  }
  return pod;
}

std::optional<PodTable::Pod> PodTable::ListenerAt(const IpAddress& address, uint16_t port,
                                                  uint8_t transport, int64_t unix_time_ns) const {
  uint32_t found = kNone;
  uint32_t later = kNone;
  for (uint32_t number = NewestAt(address); number != kNone; number = holdings_[number].earlier) {
    const Holding& holding = holdings_[number];
    if (!holding.is_shared || !Declares(holding.pod, port, transport)) {
      continue;
    }
    if (holding.start_ns > unix_time_ns) {
      later = number;
    } else if (unix_time_ns < holding.end_ns) {
      if (found != kNone && holdings_[found].pod != holding.pod) {
        return std::nullopt;  // two of them: not guessed
      }
      found = number;
    }
  }
  if (found == kNone && later != kNone &&
      holdings_[later].start_ns - unix_time_ns <= kStartSlackNs) {
    found = later;
  }
  return found == kNone ? std::nullopt : std::optional(Describe(holdings_[found].pod));
}

uint32_t PodTable::NodeAt(const IpAddress& address) const {
  for (uint32_t number = NewestAt(address); number != kNone; number = holdings_[number].earlier) {
    if (holdings_[number].is_shared) {
      return pods_[holdings_[number].pod].node;
    }
  }
  return StringPool::kEmpty;
}

std::optional<PodTable::Pod> PodTable::Find(const Uid& uid, int64_t unix_time_ns) const {
  const auto known = by_uid_.find(uid);
  if (known == by_uid_.end() || (!pods_[*known].is_live && EndOf(uid) <= unix_time_ns)) {
    return std::nullopt;
  }
  return Describe(*known);
}

int64_t PodTable::EndOf(const Uid& uid) const {
  const auto known = by_uid_.find(uid);
  if (known == by_uid_.end() || pods_[*known].is_live) {
    return kAlways;
  }
  int64_t end_ns = kAlways;
  for (uint32_t number = pods_[*known].holding; number != kNone;
       number = holdings_[number].sibling) {
    end_ns = std::max(end_ns, holdings_[number].end_ns);
  }
  return end_ns;
}

size_t PodTable::bytes() const {
  return pods_.bytes() + holdings_.bytes() + HashTableBytes(by_uid_) + HashTableBytes(by_address_) +
         HashTableBytes(ports_) + port_bytes_ + ended_.size() * sizeof(uint32_t);
}

std::vector<PodTable::Claim> PodTable::ClaimsOf(const ApiObject& pod) {
  std::vector<Claim> claims;
  for (const IpAddress& address : pod.addresses) {
    claims.push_back({.address = address, .is_shared = pod.host_network});
  }
  const bool has_node_port = std::any_of(pod.ports.begin(), pod.ports.end(),
                                         [](const DeclaredPort& port) { return port.node_port; });
  if (!pod.host_network && has_node_port) {
    for (const IpAddress& address : pod.node_addresses) {
      claims.push_back({.address = address, .is_shared = true});
    }
  }
  return claims;
}

int64_t PodTable::StartOf(const ApiObject& pod, bool has_rival, int64_t now_ns) {
  int64_t start_ns = pod.started_unix_ns;
  if (start_ns == 0 && !has_rival) {
    // Long before it had an address, maybe, but nobody else had it.
    start_ns = pod.created_unix_ns;
  }
  return start_ns == 0 ? now_ns : std::min(start_ns, now_ns);
}

uint32_t PodTable::NewestAt(const IpAddress& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? kNone : *found;
}

uint32_t PodTable::AddPod(const ApiObject& object) {
  const uint32_t pod = pods_.Allocate();
  PodRecord& record = pods_[pod];
  record.uid = object.uid;
  record.namespace_name = strings_.Acquire(object.namespace_name);
  record.node = strings_.Acquire(object.node_name);
  record.owner = owners_.Acquire(object.controller);
  SetName(object.name, &record);
  by_uid_.insert(pod);
  SetPorts(pod, object);
  return pod;
}

void PodTable::SetName(const std::string& name, PodRecord* record) {
  const size_t dash = name.rfind('-');
  const size_t after_dash = dash == std::string::npos ? 0 : dash + 1;
  const size_t least = name.size() > kMaxSuffixBytes ? name.size() - kMaxSuffixBytes : 0;
  const size_t cut = std::max(after_dash, least);
  const std::string_view text = name;
  record->prefix = strings_.Acquire(text.substr(0, cut));
  record->suffix_bytes = static_cast<uint8_t>(name.size() - cut);
  std::copy(name.begin() + static_cast<std::ptrdiff_t>(cut), name.end(), record->suffix.begin());
}

void PodTable::SetPorts(uint32_t pod, const ApiObject& object) {
  std::vector<DeclaredPort> ports;
  for (DeclaredPort port : object.ports) {
    // With the node's network a container listens where it says, on the node itself.
    port.node_port = object.host_network ? port.port : port.node_port;
    if (port.node_port != 0) {
      ports.push_back(port);
    }
  }
  if (!ports.empty()) {
    ports.shrink_to_fit();
    port_bytes_ += ports.capacity() * sizeof(DeclaredPort);
    ports_.emplace(pod, std::move(ports));
  }
}

void PodTable::FreePod(uint32_t pod) {
  PodRecord& record = pods_[pod];
  live_pods_ -= record.is_live ? 1 : 0;
  by_uid_.erase(pod);
  strings_.Release(record.namespace_name);
  strings_.Release(record.node);
  strings_.Release(record.prefix);
  owners_.Release(record.owner);
  if (const auto ports = ports_.find(pod); ports != ports_.end()) {
    port_bytes_ -= ports->second.capacity() * sizeof(DeclaredPort);
    ports_.erase(ports);
  }
  pods_.Free(pod);
}

bool PodTable::Open(uint32_t pod, const Claim& claim, const ApiObject& object, bool is_first,
                    int64_t now_ns) {
  uint32_t rival = kNone;
  int64_t earliest_ns = 0;
  if (!claim.is_shared) {
    for (uint32_t number = NewestAt(claim.address); number != kNone;
         number = holdings_[number].earlier) {
      const Holding& other = holdings_[number];
      if (other.is_shared) {
        continue;
      }
      if (other.is_open()) {
        rival = number;
      } else if (other.end_ns <= now_ns) {
        earliest_ns = std::max(earliest_ns, other.end_ns);
      }
    }
  }
  // An address that a pod gets after another one it did not have when it started.
  const int64_t start_ns =
      std::max(is_first ? StartOf(object, rival != kNone, now_ns) : now_ns, earliest_ns);
  const uint32_t number = holdings_.Allocate();
  Holding& holding = holdings_[number];
  holding.address = claim.address;
  holding.start_ns = start_ns;
  holding.pod = pod;
  holding.is_shared = claim.is_shared;
  if (!Link(number)) {
    holdings_.Free(number);
    ++refused_;
    return false;
  }
  if (rival != kNone) {
    // Whoever began later has it now; the other's end comes to our ears late, or never.
    const bool is_newer = start_ns >= holdings_[rival].start_ns;
    const uint32_t older = is_newer ? rival : number;
    const uint32_t newer = is_newer ? number : rival;
    Close(older, holdings_[newer].start_ns);
    holdings_[older].is_lost = true;
  }
  return true;
}

bool PodTable::Link(uint32_t number) {
  Holding& holding = holdings_[number];
  const auto head = by_address_.find(holding.address);
  uint32_t before = kNone;
  uint32_t after = head == by_address_.end() ? kNone : *head;
  size_t length = 0;
  for (uint32_t each = after; each != kNone; each = holdings_[each].earlier) {
    if (holdings_[each].start_ns > holding.start_ns) {
      before = each;
      after = holdings_[each].earlier;
    }
    ++length;
  }
  if (length >= kMaxHoldingsPerAddress) {
    return false;
  }
  holding.earlier = after;
  if (before != kNone) {
    holdings_[before].earlier = number;
  } else {
    if (head != by_address_.end()) {
      by_address_.erase(head);
    }
    by_address_.insert(number);
  }
  PodRecord& pod = pods_[holding.pod];
  holding.sibling = std::exchange(pod.holding, number);
  return true;
}

void PodTable::Unlink(uint32_t number) {
  const Holding& holding = holdings_[number];
  const auto head = by_address_.find(holding.address);
  if (*head == number) {
    by_address_.erase(head);
    if (holding.earlier != kNone) {
      by_address_.insert(holding.earlier);
    }
  } else {
    uint32_t each = *head;
    while (holdings_[each].earlier != number) {
      each = holdings_[each].earlier;
    }
    holdings_[each].earlier = holding.earlier;
  }
  uint32_t* link = &pods_[holding.pod].holding;
  while (*link != number) {
    link = &holdings_[*link].sibling;
  }
  *link = holding.sibling;
}

void PodTable::Close(uint32_t number, int64_t end_ns) {
  Holding& holding = holdings_[number];
  holding.end_ns = std::max(holding.start_ns, end_ns);
  ended_.push_back(number);
}

bool PodTable::End(uint32_t pod, int64_t now_ns) {
  PodRecord& record = pods_[pod];
  if (!std::exchange(record.is_live, false)) {
    return false;
  }
  --live_pods_;
  for (uint32_t number = record.holding; number != kNone; number = holdings_[number].sibling) {
    holdings_[number].is_lost = false;
    if (holdings_[number].is_open()) {
      Close(number, now_ns);
    }
  }
  return true;
}

void PodTable::Forget(uint32_t number) {
  const uint32_t pod = holdings_[number].pod;
  Unlink(number);
  holdings_.Free(number);
  if (pods_[pod].holding == kNone) {
    FreePod(pod);
  }
}

bool PodTable::Declares(uint32_t pod, uint16_t port, uint8_t transport) const {
  const auto ports = ports_.find(pod);
  return ports != ports_.end() &&
         std::any_of(ports->second.begin(), ports->second.end(), [&](const DeclaredPort& each) {
           return each.node_port == port && each.transport == transport;
         });
}

PodTable::Pod PodTable::Describe(uint32_t pod) const {
  const PodRecord& record = pods_[pod];
  Pod found{.name = strings_.At(record.prefix),
            .namespace_name = record.namespace_name,
            .node = record.node,
            .workload = owners_.WorkloadOf(record.owner),
            .uid = record.uid};
  found.name.append(record.suffix.data(), record.suffix_bytes);
  return found;
}

}  // namespace audio_latency::correlator
