#include "correlator/metrics/hop_labels.h"

#include "correlator/endpoints/endpoint_text.h"
#include "fmt/format.h"

namespace audio_latency::correlator {

MetricLabels TransitLabels(const HopSnapshot& hop, MetricLabelling labelling) {
  if (labelling == MetricLabelling::kWorkload) {
    return {{"source_workload", hop.source.PathName()},
            {"dest_workload", hop.destination.PathName()},
            {"source_workload_kind", hop.source.workload_kind},
            {"dest_workload_kind", hop.destination.workload_kind},
            {"source_namespace", hop.source.namespace_name},
            {"dest_namespace", hop.destination.namespace_name}};
  }
  return {{"source_pod", PodText(hop.source)},
          {"dest_pod", PodText(hop.destination)},
          {"source_workload", hop.source.workload},
          {"dest_workload", hop.destination.workload},
          {"source_namespace", hop.source.namespace_name},
          {"dest_namespace", hop.destination.namespace_name},
          {"source_node", hop.source.node},
          {"dest_node", hop.destination.node}};
}

MetricLabels ProcessingLabels(const HopSnapshot& hop, MetricLabelling labelling) {
  if (labelling == MetricLabelling::kWorkload) {
    return {{"workload", hop.source.PathName()},
            {"workload_kind", hop.source.workload_kind},
            {"namespace", hop.source.namespace_name}};
  }
  return {{"pod", PodText(hop.source)},
          {"workload", hop.source.workload},
          {"namespace", hop.source.namespace_name},
          {"node", hop.source.node}};
}

MetricLabels SignatureLabels(const PodSignatures& signatures, MetricLabelling labelling) {
  if (labelling == MetricLabelling::kWorkload) {
    return {{"workload", signatures.workload.empty() ? signatures.pod : signatures.workload},
            {"workload_kind", signatures.workload_kind},
            {"namespace", signatures.namespace_name}};
  }
  return {{"pod", signatures.pod}};
}

std::string MemberOf(const HopSnapshot& hop) {
  const auto text = [](const Endpoint& end) {
    return fmt::format("{}/{}/{}/{}/{}", end.namespace_name, end.pod, end.pod_uid, end.node,
                       end.pod.empty() ? end.address.ToString() : "");
  };
  return text(hop.source) + " " + text(hop.destination);
}

MetricLabels PathHopLabels(const std::string& path, size_t number, const HopSnapshot& hop) {
  return {{"path", path},
          {"hop", std::to_string(number)},
          {"kind", hop.kind == HopKind::kTransit ? "network" : "pod"},
          {"source", hop.source.PathName()},
          {"destination", hop.destination.PathName()}};
}

}  // namespace audio_latency::correlator
