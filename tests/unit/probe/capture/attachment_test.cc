#include "probe/capture/attachment.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "probe/capture/capture_program.h"
#include "probe/capture/traffic_filter.h"
#include "tests/unit/probe/capture/network_sandbox.h"

namespace audio_latency::probe {
namespace {

// Somebody else's: classic BPF that matches nothing.
constexpr char kForeignFilter[] = "bpf bytecode '1,6 0 0 0,' flowid 1:1";

std::unique_ptr<CaptureProgram> LoadProgram() {
  auto program = CaptureProgram::Load(ProbeConfig{});
  REQUIRE(program.ok());
  return *std::move(program);
}

uint64_t PacketsSeen(const CaptureProgram& program) {
  return program.Read()[CAPTURE_COUNTER_PACKETS];
}

// One datagram to this namespace itself.
void SendOverLoopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE(fd >= 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(4000);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string payload(100, 'x');
  CHECK(sendto(fd, payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&to),
               sizeof(to)) == 100);
  close(fd);
}

std::string Filters(const std::string& interface) {
  return RunCommand("tc filter show dev " + interface + " ingress") +
         RunCommand("tc filter show dev " + interface + " egress");
}

// Both ways, whatever the attacher.
void CheckSeesPacketsUntilDetached(Attacher* attacher, const CaptureProgram& program) {
  auto attachment = attacher->Attach(if_nametoindex("lo"), "lo", CAPTURE_LINK_ETHERNET);
  REQUIRE(attachment.ok());
  const uint64_t before = PacketsSeen(program);
  SendOverLoopback();
  // Out and in again; the ICMP answer (nobody listens) too.
  const uint64_t attached = PacketsSeen(program);
  CHECK(attached >= before + 2);
  attachment->reset();
  SendOverLoopback();
  CHECK(PacketsSeen(program) == attached);
}

TEST_CASE("programs for bare IP are loaded when they are asked for, and share everything") {
  const bool in_background = GENERATE(true, false);
  InNewNetworkNamespace([in_background] {
    const auto program = LoadProgram();
    CHECK(program->ProgramIds().size() == 2);
    if (in_background) {
      program->LoadIpInBackground();
    }
    const auto ip = program->For(CAPTURE_LINK_IP);
    REQUIRE(ip.ok());
    CHECK(program->ProgramIds().size() == 4);
    CHECK(program->For(CAPTURE_LINK_IP)->ingress == ip->ingress);
    CHECK(program->For(CAPTURE_LINK_ETHERNET)->ingress != ip->ingress);
    RunCommand("ip tuntap add mode tun name tun0");
    RunCommand("ip addr add 10.9.0.1/24 dev tun0");
    RunCommand("ip link set tun0 up");
    const auto attacher = *MakeAttacher(TcAttach::kAuto, TcxOrder::kHead, program.get());
    const auto attachment = attacher->Attach(if_nametoindex("tun0"), "tun0", CAPTURE_LINK_IP);
    CHECK(attachment.ok());
  });
}

TEST_CASE("bytes are counted by interface and direction") {
  InNewNetworkNamespace([] {
    const auto program = LoadProgram();
    const auto attacher = *MakeAttacher(TcAttach::kAuto, TcxOrder::kHead, program.get());
    const uint32_t index = if_nametoindex("lo");
    const auto attachment = attacher->Attach(index, "lo", CAPTURE_LINK_ETHERNET);
    REQUIRE(attachment.ok());
    SendOverLoopback();
    // 100 bytes behind Ethernet, IPv4 and UDP; the ICMP answer comes on top.
    constexpr uint64_t kDatagram = 142;
    CHECK(program->BytesSeen(index, CAPTURE_DIRECTION_EGRESS) >= kDatagram);
    CHECK(program->BytesSeen(index, CAPTURE_DIRECTION_INGRESS) >= kDatagram);
    CHECK(program->BytesSeen(index, CAPTURE_DIRECTION_INGRESS) < 4 * kDatagram);
    CHECK(program->BytesSeen(index + 1, CAPTURE_DIRECTION_INGRESS) == 0);
  });
}

TEST_CASE("tcx sees packets of both directions until it is detached") {
  InNewNetworkNamespace([] {
    const auto program = LoadProgram();
    if (!TcxIsSupported(program.get())) {
      WARN("this kernel has no tcx");
      return;
    }
    const auto attacher = MakeTcxAttacher(TcxOrder::kHead, program.get());
    CheckSeesPacketsUntilDetached(attacher.get(), *program);
    CHECK_THAT(RunCommand("tc qdisc show dev lo"), !Catch::Contains("clsact"));
  });
}

TEST_CASE("clsact sees packets of both directions and leaves no filter behind") {
  InNewNetworkNamespace([] {
    const auto program = LoadProgram();
    const auto attacher = MakeClsactAttacher(program.get());
    CHECK(HookQdiscKind(if_nametoindex("lo")).value().empty());
    CheckSeesPacketsUntilDetached(attacher.get(), *program);
    // The qdisc stays: somebody may be about to use it.
    CHECK(HookQdiscKind(if_nametoindex("lo")).value() == "clsact");
    CHECK(Filters("lo").empty());
    RunCommand("tc qdisc del dev lo clsact");
    CHECK(HookQdiscKind(if_nametoindex("lo")).value().empty());
  });
}

TEST_CASE("clsact goes where it was told to go, before those who are there") {
  struct Case {
    std::vector<std::string> others;
    uint32_t priority;
  };
  const std::string bpf = kForeignFilter;
  const std::string u32 = "u32 match u32 0 0 flowid 1:1";
  const Case test = GENERATE_COPY(
      Case{{}, 1}, Case{{"protocol all prio 7 " + bpf}, 1}, Case{{"protocol all prio 1 " + bpf}, 1},
      Case{{"protocol ip prio 1 " + bpf}, 2}, Case{{"protocol all prio 1 " + u32}, 2},
      Case{{"protocol ip prio 1 " + bpf, "protocol ip prio 2 " + u32}, 3});
  InNewNetworkNamespace([&test] {
    RunCommand("tc qdisc add dev lo clsact");
    for (const std::string& other : test.others) {
      RunCommand("tc filter add dev lo ingress " + other);
    }
    const uint32_t index = if_nametoindex("lo");
    const auto told = ListTrafficFilters(index, CAPTURE_DIRECTION_INGRESS);
    REQUIRE(told.ok());
    CHECK(PriorityBeside(*told) == test.priority);
    const auto program = LoadProgram();
    const auto attachment =
        MakeClsactAttacher(program.get())->Attach(index, "lo", CAPTURE_LINK_ETHERNET);
    REQUIRE(attachment.ok());
    const auto filters = ListTrafficFilters(index, CAPTURE_DIRECTION_INGRESS);
    REQUIRE(filters.ok());
    for (const TrafficFilter& filter : *filters) {
      if (filter.IsOurs()) {
        CHECK(filter.priority == test.priority);
      }
      if (filter.priority == test.priority) {
        CHECK(filter.IsOurs());
        break;  // ours is the first of its priority
      }
    }
  });
}

TEST_CASE("clsact refuses an interface with the older qdisc, and leaves its filters alone") {
  InNewNetworkNamespace([] {
    RunCommand("tc qdisc add dev lo ingress");
    RunCommand("tc filter add dev lo parent ffff: protocol all prio 7 " +
               std::string(kForeignFilter));
    const std::string before = RunCommand("tc filter show dev lo parent ffff:");
    const uint32_t index = if_nametoindex("lo");
    const auto program = LoadProgram();
    const auto refused =
        MakeClsactAttacher(program.get())->Attach(index, "lo", CAPTURE_LINK_ETHERNET);
    CHECK(absl::IsFailedPrecondition(refused.status()));
    CHECK_THAT(Message(refused.status()), Catch::Contains("to lo by clsact") &&
                                              Catch::Contains("kind ingress") &&
                                              Catch::Contains("TC_ATTACH=tcx"));
    CHECK(RunCommand("tc filter show dev lo parent ffff:") == before);
    CHECK(HookQdiscKind(index).value() == "ingress");
    // The kernel would tell them for both.
    CHECK(ListTrafficFilters(index, CAPTURE_DIRECTION_INGRESS)->size() == 1);
    CHECK(ListTrafficFilters(index, CAPTURE_DIRECTION_EGRESS)->empty());
  });
}

TEST_CASE("tcx sees both directions beside the older qdisc") {
  InNewNetworkNamespace([] {
    RunCommand("tc qdisc add dev lo ingress");
    const auto program = LoadProgram();
    if (TcxIsSupported(program.get())) {
      const auto attacher = MakeTcxAttacher(TcxOrder::kHead, program.get());
      CheckSeesPacketsUntilDetached(attacher.get(), *program);
    }
  });
}

TEST_CASE("a qdisc and filters of others stay") {
  InNewNetworkNamespace([] {
    RunCommand("tc qdisc add dev lo clsact");
    RunCommand("tc filter add dev lo ingress protocol ip prio 1 " + std::string(kForeignFilter));
    RunCommand("tc filter add dev lo egress protocol all prio 7 " + std::string(kForeignFilter));
    const std::string before = Filters("lo");
    const auto program = LoadProgram();
    const auto attacher = MakeClsactAttacher(program.get());
    {
      const auto attachment = attacher->Attach(if_nametoindex("lo"), "lo", CAPTURE_LINK_ETHERNET);
      REQUIRE(attachment.ok());
      CHECK_THAT(Filters("lo"),
                 Catch::Contains("capture_ingress") && Catch::Contains("capture_egress"));
    }
    CHECK(Filters("lo") == before);
    CHECK_THAT(RunCommand("tc qdisc show dev lo"), Catch::Contains("clsact"));
  });
}

TEST_CASE("a qdisc of ours stays when others have put a filter on it, at either hook") {
  const std::string hook = GENERATE("ingress", "egress");
  InNewNetworkNamespace([&hook] {
    const auto program = LoadProgram();
    const auto attacher = MakeClsactAttacher(program.get());
    {
      const auto attachment = attacher->Attach(if_nametoindex("lo"), "lo", CAPTURE_LINK_ETHERNET);
      REQUIRE(attachment.ok());
      RunCommand("tc filter add dev lo " + hook + " protocol all prio 7 " + kForeignFilter);
    }
    CHECK_THAT(RunCommand("tc qdisc show dev lo"), Catch::Contains("clsact"));
    CHECK_THAT(Filters("lo"), Catch::Contains("bytecode") && !Catch::Contains("capture_"));
  });
}

TEST_CASE("a filter that a killed probe left behind is replaced, not doubled") {
  InNewNetworkNamespace([] {
    const auto killed = LoadProgram();
    const auto killed_attacher = MakeClsactAttacher(killed.get());
    auto left_behind = killed_attacher->Attach(if_nametoindex("lo"), "lo", CAPTURE_LINK_ETHERNET);
    REQUIRE(left_behind.ok());
    LeaveBehind(*std::move(left_behind));

    const auto program = LoadProgram();
    const auto attacher = MakeClsactAttacher(program.get());
    CheckSeesPacketsUntilDetached(attacher.get(), *program);
    CHECK(PacketsSeen(*killed) == 0);
    CHECK_THAT(Filters("lo"), !Catch::Contains("capture_"));
  });
}

// A filter of a probe that was killed, at both hooks.
void LeaveFilters(const std::string& priority) {
  const auto killed = LoadProgram();
  auto left_behind =
      MakeClsactAttacher(killed.get())->Attach(if_nametoindex("lo"), "lo", CAPTURE_LINK_ETHERNET);
  REQUIRE(left_behind.ok());
  LeaveBehind(*std::move(left_behind));
  CHECK_THAT(Filters("lo"),
             Catch::Contains("pref " + priority + " ") && Catch::Contains("capture_ingress"));
}

TEST_CASE("tcx takes over from a filter that a killed probe left behind, and from no other") {
  InNewNetworkNamespace([] {
    RunCommand("tc qdisc add dev lo clsact");
    RunCommand("tc filter add dev lo ingress protocol all prio 7 " + std::string(kForeignFilter));
    const std::string before = Filters("lo");
    LeaveFilters("1");
    const auto program = LoadProgram();
    if (!TcxIsSupported(program.get())) {
      WARN("this kernel has no tcx");
      return;
    }
    const auto attacher = MakeTcxAttacher(TcxOrder::kHead, program.get());
    CheckSeesPacketsUntilDetached(attacher.get(), *program);
    CHECK(RemoveLeftFilters(if_nametoindex("lo"), {}).value() == 2);
    CHECK(Filters("lo") == before);
  });
}

TEST_CASE("clsact takes over from a filter of another priority") {
  InNewNetworkNamespace([] {
    RunCommand("tc qdisc add dev lo clsact");
    RunCommand("tc filter add dev lo ingress protocol ip prio 1 " + std::string(kForeignFilter));
    RunCommand("tc filter add dev lo egress protocol ip prio 1 " + std::string(kForeignFilter));
    LeaveFilters("2");
    RunCommand("tc filter del dev lo ingress prio 1");
    RunCommand("tc filter del dev lo egress prio 1");
    const auto program = LoadProgram();
    const uint32_t index = if_nametoindex("lo");
    auto attachment = MakeClsactAttacher(program.get())->Attach(index, "lo", CAPTURE_LINK_ETHERNET);
    REQUIRE(attachment.ok());
    CHECK(RemoveLeftFilters(index, (*attachment)->FilterProgramIds()).value() == 2);
    CHECK((*attachment)->State() == AttachmentState::kInPlace);
    attachment->reset();
    CHECK(Filters("lo").empty());
  });
}

TEST_CASE("an attachment knows when others took it away") {
  const bool by_tcx = GENERATE(true, false);
  InNewNetworkNamespace([by_tcx] {
    const auto program = LoadProgram();
    if (by_tcx && !TcxIsSupported(program.get())) {
      return;
    }
    RunCommand("ip link add here0 type veth peer name here1");
    const auto attacher = by_tcx ? MakeTcxAttacher(TcxOrder::kTail, program.get())
                                 : MakeClsactAttacher(program.get());
    const auto attachment =
        attacher->Attach(if_nametoindex("here0"), "here0", CAPTURE_LINK_ETHERNET);
    REQUIRE(attachment.ok());
    CHECK((*attachment)->State() == AttachmentState::kInPlace);
    RunCommand(by_tcx ? "ip link del here0" : "tc qdisc del dev here0 clsact");
    CHECK((*attachment)->State() == AttachmentState::kLost);
  });
}

TEST_CASE("of two probes the later has the place, and the other does not take it away") {
  InNewNetworkNamespace([] {
    const uint32_t index = if_nametoindex("lo");
    const auto attach = [index](CaptureProgram* program) {
      auto attachment = MakeClsactAttacher(program)->Attach(index, "lo", CAPTURE_LINK_ETHERNET);
      REQUIRE(attachment.ok());
      return *std::move(attachment);
    };
    const auto older_program = LoadProgram();
    const auto newer_program = LoadProgram();
    auto older = attach(older_program.get());
    auto newer = attach(newer_program.get());
    CHECK(older->State() == AttachmentState::kTakenOver);
    CHECK(newer->State() == AttachmentState::kInPlace);
    older.reset();
    CHECK(newer->State() == AttachmentState::kInPlace);
    const uint64_t before = PacketsSeen(*newer_program);
    SendOverLoopback();
    CHECK(PacketsSeen(*newer_program) >= before + 2);

    // An older one that comes in between does not keep it.
    older = attach(older_program.get());
    CHECK(newer->State() == AttachmentState::kLost);
    newer.reset();
    CHECK(older->State() == AttachmentState::kInPlace);
    older.reset();
    CHECK(Filters("lo").empty());
  });
}

TEST_CASE("filters that go while they are being removed are no error") {
  InNewNetworkNamespace([] {
    const auto program = LoadProgram();
    RunCommand("ip link add here0 type veth peer name here1");
    const uint32_t index = if_nametoindex("here0");
    const auto attacher = MakeClsactAttacher(program.get());
    std::atomic<int> failures = 0;
    std::jthread remover([&failures, index](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        failures += RemoveLeftFilters(index, {}).ok() ? 0 : 1;
      }
    });
    for (int i = 0; i < 300; ++i) {
      const auto attachment = attacher->Attach(index, "here0", CAPTURE_LINK_ETHERNET);
      bpf_tc_hook hook = {};
      hook.sz = sizeof(hook);
      hook.ifindex = static_cast<int>(index);
      hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
      bpf_tc_hook_destroy(&hook);
    }
    remover.request_stop();
    remover.join();
    CHECK(failures == 0);
  });
}

TEST_CASE("an interface that is gone is NOT_FOUND") {
  InNewNetworkNamespace([] {
    const auto program = LoadProgram();
    constexpr uint32_t kNoInterface = 4711;
    CHECK(absl::IsNotFound(MakeClsactAttacher(program.get())
                               ->Attach(kNoInterface, "gone0", CAPTURE_LINK_ETHERNET)
                               .status()));
    if (TcxIsSupported(program.get())) {
      CHECK(absl::IsNotFound(MakeTcxAttacher(TcxOrder::kHead, program.get())
                                 ->Attach(kNoInterface, "gone0", CAPTURE_LINK_ETHERNET)
                                 .status()));
    }
  });
}

}  // namespace
}  // namespace audio_latency::probe
