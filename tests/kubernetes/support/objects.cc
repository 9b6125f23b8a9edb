#include "tests/kubernetes/support/objects.h"

#include <utility>

namespace audio_latency::lab {
namespace {

nlohmann::json Metadata(const std::string& namespace_name, const std::string& name,
                        const std::vector<Owner>& owners) {
  nlohmann::json metadata = {{"name", name}, {"namespace", namespace_name}};
  for (const Owner& owner : owners) {
    metadata["ownerReferences"].push_back({{"apiVersion", owner.api_version},
                                           {"kind", owner.kind},
                                           {"name", owner.name},
                                           {"uid", owner.uid},
                                           {"controller", true},
                                           {"blockOwnerDeletion", true}});
  }
  return metadata;
}

nlohmann::json Template(const std::string& name, const std::string& restart_policy) {
  return {{"metadata", {{"labels", {{"app", name}}}}},
          {"spec",
           {{"restartPolicy", restart_policy},
            {"containers", {{{"name", "main"}, {"image", "voice/main:1"}}}}}}};
}

}  // namespace

nlohmann::json NamespaceObject(const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
}

nlohmann::json PodObject(const PodSpec& spec) {
  nlohmann::json container = {{"name", "main"}, {"image", "voice/main:1"}};
  for (const int port : spec.ports) {
    for (const char* protocol : {"TCP", "UDP"}) {
      container["ports"].push_back({{"containerPort", port}, {"protocol", protocol}});
    }
  }
  nlohmann::json pod_spec = {{"hostNetwork", spec.host_network},
                             {"terminationGracePeriodSeconds", 0},
                             {"automountServiceAccountToken", false},
                             {"containers", nlohmann::json::array({std::move(container)})}};
  if (spec.node.empty()) {
    pod_spec["schedulerName"] = "nobody";
  } else {
    pod_spec["nodeName"] = spec.node;
  }
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", Metadata(spec.namespace_name, spec.name, spec.owners)},
          {"spec", std::move(pod_spec)}};
}

nlohmann::json RunningStatus(const PodSpec& spec, const std::string& host_address) {
  return {{"status",
           {{"phase", "Running"},
            {"hostIP", host_address},
            {"podIP", spec.address},
            {"podIPs", {{{"ip", spec.address}}}},
            {"conditions",
             {{{"type", "Ready"}, {"status", "True"}},
              {{"type", "PodScheduled"}, {"status", "True"}}}}}}};
}

nlohmann::json ControllerObject(const std::string& api_version, const std::string& kind,
                                const std::string& namespace_name, const std::string& name,
                                const std::vector<Owner>& owners) {
  nlohmann::json object = {{"apiVersion", api_version},
                           {"kind", kind},
                           {"metadata", Metadata(namespace_name, name, owners)}};
  if (kind == "CronJob") {
    object["spec"] = {{"schedule", "0 0 * * *"},
                      {"jobTemplate", {{"spec", {{"template", Template(name, "Never")}}}}}};
    return object;
  }
  if (kind == "Job") {
    object["spec"] = {{"template", Template(name, "Never")}};
    return object;
  }
  object["spec"] = {{"selector", {{"matchLabels", {{"app", name}}}}},
                    {"template", Template(name, "Always")}};
  if (kind == "StatefulSet") {
    object["spec"]["serviceName"] = name;
  }
  return object;
}

}  // namespace audio_latency::lab
