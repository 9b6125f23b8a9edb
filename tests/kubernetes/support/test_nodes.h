// Two nodes as the correlator sees them: real uplinks whose events are made up, so that audio can
// flow between any addresses at any time.

#ifndef TESTS_KUBERNETES_SUPPORT_TEST_NODES_H_
#define TESTS_KUBERNETES_SUPPORT_TEST_NODES_H_

#include <cstdint>
#include <memory>
#include <string>

namespace audio_latency::lab {

// A TCP conversation over IPv4, from a host behind node-a to one behind node-b.
struct Conversation {
  std::string source;
  std::string destination;
  uint16_t source_port = 40000;
  uint16_t destination_port = 8080;
};

// Probes node-a and node-b in this process: their clocks, batches and streams are the real ones.
// Not thread-safe.
class TestNodes {
 public:
  // `correlator_address`: host:port of its gRPC port, plain text.
  explicit TestNodes(const std::string& correlator_address);
  ~TestNodes();

  // A piece of audio leaves node-a now and reaches node-b 200 us later. Returns its signature, 16
  // hexadecimal digits, as traces name it.
  std::string Send(const Conversation& conversation);

 private:
  class Node;

  std::unique_ptr<Node> node_a_;
  std::unique_ptr<Node> node_b_;
  uint32_t sent_ = 0;
};

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_SUPPORT_TEST_NODES_H_
