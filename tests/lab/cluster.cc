#include "tests/lab/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/status/status_macros.h"

namespace audio_latency::lab {
namespace {

constexpr int kMostMachines = 200;
constexpr int kMostPods = 200;
// Where pods send what is not for them; every node answers to it on each veth.
constexpr char kPodGateway[] = "169.254.1.1";
constexpr char kPodGatewayIpv6[] = "fe80::1";

std::string FabricAddress(int number) { return fmt::format("10.0.0.{}", number); }
std::string FabricAddressIpv6(int number) { return fmt::format("fd00::{:x}", number); }

}  // namespace

std::string HostInterfaceName(const std::string& pod) {
  constexpr size_t kRoom = 10;  // IFNAMSIZ without its end, less "veth-"
  if (pod.size() <= kRoom) {
    return "veth-" + pod;
  }
  const size_t dash = pod.rfind('-');
  const std::string ordinal =
      dash == std::string::npos || pod.size() - dash > kRoom / 2 ? "" : pod.substr(dash);
  return "veth-" + pod.substr(0, kRoom - ordinal.size()) + ordinal;
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Create() {
  ASSIGN_OR_RETURN(NetworkNamespace fabric, NetworkNamespace::OfThisThread());
  RETURN_IF_ERROR(
      fabric.Configure("link set lo up\n"
                       "link add br0 type bridge mcast_snooping 0\n"
                       "addr add 10.0.0.254/24 dev br0\n"
                       "addr add fd00::fe/64 dev br0 nodad\n"
                       "link set br0 up\n"));
  return std::unique_ptr<Cluster>(new Cluster(std::move(fabric)));
}

Cluster::~Cluster() {
  // Interfaces of a namespace that ends go some time later; these must be gone when the next
  // cluster is made.
  std::string commands = "link del br0\n";
  for (int number = 1; number <= machine_count_; ++number) {
    commands += fmt::format("link del port-{}\n", number);
  }
  fabric_.Configure(commands).IgnoreError();
}

absl::StatusOr<Machine> Cluster::ConnectMachine(const std::string& name) {
  if (machine_count_ >= kMostMachines) {
    return absl::ResourceExhaustedError(
        fmt::format("machine {} is one too many: the fabric holds {}", name, kMostMachines));
  }
  ASSIGN_OR_RETURN(NetworkNamespace network, NetworkNamespace::Create());
  const int number = ++machine_count_;
  Machine machine = {name, std::move(network), FabricAddress(number), FabricAddressIpv6(number)};
  const std::string port = fmt::format("port-{}", number);
  RETURN_IF_ERROR(
      fabric_.Configure(fmt::format("link add {0} type veth peer name eth0 netns {1}\n"
                                    "link set {0} master br0\n"
                                    "link set {0} up\n",
                                    port, machine.network.path())));
  RETURN_IF_ERROR(machine.network.Configure(
      fmt::format("addr add {}/24 dev eth0\n"
                  "addr add {}/64 dev eth0 nodad\n"
                  "link set eth0 up\n"
                  "route add default via {}\n"
                  "route add ::/0 via {}\n",
                  machine.address, machine.address_ipv6, "10.0.0.254", "fd00::fe")));
  return machine;
}

absl::Status Cluster::RouteBetween(const Node& from, const Node& to) {
  return from.machine.network.Configure(
      fmt::format("route add 10.244.{0}.0/24 via {1}\n"
                  "route add fd00:244:{0}::/64 via {2}\n",
                  to.number, to.machine.address, to.machine.address_ipv6));
}

absl::StatusOr<Machine*> Cluster::AddMachine(const std::string& name) {
  ASSIGN_OR_RETURN(Machine machine, ConnectMachine(name));
  machines_.push_back(std::make_unique<Machine>(std::move(machine)));
  Machine* added = machines_.back().get();
  for (const auto& node : nodes_) {
    RETURN_IF_ERROR(added->network.Configure(
        fmt::format("route add 10.244.{0}.0/24 via {1}\n"
                    "route add fd00:244:{0}::/64 via {2}\n",
                    node->number, node->machine.address, node->machine.address_ipv6)));
  }
  return added;
}

absl::StatusOr<Node*> Cluster::AddNode(const std::string& name) {
  ASSIGN_OR_RETURN(Machine machine, ConnectMachine(name));
  const int number = static_cast<int>(nodes_.size()) + 1;
  nodes_.push_back(std::make_unique<Node>(Node{std::move(machine), number, 0}));
  Node* added = nodes_.back().get();
  const std::string route = fmt::format(
      "route add 10.244.{0}.0/24 via {1}\n"
      "route add fd00:244:{0}::/64 via {2}\n",
      number, added->machine.address, added->machine.address_ipv6);
  RETURN_IF_ERROR(fabric_.Configure(route));
  for (const auto& other : machines_) {
    RETURN_IF_ERROR(other->network.Configure(route));
  }
  for (const auto& other : nodes_) {
    if (other.get() != added) {
      RETURN_IF_ERROR(RouteBetween(*other, *added));
      RETURN_IF_ERROR(RouteBetween(*added, *other));
    }
  }
  return added;
}

absl::StatusOr<Pod*> Cluster::AddPod(Node* node, const std::string& name,
                                     const std::string& workload,
                                     const std::string& namespace_name) {
  if (node->pod_count >= kMostPods) {
    return absl::ResourceExhaustedError(fmt::format("pod {} is one too many: node {} holds {}",
                                                    name, node->machine.name, kMostPods));
  }
  ASSIGN_OR_RETURN(NetworkNamespace network, NetworkNamespace::Create());
  const int number = ++node->pod_count + 1;
  auto pod = std::make_unique<Pod>(
      Pod{name, namespace_name, workload, node->machine.name, std::move(network),
          fmt::format("10.244.{}.{}", node->number, number),
          fmt::format("fd00:244:{}::{:x}", node->number, number), HostInterfaceName(name)});
  RETURN_IF_ERROR(Plug(*node, *pod));
  pods_.push_back(std::move(pod));
  return pods_.back().get();
}

absl::Status Cluster::Plug(const Node& node, const Pod& pod) {
  RETURN_IF_ERROR(node.machine.network.Configure(
      fmt::format("link add {0} type veth peer name eth0 netns {1}\n"
                  "addr add {2}/32 dev {0}\n"
                  "addr add {3}/64 dev {0} nodad\n"
                  "link set {0} up\n"
                  "route add {4}/32 dev {0} src {6}\n"
                  "route add {5}/128 dev {0}\n",
                  pod.host_interface, pod.network.path(), kPodGateway, kPodGatewayIpv6, pod.address,
                  pod.address_ipv6, node.machine.address)));
  return pod.network.Configure(
      fmt::format("addr add {0}/32 dev eth0\n"
                  "addr add {1}/128 dev eth0 nodad\n"
                  "link set eth0 up\n"
                  "route add {2} dev eth0 scope link\n"
                  "route add default via {2} dev eth0\n"
                  "route add ::/0 via {3} dev eth0\n",
                  pod.address, pod.address_ipv6, kPodGateway, kPodGatewayIpv6));
}

absl::StatusOr<const Node*> Cluster::NodeOf(const Pod& pod) const {
  for (const auto& node : nodes_) {
    if (node->machine.name == pod.node) {
      return node.get();
    }
  }
  return absl::NotFoundError(fmt::format("pod {} is on no node of this cluster", pod.name));
}

absl::Status Cluster::Unplug(const Pod& pod) const {
  ASSIGN_OR_RETURN(const Node* const node, NodeOf(pod));
  return node->machine.network.Configure(fmt::format("link del {}\n", pod.host_interface));
}

absl::Status Cluster::Plug(const Pod& pod) const {
  ASSIGN_OR_RETURN(const Node* const node, NodeOf(pod));
  return Plug(*node, pod);
}

absl::Status Cluster::SetLink(const Machine& machine, bool is_up) const {
  // The bridge's port has the number of the machine's address.
  const std::string number = machine.address.substr(machine.address.rfind('.') + 1);
  return fabric_.Configure(fmt::format("link set port-{} {}\n", number, is_up ? "up" : "down"));
}

std::string Cluster::EndpointsYaml() const {
  std::string yaml = "endpoints:\n";
  for (const auto& pod : pods_) {
    for (const std::string& address : {pod->address, pod->address_ipv6}) {
      yaml += fmt::format(
          "  - address: \"{}\"\n    pod: {}\n    namespace: {}\n    workload: {}\n    node: {}\n",
          address, pod->name, pod->namespace_name, pod->workload, pod->node);
    }
  }
  return yaml;
}

}  // namespace audio_latency::lab
