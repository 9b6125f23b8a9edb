#include "probe/capture/attachment.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "probe/capture/capture_program.h"
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

TEST_CASE("tcx sees packets of both directions until it is detached") {
  InNewNetworkNamespace([] {
    const auto program = LoadProgram();
    if (!TcxIsSupported(program->programs())) {
      WARN("this kernel has no tcx");
      return;
    }
    const auto attacher = MakeTcxAttacher(program->programs());
    CheckSeesPacketsUntilDetached(attacher.get(), *program);
    CHECK_THAT(RunCommand("tc qdisc show dev lo"), !Catch::Contains("clsact"));
  });
}

TEST_CASE("clsact sees packets of both directions and leaves nothing behind") {
  InNewNetworkNamespace([] {
    const auto program = LoadProgram();
    const auto attacher = MakeClsactAttacher(program->programs());
    CheckSeesPacketsUntilDetached(attacher.get(), *program);
    CHECK_THAT(RunCommand("tc qdisc show dev lo"), !Catch::Contains("clsact"));
  });
}

TEST_CASE("a qdisc and filters of others stay") {
  InNewNetworkNamespace([] {
    RunCommand("tc qdisc add dev lo clsact");
    RunCommand("tc filter add dev lo ingress protocol ip prio 1 " + std::string(kForeignFilter));
    RunCommand("tc filter add dev lo egress protocol all prio 7 " + std::string(kForeignFilter));
    const std::string before = Filters("lo");
    const auto program = LoadProgram();
    const auto attacher = MakeClsactAttacher(program->programs());
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
    const auto attacher = MakeClsactAttacher(program->programs());
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
    const auto killed_attacher = MakeClsactAttacher(killed->programs());
    auto left_behind = killed_attacher->Attach(if_nametoindex("lo"), "lo", CAPTURE_LINK_ETHERNET);
    REQUIRE(left_behind.ok());
    // As if the process had ended without its destructors.
    Attachment* const leaked = left_behind->release();

    const auto program = LoadProgram();
    const auto attacher = MakeClsactAttacher(program->programs());
    CheckSeesPacketsUntilDetached(attacher.get(), *program);
    CHECK(PacketsSeen(*killed) == 0);
    CHECK_THAT(Filters("lo"), !Catch::Contains("capture_"));
    delete leaked;
  });
}

TEST_CASE("an interface that is gone is NOT_FOUND") {
  InNewNetworkNamespace([] {
    const auto program = LoadProgram();
    constexpr uint32_t kNoInterface = 4711;
    CHECK(absl::IsNotFound(MakeClsactAttacher(program->programs())
                               ->Attach(kNoInterface, "gone0", CAPTURE_LINK_ETHERNET)
                               .status()));
    if (TcxIsSupported(program->programs())) {
      CHECK(absl::IsNotFound(MakeTcxAttacher(program->programs())
                                 ->Attach(kNoInterface, "gone0", CAPTURE_LINK_ETHERNET)
                                 .status()));
    }
  });
}

}  // namespace
}  // namespace audio_latency::probe
