// A cluster on one machine: nodes, their pods, and the network between them.

#ifndef TESTS_LAB_CLUSTER_H_
#define TESTS_LAB_CLUSTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {

// A machine on the fabric: a network namespace whose eth0 leads to the fabric's bridge.
struct Machine {
  std::string name;
  NetworkNamespace network;
  std::string address;       // 10.0.0.x
  std::string address_ipv6;  // fd00::x
};

struct Node {
  Machine machine;
  int number = 0;  // pods have 10.244.<number>.x and fd00:244:<number>::x
  int pod_count = 0;
};

// A network namespace whose eth0 is one end of a veth; the other end is on the node, routed as
// most container network plugins do.
struct Pod {
  std::string name;
  std::string namespace_name;
  std::string workload;
  std::string node;
  NetworkNamespace network;
  std::string address;
  std::string address_ipv6;
  std::string host_interface;  // on the node
};

// Owns all machines and pods. The fabric is a bridge in the network namespace of the thread that
// calls Create (the lab's own), which therefore reaches everything. Packets travel as on real
// hosts: segmentation is left to the "hardware", so that up to 64 KiB pass in one piece.
class Cluster {
 public:
  static absl::StatusOr<std::unique_ptr<Cluster>> Create();
  ~Cluster();

  // The pointers stay valid as long as the cluster. Up to 200 nodes and machines.
  absl::StatusOr<Node*> AddNode(const std::string& name);
  absl::StatusOr<Machine*> AddMachine(const std::string& name);
  // Up to 200 pods a node.
  absl::StatusOr<Pod*> AddPod(Node* node, const std::string& name, const std::string& workload,
                              const std::string& namespace_name);

  // Takes the pod's interface away, at both ends; Plug brings a new one with the same addresses.
  absl::Status Unplug(const Pod& pod) const;
  absl::Status Plug(const Pod& pod) const;
  // Between a machine (a node's too) and the fabric: nothing passes while it is down, and nobody is
  // told.
  absl::Status SetLink(const Machine& machine, bool is_up) const;

  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  const std::vector<std::unique_ptr<Pod>>& pods() const { return pods_; }

  // Who has which address, as the correlator's ENDPOINTS_FILE wants it.
  std::string EndpointsYaml() const;

 private:
  explicit Cluster(NetworkNamespace fabric) : fabric_(std::move(fabric)) {}

  static absl::Status Plug(const Node& node, const Pod& pod);
  absl::StatusOr<const Node*> NodeOf(const Pod& pod) const;
  absl::StatusOr<Machine> ConnectMachine(const std::string& name);
  absl::Status RouteBetween(const Node& from, const Node& to);

  NetworkNamespace fabric_;
  int machine_count_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<Pod>> pods_;
};

// "veth-<pod>" within the kernel's 15 characters; the pod's number is kept: "veth-processo-2".
std::string HostInterfaceName(const std::string& pod);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_CLUSTER_H_
