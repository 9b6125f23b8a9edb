// The lab's cluster carries packets as a real one does.

#include "tests/lab/cluster.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "common/process/file_descriptor.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/errno_status.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/port_forwarder.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

// A UDP datagram of `size` bytes from one pod to another, by IPv4 or IPv6.
absl::Status Exchange(const Pod& from, const Pod& to, int family, size_t size) {
  sockaddr_storage address = {};
  socklen_t length = 0;
  if (family == AF_INET) {
    auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address);
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(5004);
    inet_pton(AF_INET, to.address.c_str(), &ipv4->sin_addr);
    length = sizeof(*ipv4);
  } else {
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address);
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(5004);
    inet_pton(AF_INET6, to.address_ipv6.c_str(), &ipv6->sin6_addr);
    length = sizeof(*ipv6);
  }
  FileDescriptor receiver;
  RETURN_IF_ERROR(to.network.RunInside([&] {
    receiver = FileDescriptor(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval patience = {.tv_sec = 3, .tv_usec = 0};
    setsockopt(receiver.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return bind(receiver.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0
               ? absl::OkStatus()
               : ErrnoStatus("bind");
  }));
  const std::string sent(size, 'x');
  RETURN_IF_ERROR(from.network.RunInside([&] {
    FileDescriptor sender(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return sendto(sender.get(), sent.data(), sent.size(), 0,
                  reinterpret_cast<const sockaddr*>(&address), length) == static_cast<ssize_t>(size)
               ? absl::OkStatus()
               : ErrnoStatus("sendto");
  }));
  std::string received(size + 1, '\0');
  const ssize_t got = recv(receiver.get(), received.data(), received.size(), 0);
  return got == static_cast<ssize_t>(size)
             ? absl::OkStatus()
             : ErrnoStatus(fmt::format("{} of {} bytes arrived", got, size));
}

TEST_CASE("pods reach each other within and across nodes, by IPv4 and IPv6") {
  auto cluster = Require(Cluster::Create());
  Node* a = Require(cluster->AddNode("node-a"));
  Pod* first = Require(cluster->AddPod(a, "ingress-1", "ingress", "voice"));
  // A node that comes later is routed as well.
  Node* b = Require(cluster->AddNode("node-b"));
  Pod* second = Require(cluster->AddPod(a, "media-relay-1", "media-relay", "voice"));
  Pod* third = Require(cluster->AddPod(b, "processor-2", "processor", "voice"));
  CHECK(third->host_interface == "veth-processo-2");
  for (const int family : {AF_INET, AF_INET6}) {
    CAPTURE(family);
    Require(Exchange(*first, *second, family, 1400));
    Require(Exchange(*first, *third, family, 1400));
    Require(Exchange(*third, *second, family, 160));
  }

  // Machines on the fabric reach the pods, too.
  Machine* machine = Require(cluster->AddMachine("correlator"));
  ProcessOptions route;
  route.arguments = {"ip", "route", "get", third->address};
  route.network = &machine->network;
  const CommandResult result = Require(RunCommand(route));
  CHECK(result.exit_status == 0);
  CHECK(result.output.find("via " + b->machine.address) != std::string::npos);

  const std::string yaml = cluster->EndpointsYaml();
  CHECK(yaml.find("address: \"10.244.2.2\"\n    pod: processor-2\n    namespace: voice\n"
                  "    workload: processor\n    node: node-b") != std::string::npos);
}

TEST_CASE("interfaces of a network are what /sys shows to its processes") {
  auto cluster = Require(Cluster::Create());
  Node* node = Require(cluster->AddNode("node-a"));
  Require(cluster->AddPod(node, "ingress-1", "ingress", "voice"));
  ProcessOptions list;
  list.arguments = {"ls", "/sys/class/net"};
  list.network = &node->machine.network;
  CHECK(Require(RunCommand(list)).output == "eth0\nlo\nveth-ingress-1\n");
}

TEST_CASE("a process tells its exit status, output and usage, and can be ended") {
  ProcessOptions options;
  options.arguments = {"sh", "-c", "cat; echo problem >&2; echo $NAME; exit 3"};
  options.input = "from input\n";
  options.environment = {{"NAME", "value"}};
  const CommandResult result = Require(RunCommand(options));
  CHECK(result.exit_status == 3);
  CHECK(result.output == "from input\nvalue\n");
  CHECK(result.error == "problem\n");

  options.arguments = {"sleep", "1000"};
  Process sleeper = Require(Process::Start(options));
  CHECK(sleeper.IsRunning());
  CHECK_FALSE(sleeper.Wait(50).has_value());
  CHECK(Require(sleeper.Usage()).resident_bytes > 100000);
  CHECK(sleeper.Terminate() == 128 + SIGTERM);
  CHECK_FALSE(sleeper.IsRunning());

  // One that does not listen is ended all the same.
  options.arguments = {"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"};
  Process stubborn = Require(Process::Start(options));
  while (stubborn.StandardOutput().empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(stubborn.Terminate(100) == 128 + SIGKILL);

  options.arguments = {"no-such-program"};
  CHECK(Message(Process::Start(options).status()).find("no-such-program is not installed") !=
        std::string::npos);
}

// Answers each connection with the same bytes, until it is destroyed.
class Server {
 public:
  Server(const NetworkNamespace& network, std::string body) : body_(std::move(body)) {
    Require(network.RunInside([this]() -> absl::Status {
      ASSIGN_OR_RETURN(listener_, ListenTcp(kPort));
      return absl::OkStatus();
    }));
    thread_ = std::thread([this] { Serve(); });
  }
  ~Server() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  static constexpr uint16_t kPort = 8080;

 private:
  void Serve() {
    for (;;) {
      const absl::StatusOr<FileDescriptor> connection = AcceptTcp(listener_);
      if (!connection.ok()) {
        return;
      }
      // The request first, or the answer would be cut off by a reset.
      const absl::StatusOr<Arrival> request = Receive(*connection);
      const std::string answer = "HTTP/1.0 200 OK\r\n\r\n" + body_;
      SendAll(*connection, answer.data(), answer.size()).IgnoreError();
    }
  }

  const std::string body_;
  FileDescriptor listener_;
  std::thread thread_;
};

std::string Fetch(const NetworkNamespace& from, uint16_t port) {
  ProcessOptions options;
  options.arguments = {"curl", "-s", "-m", "5", fmt::format("http://127.0.0.1:{}/", port)};
  options.network = &from;
  return Require(RunCommand(options)).output;
}

TEST_CASE("a published port answers outside of the lab, and moves where it is taken") {
  auto cluster = Require(Cluster::Create());
  Machine* machine = Require(cluster->AddMachine("server"));
  const std::string body(300000, 'y');
  const Server server(machine->network, body);
  const ForwardingTarget target = {nullptr, machine->address, Server::kPort};
  const NetworkNamespace& outside = CurrentLab().outside_network();
  auto published = Require(PortForwarder::PublishPort(outside, 0, target));
  CHECK(Fetch(outside, published->port()) == body);
  auto another = Require(PortForwarder::PublishPort(outside, published->port(), target));
  CHECK(another->port() != published->port());
  CHECK(Fetch(outside, another->port()) == body);
}

}  // namespace
}  // namespace audio_latency::lab
