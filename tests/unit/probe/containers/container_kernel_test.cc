// With the real kernel: real cgroups, network namespaces, packets and processes.

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "probe/capture/capture_program.h"
#include "probe/containers/cgroup_tree.h"
#include "probe/containers/container_watch.h"
#include "probe/containers/namespace_owners.h"
#include "probe/containers/socket_owners.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/probe/capture/network_sandbox.h"
#include "tests/unit/probe/containers/cgroup_folder.h"

namespace audio_latency::probe {
namespace {

using testing::Eventually;
using testing::RecordingLogger;

constexpr uint16_t kPort = 5004;
const std::string kOtherUid = "1d0c9a1e-7b42-4f68-9c33-0a1b2c3d4e5f";
const std::string kOtherId(64, 'b');

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }

// A pod's cgroups below the machine's own, removed at the end.
class RealCgroups {
 public:
  RealCgroups() {
    std::ifstream file("/proc/self/mountinfo");
    const auto mounts = CgroupMounts({std::istreambuf_iterator<char>(file), {}});
    REQUIRE_FALSE(mounts.empty());
    top_ = fmt::format("{}/audio-latency-test-{}", mounts.front(), getpid());
  }
  ~RealCgroups() {
    // Only directories can be removed, from within.
    while (!made_.empty()) {
      rmdir(made_.back().c_str());
      made_.pop_back();
    }
  }
  RealCgroups(const RealCgroups&) = delete;
  RealCgroups& operator=(const RealCgroups&) = delete;

  std::string Make(const std::string& path) {
    std::string folder = top_;
    for (const auto& part : std::filesystem::path("." + path)) {
      folder += part == "." ? "" : "/" + part.string();
      if (std::filesystem::create_directory(folder)) {
        made_.push_back(folder);
      }
    }
    return folder;
  }
  std::string MakeContainer(const std::string& uid, const std::string& id) {
    return Make("/kubepods/burstable/pod" + uid + "/" + id);
  }

 private:
  std::string top_;
  std::vector<std::string> made_;
};

// A process in a cgroup, in the network namespace of the thread that makes it, with a UDP socket at
// kPort plus `port_offset`, killed at the end.
class PodProcess {
 public:
  PodProcess(const std::string& cgroup, uint16_t port_offset) {
    std::array<int, 2> ready = {};
    REQUIRE(pipe2(ready.data(), O_CLOEXEC) == 0);
    const std::string procs = cgroup + "/cgroup.procs";
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int fd = open(procs.c_str(), O_WRONLY);
      bool works = fd >= 0 && write(fd, "0", 1) == 1;
      const int udp = socket(AF_INET, SOCK_DGRAM, 0);
      sockaddr_in at = {};
      at.sin_family = AF_INET;
      at.sin_port = htons(static_cast<uint16_t>(kPort + port_offset));
      works = works && bind(udp, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0;
      const char done = works ? 'y' : 'n';
      if (write(ready[1], &done, 1) == 1) {
        pause();
      }
      _exit(0);
    }
    char done = 'n';
    const ssize_t got = read(ready[0], &done, 1);
    close(ready[0]);
    close(ready[1]);
    is_ready_ = got == 1 && done == 'y';
  }
  ~PodProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  PodProcess(const PodProcess&) = delete;
  PodProcess& operator=(const PodProcess&) = delete;

  bool is_ready() const { return is_ready_; }

 private:
  pid_t pid_ = -1;
  bool is_ready_ = false;
};

// Runs `body` in a thread of its own without capabilities. Exceptions come back to the caller.
void AsNobody(const std::function<void()>& body) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      constexpr uid_t kNobody = 65534;
      // Of this thread alone; takes its capabilities too.
      REQUIRE(syscall(SYS_setresuid, kNobody, kNobody, kNobody) == 0);
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

// One datagram out of the other namespace, from a process in `cgroup`.
void SendFrom(const OtherNamespace& pod, const std::string& cgroup) {
  RunCommand(
      fmt::format("sh -c 'echo $$ > {}/cgroup.procs; exec nsenter -t {} -n "
                  "bash -c \"echo x > /dev/udp/10.77.0.1/9\"'",
                  cgroup, pod.pid()));
}

void MakeVeth(const OtherNamespace& pod) {
  RunCommand(fmt::format("ip link add host0 type veth peer name pod0 netns {}", pod.pid()));
  RunCommand("ip addr add 10.77.0.1/24 dev host0 && ip link set host0 up");
  RunCommand(
      fmt::format("nsenter -t {} -n sh -c 'ip addr add 10.77.0.2/24 dev pod0 && "
                  "ip -6 addr add fd77::2/64 dev pod0 nodad && ip link set pod0 up'",
                  pod.pid()));
}

TEST_CASE("the sender of what comes out of a veth is told by its cgroup, once it is asked for") {
  InNewNetworkNamespace([] {
    RealCgroups cgroups;
    const std::string container = cgroups.MakeContainer(kTestUid, kTestId);
    const OtherNamespace pod;
    MakeVeth(pod);
    const uint32_t index = if_nametoindex("host0");
    auto loaded = CaptureProgram::Load(ProbeConfig{});
    REQUIRE(loaded.ok());
    CaptureProgram* const program = loaded->get();
    REQUIRE(program->CanTellSenders());
    for (const TcAttach how : {TcAttach::kTcx, TcAttach::kClsact}) {
      auto attacher = MakeAttacher(how, TcxOrder::kHead, program);
      REQUIRE(attacher.ok());
      const auto attachment = (*attacher)->Attach(index, "host0", CAPTURE_LINK_ETHERNET);
      REQUIRE(attachment.ok());
      SendFrom(pod, container);
      CHECK(program->Answer(index) == 0);
      REQUIRE(program->Ask(index));
      // Another interface has to wait for the place.
      CHECK_FALSE(program->Ask(index + CAPTURE_SENDER_SLOTS));
      SendFrom(pod, container);
      CHECK(program->Answer(index) == CgroupFolder::Number(container));
      program->Forget(index);
      CHECK(program->Answer(index) == 0);
      CHECK(program->Ask(index + CAPTURE_SENDER_SLOTS));
      program->Forget(index + CAPTURE_SENDER_SLOTS);
    }
  });
}

TEST_CASE("flows at a veth and at the node's own sockets find their containers") {
  InNewNetworkNamespace([] {
    RealCgroups cgroups;
    const std::string container = cgroups.MakeContainer(kTestUid, kTestId);
    const std::string host_network = cgroups.MakeContainer(kOtherUid, kOtherId);
    const OtherNamespace pod;
    MakeVeth(pod);
    const PodProcess process(host_network, 0);
    REQUIRE(process.is_ready());
    const uint32_t index = if_nametoindex("host0");
    auto loaded = CaptureProgram::Load(ProbeConfig{});
    REQUIRE(loaded.ok());
    auto attacher = MakeAttacher(TcAttach::kAuto, TcxOrder::kHead, loaded->get());
    REQUIRE(attacher.ok());
    const auto attachment = (*attacher)->Attach(index, "host0", CAPTURE_LINK_ETHERNET);
    REQUIRE(attachment.ok());

    InterfaceDirectory directory;
    directory.Put(index, "host0", InterfaceRole::kContainer);
    const MonotonicClock clock;
    RecordingLogger logger;
    ContainerWatch::Parts parts;
    parts.senders = loaded->get();
    auto sockets = SocketOwners::Open();
    REQUIRE(sockets.ok());
    parts.sockets = *std::move(sockets);
    parts.directory = &directory;
    parts.clock = &clock;
    parts.logger = &logger;
    // The processes have their own test.
    parts.proc = "/does/not/exist";
    const auto watch = ContainerWatch::Start(std::move(parts));

    FlowQuestion question{.interface_index = index,
                          .interface_revision = directory.Find(index)->revision,
                          .role = InterfaceRole::kContainer,
                          .is_ingress = true,
                          .transport = IPPROTO_UDP,
                          .source = Address("10.77.0.2"),
                          .source_port = 4000,
                          .destination = Address("10.77.0.1"),
                          .destination_port = kPort};
    const auto at_veth = std::make_shared<ContainerSlot>();
    watch->Ask(question, at_veth);
    CHECK(Eventually([&] {
      SendFrom(pod, container);
      return at_veth->version() == 1;
    }));
    REQUIRE(at_veth->Get() != nullptr);
    CHECK(at_veth->Get()->identity.pod_uid == kTestUid);

    // The same packets, where they come to the socket of a hostNetwork pod.
    question.interface_index = if_nametoindex("lo");
    question.role = InterfaceRole::kUnspecified;
    const auto at_socket = std::make_shared<ContainerSlot>();
    watch->Ask(question, at_socket);
    CHECK(Eventually([&] { return at_socket->version() == 1; }));
    REQUIRE(at_socket->Get() != nullptr);
    CHECK(at_socket->Get()->identity.pod_uid == kOtherUid);
    CHECK(at_socket->Get()->identity.container_id == kOtherId);
  });
}

TEST_CASE("two hostNetwork pods on one node are told apart by their sockets, without any right") {
  InNewNetworkNamespace([] {
    RealCgroups cgroups;
    const std::string first = cgroups.MakeContainer(kTestUid, kTestId);
    const std::string second = cgroups.MakeContainer(kOtherUid, kOtherId);
    const PodProcess first_pod(first, 0);
    const PodProcess second_pod(second, 1);
    REQUIRE((first_pod.is_ready() && second_pod.is_ready()));
    AsNobody([&] {
      auto owners = SocketOwners::Open();
      REQUIRE(owners.ok());
      SocketQuery query{.transport = IPPROTO_UDP,
                        .local_address = Address("127.0.0.1"),
                        .local_port = kPort,
                        .remote_address = Address("127.0.0.1"),
                        .remote_port = 9};
      const auto of_first = (*owners)->CgroupOf(query);
      REQUIRE(of_first.ok());
      CHECK(*of_first == CgroupFolder::Number(first));
      ++query.local_port;
      const auto of_second = (*owners)->CgroupOf(query);
      REQUIRE(of_second.ok());
      CHECK(*of_second == CgroupFolder::Number(second));
      ++query.local_port;
      const auto of_none = (*owners)->CgroupOf(query);
      REQUIRE(of_none.ok());
      CHECK_FALSE(of_none->has_value());
    });
  });
}

TEST_CASE("the addresses of a pod's namespace are read by a user without any right") {
  InNewNetworkNamespace([] {
    RealCgroups cgroups;
    const std::string container = cgroups.MakeContainer(kTestUid, kTestId);
    const OtherNamespace pod;
    MakeVeth(pod);
    std::ofstream(container + "/cgroup.procs") << pod.pid();
    AsNobody([&] {
      // What would be the plain way needs ptrace rights.
      std::array<char, 64> link;
      CHECK(readlink(fmt::format("/proc/{}/ns/net", pod.pid()).c_str(), link.data(), link.size()) <
            0);

      NamespaceOwners owners(ContainerRuntime::kUnknown);
      owners.Scan();
      REQUIRE(owners.Find(Address("10.77.0.2")).has_value());
      CHECK(owners.Find(Address("10.77.0.2"))->pod_uid == kTestUid);
      REQUIRE(owners.Find(Address("fd77::2")).has_value());
      CHECK_FALSE(owners.Find(Address("10.77.0.1")).has_value());
      CHECK(owners.statistics().namespaces >= 1);
    });
  });
}

}  // namespace
}  // namespace audio_latency::probe
