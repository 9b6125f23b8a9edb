#include "tests/unit/correlator/kubernetes/cluster_objects.h"

#include <stdexcept>

#include "fmt/format.h"

namespace audio_latency::correlator::testing {
namespace {

using nlohmann::json;

json Metadata(const std::string& name, uint64_t uid, const std::vector<OwnerText>& owners) {
  json metadata = {{"name", name},
                   {"uid", UidText(uid)},
                   {"resourceVersion", std::to_string(uid)},
                   // What real objects carry along, and nobody here reads.
                   {"labels", {{"app", "audio"}, {"name", "not-the-name"}}},
                   {"managedFields", {{{"manager", "kubelet"}, {"fieldsV1", {{"f:status", {}}}}}}}};
  for (const OwnerText& owner : owners) {
    metadata["ownerReferences"].push_back({{"apiVersion", "apps/v1"},
                                           {"kind", owner.kind},
                                           {"name", owner.name},
                                           {"uid", UidText(owner.uid)},
                                           {"controller", true},
                                           {"blockOwnerDeletion", true}});
  }
  return metadata;
}

}  // namespace

std::string UidText(uint64_t number) {
  return fmt::format("{:08x}-1111-4222-8333-{:012x}", number >> 32 ^ 0xabcdef01,
                     number & 0xffffffffffff);
}

json PodJson(const PodText& pod) {
  json object = {{"kind", "Pod"},
                 {"apiVersion", "v1"},
                 {"metadata", Metadata(pod.name, pod.uid, pod.owners)},
                 {"spec", {{"nodeName", pod.node}}},
                 {"status", {{"phase", pod.phase}, {"hostIP", pod.host_address}}}};
  object["metadata"]["namespace"] = pod.namespace_name;
  if (!pod.created.empty()) {
    object["metadata"]["creationTimestamp"] = pod.created;
  }
  if (!pod.started.empty()) {
    object["status"]["startTime"] = pod.started;
  }
  if (pod.host_network) {
    object["spec"]["hostNetwork"] = true;
  }
  json container = {{"name", "main"}, {"image", "audio:1"}, {"env", {{{"name", "A"}}}}};
  for (const PodText::Port& port : pod.ports) {
    json entry = {{"containerPort", port.container}};
    if (port.host != 0) {
      entry["hostPort"] = port.host;
    }
    if (!port.protocol.empty()) {
      entry["protocol"] = port.protocol;
    }
    container["ports"].push_back(entry);
  }
  object["spec"]["containers"] = json::array({container});
  if (!pod.addresses.empty()) {
    object["status"]["podIP"] = pod.addresses.front();
    for (const std::string& address : pod.addresses) {
      object["status"]["podIPs"].push_back({{"ip", address}});
    }
  }
  return object;
}

json OwnedJson(const std::string& kind, const std::string& name, uint64_t uid,
               const std::vector<OwnerText>& owners) {
  json object = {{"kind", kind}, {"metadata", Metadata(name, uid, owners)}};
  object["metadata"]["namespace"] = "voice";
  return object;
}

json ServiceJson(const ServiceText& service) {
  json object = {{"kind", "Service"}, {"metadata", Metadata(service.name, service.uid, {})}};
  object["metadata"]["namespace"] = service.namespace_name;
  object["spec"] = {{"clusterIP", service.addresses.empty() ? "None" : service.addresses.front()},
                    {"clusterIPs", service.addresses},
                    {"ports", json::array({{{"port", 80}, {"protocol", "TCP"}}})}};
  if (service.node_port != 0) {
    object["spec"]["ports"][0]["nodePort"] = service.node_port;
  }
  return object;
}

json NodeJson(const std::string& name, uint64_t uid, const std::vector<std::string>& addresses) {
  json object = {{"kind", "Node"}, {"metadata", Metadata(name, uid, {})}};
  object["status"]["addresses"] = json::array({{{"type", "Hostname"}, {"address", name}}});
  for (const std::string& address : addresses) {
    object["status"]["addresses"].push_back({{"type", "InternalIP"}, {"address", address}});
  }
  return object;
}

ApiObject Decoded(const json& object) {
  const std::optional<ApiObject> decoded = DecodeObject(object.dump());
  if (!decoded.has_value()) {
    throw std::logic_error("cannot be decoded: " + object.dump());
  }
  return *decoded;
}

}  // namespace audio_latency::correlator::testing
