// Objects that hold addresses for as long as they are there: services and nodes.

#ifndef CORRELATOR_KUBERNETES_CLAIM_TABLE_H_
#define CORRELATOR_KUBERNETES_CLAIM_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/address/ip_address.h"
#include "correlator/kubernetes/api_object.h"
#include "correlator/kubernetes/uid.h"

namespace audio_latency::correlator {

// Who holds an address now; of two that claim one, who came last. Not thread-safe.
class ClaimTable {
 public:
  static constexpr size_t kMaxObjects = 50'000;

  struct Holder {
    std::string name;
    // Empty for nodes.
    std::string namespace_name;
  };

  // The first two return whether an answer may now be another, as does EndList.
  bool Set(const ApiObject& object);
  bool Remove(const Uid& uid);
  // Set was called, since BeginList, for all that there are: removes the others.
  void BeginList() { ++list_; }
  bool EndList();

  // Null when nobody does. Valid until the next change.
  const Holder* HolderOf(const IpAddress& address) const;
  // Whose nodePort, which is one of every node, it is.
  const Holder* HolderOfNodePort(uint16_t port, uint8_t transport) const;

  size_t size() const { return objects_.size(); }
  uint64_t refused() const { return refused_; }
  // Texts and lists beyond their tables are taken as they are reserved.
  size_t bytes() const;

 private:
  struct Object {
    Holder holder;
    std::vector<IpAddress> addresses;
    std::vector<uint32_t> node_ports = {};
    uint16_t list = 0;
  };

  static uint32_t PortKey(uint16_t port, uint8_t transport) {
    return uint32_t{transport} << 16 | port;
  }
  void Claim(const Uid& uid, const Object& object);
  void Leave(const Uid& uid, const Object& object);
  static size_t HeapBytes(const Object& object);

  absl::flat_hash_map<Uid, Object> objects_;
  absl::flat_hash_map<IpAddress, Uid> by_address_;
  absl::flat_hash_map<uint32_t, Uid> by_node_port_;
  uint16_t list_ = 0;
  size_t heap_bytes_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_CLAIM_TABLE_H_
