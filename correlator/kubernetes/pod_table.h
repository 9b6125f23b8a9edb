// Which pod held an address when: 30,000 pods in a few megabytes.

#ifndef CORRELATOR_KUBERNETES_POD_TABLE_H_
#define CORRELATOR_KUBERNETES_POD_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "common/address/ip_address.h"
#include "correlator/kubernetes/api_object.h"
#include "correlator/kubernetes/owner_table.h"
#include "correlator/kubernetes/record_pool.h"
#include "correlator/kubernetes/string_pool.h"
#include "correlator/kubernetes/uid.h"

namespace audio_latency::correlator {

// A pod holds an address from when its node took it (by the node's clock, in whole seconds, but
// never later than we saw it) until we saw it end; an address has one holder at a time, so a pod
// that gets another's begins where that one ended. Pods that have ended are kept for kHistoryNs.
// Times are Unix time by our clock. Not thread-safe.
class PodTable {
 public:
  struct Limits {
    size_t max_pods = 200'000;
    // Holdings that have ended.
    size_t max_history = 100'000;
  };
  // Longer than anything that is still to be named: what probes send after a break is refused
  // beyond the longest matching window (one minute).
  static constexpr int64_t kHistoryNs = 600'000'000'000;
  // How far an event may lie before the beginning of a holding and still be its: clocks of nodes
  // differ from ours, and nobody is known to have had the address then.
  static constexpr int64_t kStartSlackNs = 60'000'000'000;
  static constexpr size_t kMaxHoldingsPerAddress = 256;
  static constexpr int64_t kAlways = std::numeric_limits<int64_t>::min();

  // Both must outlive it.
  PodTable(StringPool* strings, OwnerTable* owners, const Limits& limits);
  PodTable(const PodTable&) = delete;
  PodTable& operator=(const PodTable&) = delete;

  // All three return whether an answer may now be another.
  bool Set(const ApiObject& pod, int64_t now_ns);
  bool Remove(const Uid& uid, int64_t now_ns);
  // Set was called, since BeginList, for all that there are: ends the others.
  void BeginList() { ++list_; }
  bool EndList(int64_t now_ns);
  // Forgets what ended long ago.
  void Expire(int64_t now_ns);

  struct Pod {
    std::string name;
    uint32_t namespace_name = StringPool::kEmpty;
    uint32_t node = StringPool::kEmpty;
    OwnerTable::Workload workload;
    Uid uid;
    // Since when it has had the address, where somebody else had it before; else kAlways.
    int64_t since_ns = kAlways;
  };
  // Who has `address` for itself at that time.
  std::optional<Pod> HolderOf(const IpAddress& address, int64_t unix_time_ns) const;
  // Of an address that nobody has at that time, since when; kAlways: nobody is known to have had
  // it.
  int64_t FreeSince(const IpAddress& address, int64_t unix_time_ns) const;
  // Of those on the node at `address` who declare that port of it, the only one.
  std::optional<Pod> ListenerAt(const IpAddress& address, uint16_t port, uint8_t transport,
                                int64_t unix_time_ns) const;
  // The node of the pods that share `address` with it, a number of `strings`; kEmpty: none does.
  uint32_t NodeAt(const IpAddress& address) const;
  // The pod, if it had not ended by that time.
  std::optional<Pod> Find(const Uid& uid, int64_t unix_time_ns) const;
  // When a pod ended that is not forgotten yet; kAlways: there is none such.
  int64_t EndOf(const Uid& uid) const;

  // Pods that have not ended.
  size_t live_pods() const { return live_pods_; }
  size_t pods() const { return pods_.size(); }
  size_t history() const { return ended_.size(); }
  const Limits& limits() const { return limits_; }
  // Pods and holdings that were left out for want of room.
  uint64_t refused() const { return refused_; }
  // Holdings forgotten before their time.
  uint64_t evicted() const { return evicted_; }
  size_t bytes() const;

 private:
  static constexpr uint32_t kNone = RecordPool<int>::kNone;
  static constexpr int64_t kOpen = std::numeric_limits<int64_t>::max();
  static constexpr size_t kMaxSuffixBytes = 11;

  struct PodRecord {
    Uid uid;
    uint32_t namespace_name = StringPool::kEmpty;
    // The name in two parts: what pods of one workload share, and the few letters that they do not.
    uint32_t prefix = StringPool::kEmpty;
    uint32_t node = StringPool::kEmpty;
    uint32_t owner = OwnerTable::kNoOwner;
    // The newest.
    uint32_t holding = kNone;
    std::array<char, kMaxSuffixBytes> suffix = {};
    uint8_t suffix_bytes = 0;
    // Of the list that it was in.
    uint16_t list = 0;
    bool is_live = false;
  };
  struct Holding {
    IpAddress address;
    int64_t start_ns = 0;
    int64_t end_ns = kOpen;
    uint32_t pod = kNone;
    // Of the same address, the one that began before.
    uint32_t earlier = kNone;
    // Of the same pod.
    uint32_t sibling = kNone;
    // The address is the node's.
    bool is_shared = false;
    // The pod still claims it, but another got it later.
    bool is_lost = false;

    bool is_open() const { return end_ns == kOpen; }
  };
  struct Claim {
    IpAddress address;
    bool is_shared = false;
  };
  struct UidHash {
    using is_transparent = void;
    const RecordPool<PodRecord>* pods;
    size_t operator()(const Uid& uid) const { return absl::HashOf(uid); }
    size_t operator()(uint32_t pod) const { return absl::HashOf((*pods)[pod].uid); }
  };
  struct UidEqual {
    using is_transparent = void;
    const RecordPool<PodRecord>* pods;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t pod, const Uid& uid) const { return (*pods)[pod].uid == uid; }
    bool operator()(const Uid& uid, uint32_t pod) const { return (*pods)[pod].uid == uid; }
  };
  struct AddressHash {
    using is_transparent = void;
    const RecordPool<Holding>* holdings;
    size_t operator()(const IpAddress& address) const { return absl::HashOf(address); }
    size_t operator()(uint32_t holding) const { return absl::HashOf((*holdings)[holding].address); }
  };
  struct AddressEqual {
    using is_transparent = void;
    const RecordPool<Holding>* holdings;
    bool operator()(uint32_t a, uint32_t b) const {
      return a == b || (*holdings)[a].address == (*holdings)[b].address;
    }
    bool operator()(uint32_t holding, const IpAddress& address) const {
      return (*holdings)[holding].address == address;
    }
    bool operator()(const IpAddress& address, uint32_t holding) const {
      return (*holdings)[holding].address == address;
    }
  };

  static std::vector<Claim> ClaimsOf(const ApiObject& pod);
  static int64_t StartOf(const ApiObject& pod, bool has_rival, int64_t now_ns);

  uint32_t NewestAt(const IpAddress& address) const;
  uint32_t AddPod(const ApiObject& pod);
  void FreePod(uint32_t pod);
  void SetName(const std::string& name, PodRecord* record);
  void SetPorts(uint32_t pod, const ApiObject& object);
  bool Open(uint32_t pod, const Claim& claim, const ApiObject& object, bool is_first,
            int64_t now_ns);
  bool Link(uint32_t holding);
  void Unlink(uint32_t holding);
  void Close(uint32_t holding, int64_t end_ns);
  bool End(uint32_t pod, int64_t now_ns);
  void Forget(uint32_t holding);
  bool Declares(uint32_t pod, uint16_t port, uint8_t transport) const;
  Pod Describe(uint32_t pod) const;
  Pod Since(uint32_t holding, Pod pod) const;

  StringPool& strings_;
  OwnerTable& owners_;
  const Limits limits_;
  RecordPool<PodRecord> pods_;
  RecordPool<Holding> holdings_;
  absl::flat_hash_set<uint32_t, UidHash, UidEqual> by_uid_;
  // The newest holding of each address.
  absl::flat_hash_set<uint32_t, AddressHash, AddressEqual> by_address_;
  // Of pods that share their node's address, or ports of it.
  absl::flat_hash_map<uint32_t, std::vector<DeclaredPort>> ports_;
  // Holdings that have ended, the earliest first.
  std::deque<uint32_t> ended_;
  uint16_t list_ = 0;
  size_t live_pods_ = 0;
  size_t port_bytes_ = 0;
  uint64_t refused_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_POD_TABLE_H_
