// Objects of a cluster as an API server writes them.

#ifndef TESTS_UNIT_CORRELATOR_KUBERNETES_CLUSTER_OBJECTS_H_
#define TESTS_UNIT_CORRELATOR_KUBERNETES_CLUSTER_OBJECTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "correlator/kubernetes/api_object.h"
#include "correlator/kubernetes/object_decoder.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator::testing {

// A UUID of its own for each number; as text.
std::string UidText(uint64_t number);

struct OwnerText {
  std::string kind;
  std::string name;
  uint64_t uid = 0;
};

struct PodText {
  std::string name;
  uint64_t uid = 0;
  std::vector<std::string> addresses = {};
  std::string namespace_name = "voice";
  std::string node = "node-a";
  std::vector<OwnerText> owners = {};
  std::string phase = "Running";
  bool host_network = false;
  std::string host_address = "192.168.1.1";
  // "2026-11-21T10:00:00Z"; "": none.
  std::string started = {};
  std::string created = {};
  struct Port {
    uint16_t container = 0;
    uint16_t host = 0;
    std::string protocol = {};
  };
  std::vector<Port> ports = {};
};

nlohmann::json PodJson(const PodText& pod);
// A ReplicaSet or a Job; "" as owner: none.
nlohmann::json OwnedJson(const std::string& kind, const std::string& name, uint64_t uid,
                         const std::vector<OwnerText>& owners);
struct ServiceText {
  std::string name;
  uint64_t uid = 0;
  std::vector<std::string> addresses = {};
  uint16_t node_port = 0;
  std::string namespace_name = "voice";
};
nlohmann::json ServiceJson(const ServiceText& service);
nlohmann::json NodeJson(const std::string& name, uint64_t uid,
                        const std::vector<std::string>& addresses);

// As the product decodes it. Throws where it does not.
ApiObject Decoded(const nlohmann::json& object);

}  // namespace audio_latency::correlator::testing

#endif  // TESTS_UNIT_CORRELATOR_KUBERNETES_CLUSTER_OBJECTS_H_
