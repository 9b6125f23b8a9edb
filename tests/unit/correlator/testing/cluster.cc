#include "tests/unit/correlator/testing/cluster.h"

#include "fmt/format.h"

namespace audio_latency::correlator::testing {

class Cluster::Directory final : public EndpointDirectory {
 public:
  explicit Directory(const std::map<std::string, Endpoint>& pods) : pods_(pods) {}
  Resolution Resolve(const EndpointQuery& query) const override {
    for (const auto& [name, endpoint] : pods_) {
      if (endpoint.address == query.address) {
        return {.endpoint = endpoint};
      }
    }
    Resolution unknown;
    unknown.endpoint.address = query.address;
    return unknown;
  }

 private:
  const std::map<std::string, Endpoint>& pods_;
};

Cluster::Cluster()
    : directory_(std::make_unique<Directory>(pods_)),
      flows_(FlowRegistry::Create(*directory_, 10000)) {}

void Cluster::AddPod(const std::string& pod, const std::string& workload, const std::string& node) {
  const size_t number = pods_.size() + 1;
  Endpoint endpoint;
  endpoint.pod = pod;
  endpoint.namespace_name = "voice";
  endpoint.workload_kind = "Deployment";
  endpoint.workload = workload;
  endpoint.node = node;
  endpoint.address = *IpAddress::Parse(fmt::format("10.0.{}.{}", number / 250, number % 250 + 1));
  pods_[pod] = endpoint;
}

FlowId Cluster::AddFlow(FlowDescription flow, const std::string& node, InterfaceRole role,
                        Direction direction) {
  flow.node = *flows_->InternNode(node);
  flow.interface_role = role;
  flow.direction = direction;
  flow.interface_name = role == InterfaceRole::kUplink ? "eth0" : "veth1";
  return *flows_->Add(flow, 0);
}

ConversationFlows Cluster::AddConversation(const std::string& source,
                                           const std::string& destination, bool is_rtp) {
  const Endpoint& from = pods_.at(source);
  const Endpoint& to = pods_.at(destination);
  FlowDescription flow;
  flow.source = from.address;
  flow.destination = to.address;
  flow.source_port = static_cast<uint16_t>(10000 + conversations_);
  flow.destination_port = 4000;
  flow.transport = is_rtp ? 17 : 6;
  flow.is_rtp = is_rtp;
  flow.rtp_ssrc = is_rtp ? 1000 + conversations_ : 0;
  ++conversations_;
  ConversationFlows flows;
  flows.source_container = AddFlow(flow, from.node, InterfaceRole::kContainer, Direction::kIngress);
  flows.source_uplink = AddFlow(flow, from.node, InterfaceRole::kUplink, Direction::kEgress);
  flows.destination_uplink = AddFlow(flow, to.node, InterfaceRole::kUplink, Direction::kIngress);
  flows.destination_container =
      AddFlow(flow, to.node, InterfaceRole::kContainer, Direction::kEgress);
  const FlowRecord& record = flows_->Record(flows.source_container);
  flows.conversation = record.conversation;
  flows.source_node = record.node;
  flows.destination_node = flows_->Record(flows.destination_container).node;
  return flows;
}

FlowId Cluster::AddUndirected(const ConversationFlows& conversation, const std::string& node) {
  return AddFlow(flows_->Description(conversation.source_container), node, InterfaceRole::kUplink,
                 Direction::kUnknown);
}

}  // namespace audio_latency::correlator::testing
