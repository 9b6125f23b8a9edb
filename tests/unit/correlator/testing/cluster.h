// A cluster in numbers: pods on nodes, and the flows that probes would define for a conversation.

#ifndef TESTS_UNIT_CORRELATOR_TESTING_CLUSTER_H_
#define TESTS_UNIT_CORRELATOR_TESTING_CLUSTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator::testing {

// The four points that see a conversation between pods on two nodes.
struct ConversationFlows {
  FlowId source_container = 0;
  FlowId source_uplink = 0;
  FlowId destination_uplink = 0;
  FlowId destination_container = 0;
  ConversationId conversation = 0;
  NodeId source_node = 0;
  NodeId destination_node = 0;
};

class Cluster {
 public:
  Cluster();

  // A pod of a workload on a node, which is made at first sight.
  void AddPod(const std::string& pod, const std::string& workload, const std::string& node);
  // Each call makes a new conversation (new ports), of TCP or of RTP.
  ConversationFlows AddConversation(const std::string& source, const std::string& destination,
                                    bool is_rtp = false);
  // The flow of a conversation at a point of which only the place is known, as a capture file has
  // it.
  FlowId AddUndirected(const ConversationFlows& conversation, const std::string& node);
  FlowRegistry& flows() { return *flows_; }
  const Endpoint& EndpointOfPod(const std::string& pod) const { return pods_.at(pod); }

 private:
  class Directory;
  FlowId AddFlow(FlowDescription flow, const std::string& node, InterfaceRole role,
                 Direction direction);

  std::map<std::string, Endpoint> pods_;
  std::unique_ptr<EndpointDirectory> directory_;
  std::unique_ptr<FlowRegistry> flows_;
  uint32_t conversations_ = 0;
};

}  // namespace audio_latency::correlator::testing

#endif  // TESTS_UNIT_CORRELATOR_TESTING_CLUSTER_H_
