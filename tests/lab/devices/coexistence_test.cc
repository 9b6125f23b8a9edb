// The probe beside other programs at one interface: traffic goes unharmed, and packets are seen or
// the program that hides them is named.

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/capture/capture_program.h"
#include "probe/capture/hiding_watch.h"
#include "probe/capture/interface_directory.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/devices/neighbour_program.h"
#include "tests/lab/lab_test.h"
#include "tests/support/recording_logger.h"

namespace audio_latency::lab {
namespace {

using testing::RecordingLogger;

using probe::CaptureProgram;
using probe::HiddenPackets;
using probe::HidingWatch;

constexpr char kInterface[] = "pod0";
constexpr uint16_t kPort = 5004;
constexpr int kPackets = 10'000;
constexpr int kPacketsInChunk = 500;
constexpr size_t kPayloadBytes = 172;
constexpr std::chrono::milliseconds kLookInterval(10);

// What the tests below are about, beside ours.
struct Neighbour {
  const char* name;
  NeighbourHook hook;
  int verdict;
};

constexpr Neighbour kNeighbours[] = {
    {"tcx before, NEXT", NeighbourHook::kTcxBefore, TC_ACT_UNSPEC},
    {"tcx before, PASS", NeighbourHook::kTcxBefore, TC_ACT_OK},
    {"tcx after, NEXT", NeighbourHook::kTcxAfter, TC_ACT_UNSPEC},
    {"tcx after, PASS", NeighbourHook::kTcxAfter, TC_ACT_OK},
    {"clsact OK", NeighbourHook::kClsact, TC_ACT_OK},
    {"clsact UNSPEC", NeighbourHook::kClsact, TC_ACT_UNSPEC},
    {"qdisc ingress OK", NeighbourHook::kIngressQdisc, TC_ACT_OK},
    {"XDP PASS", NeighbourHook::kXdp, XDP_PASS},
};

enum class Ours { kTcxHead, kTcxTail, kClsact };

const char* Name(Ours ours) {
  return ours == Ours::kClsact ? "clsact" : ours == Ours::kTcxHead ? "tcx head" : "tcx tail";
}

// At the head, only who comes later can get in front of us; else who was there before.
bool ComesFirst(Ours ours, NeighbourHook hook) {
  return ours != Ours::kTcxHead || hook != NeighbourHook::kTcxBefore;
}

// Whether the neighbour meets packets before ours. All tcx programs come before clsact filters.
bool IsAhead(Ours ours, NeighbourHook hook) {
  switch (hook) {
    case NeighbourHook::kXdp:
    case NeighbourHook::kTcxBefore:
      return true;
    case NeighbourHook::kTcxAfter:
      return ours != Ours::kTcxHead;
    case NeighbourHook::kClsact:
    case NeighbourHook::kIngressQdisc:
      return ours == Ours::kClsact;
  }
  return false;
}

// The older qdisc is where clsact would be, and has no egress.
bool IsRefused(Ours ours, NeighbourHook hook) {
  return ours == Ours::kClsact && hook == NeighbourHook::kIngressQdisc;
}

// One end of the traffic.
struct End {
  FileDescriptor socket;
  sockaddr_in6 other = {};
  std::array<char, kPayloadBytes> buffer = {};

  void Send(int count) {
    std::vector<mmsghdr> messages(static_cast<size_t>(count));
    iovec part = {buffer.data(), buffer.size()};
    for (mmsghdr& message : messages) {
      message = {};
      message.msg_hdr.msg_name = &other;
      message.msg_hdr.msg_namelen = sizeof(other);
      message.msg_hdr.msg_iov = &part;
      message.msg_hdr.msg_iovlen = 1;
    }
    for (int sent = 0; sent < count;) {
      const int more = sendmmsg(socket.get(), &messages[static_cast<size_t>(sent)],
                                static_cast<unsigned>(count - sent), 0);
      REQUIRE(more > 0);
      sent += more;
    }
  }

  // Takes what has come, for at most a second after the last.
  int Receive(int most) {
    timeval patience = {1, 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    int received = 0;
    while (received < most && recv(socket.get(), buffer.data(), buffer.size(), 0) > 0) {
      ++received;
    }
    return received;
  }
};

// A node and a pod, and between them the interface that everybody wants to look at.
class Bench {
 public:
  Bench() : node_(Require(NetworkNamespace::Create())), pod_(Require(NetworkNamespace::Create())) {
    Require(
        node_.Configure(fmt::format("link add {0} type veth peer name eth0 netns {1}\n"
                                    "addr add 10.9.0.1/24 dev {0}\n"
                                    "link set {0} up\n",
                                    kInterface, pod_.path())));
    Require(pod_.Configure("addr add 10.9.0.2/24 dev eth0\nlink set eth0 up\n"));
    node_end_ = Open(node_, "10.9.0.2");
    pod_end_ = Open(pod_, "10.9.0.1");
    // Addresses are looked up once, beside what is counted.
    pod_end_.Send(1);
    REQUIRE(node_end_.Receive(1) == 1);
    node_end_.Send(1);
    REQUIRE(pod_end_.Receive(1) == 1);
  }

  const NetworkNamespace& node() const { return node_; }

  // Both ways, in pieces with the watch's looks between them; how many came out of the two.
  int Exchange(int packets) {
    int received = 0;
    for (int sent = 0; sent < packets; sent += kPacketsInChunk) {
      const int now = std::min(kPacketsInChunk, packets - sent);
      pod_end_.Send(now);
      node_end_.Send(now);
      received += node_end_.Receive(now) + pod_end_.Receive(now);
      std::this_thread::sleep_for(kLookInterval);
    }
    return received;
  }

  // Into the interface only, without waiting for what arrives.
  void SendFromPod(int packets) {
    for (int sent = 0; sent < packets; sent += kPacketsInChunk) {
      pod_end_.Send(kPacketsInChunk);
      std::this_thread::sleep_for(kLookInterval);
    }
  }

 private:
  static End Open(const NetworkNamespace& network, const std::string& other) {
    End end;
    end.other = Require(ParseSocketAddress(fmt::format("{}:{}", other, kPort)));
    Require(network.RunInside([&]() -> absl::Status {
      ASSIGN_OR_RETURN(end.socket, BindUdp(kPort));
      const int room = 4 << 20;
      setsockopt(end.socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
      return absl::OkStatus();
    }));
    return end;
  }

  const NetworkNamespace node_;
  const NetworkNamespace pod_;
  End node_end_;
  End pod_end_;
};

std::unique_ptr<probe::Attacher> MakeAttacher(Ours ours, CaptureProgram* program) {
  return Require(probe::MakeAttacher(
      ours == Ours::kClsact ? probe::TcAttach::kClsact : probe::TcAttach::kTcx,
      ours == Ours::kTcxTail ? probe::TcxOrder::kTail : probe::TcxOrder::kHead, program));
}

// Ours, attached to the interface and watching what is hidden from it. Lives in the node.
class Watching {
 public:
  Watching(CaptureProgram* program, Ours ours) : program_(*program) {
    const uint32_t index = if_nametoindex(kInterface);
    attacher_ = MakeAttacher(ours, program);
    attachment_ = Require(attacher_->Attach(index, kInterface, CAPTURE_LINK_ETHERNET));
    directory_.Put(index, kInterface, probe::InterfaceRole::kContainer);
    watch_ = HidingWatch::Start({&directory_, program, &logger_}, kLookInterval);
    packets_before_ = Packets();
  }

  uint64_t PacketsSeen() const { return Packets() - packets_before_; }

  // Looks go on while this waits.
  std::vector<HiddenPackets> Hidden() const { return watch_->Hidden(); }
  std::string Warnings() { return logger_.Text("packets_hidden"); }

 private:
  uint64_t Packets() const { return program_.Read()[CAPTURE_COUNTER_PACKETS]; }

  const CaptureProgram& program_;
  RecordingLogger logger_;
  probe::InterfaceDirectory directory_;
  std::unique_ptr<probe::Attacher> attacher_;
  std::unique_ptr<probe::Attachment> attachment_;
  std::unique_ptr<HidingWatch> watch_;
  uint64_t packets_before_ = 0;
};

void CheckBeside(Bench* bench, CaptureProgram* program, Ours ours, const Neighbour& neighbour) {
  INFO(Name(ours) << " beside " << neighbour.name);
  std::unique_ptr<NeighbourProgram> other;
  const auto attach_other = [&] {
    other = Require(NeighbourProgram::Attach(kInterface, neighbour.hook, neighbour.verdict));
  };
  if (ComesFirst(ours, neighbour.hook)) {
    attach_other();
  }
  if (IsRefused(ours, neighbour.hook)) {
    const auto refused =
        MakeAttacher(ours, program)
            ->Attach(if_nametoindex(kInterface), kInterface, CAPTURE_LINK_ETHERNET);
    CHECK_THAT(Message(refused.status()), Catch::Contains("kind ingress"));
    CHECK(bench->Exchange(kPackets) == 2 * kPackets);
    return;
  }
  Watching watching(program, ours);
  if (other == nullptr) {
    attach_other();
  }
  CHECK(bench->Exchange(kPackets) == 2 * kPackets);

  // XDP_PASS and TC_ACT_UNSPEC let the next one look; TC_ACT_OK does not.
  const bool lets_go_on =
      neighbour.hook == NeighbourHook::kXdp || neighbour.verdict == TC_ACT_UNSPEC;
  if (lets_go_on || !IsAhead(ours, neighbour.hook)) {
    CHECK(watching.PacketsSeen() >= 2 * kPackets);
    CHECK(watching.Hidden().empty());
    CHECK(watching.Warnings().empty());
    return;
  }
  // ARP is not IPv4, which the neighbour's filter is for.
  CHECK(watching.PacketsSeen() < 10);
  const std::vector<HiddenPackets> hidden = watching.Hidden();
  REQUIRE(hidden.size() == 2);
  for (const HiddenPackets& one : hidden) {
    CHECK(one.interface_name == kInterface);
    CHECK_THAT(one.by, Catch::Contains(fmt::format("program {}", other->program_id())));
    CHECK_THAT(one.by,
               Catch::Contains(neighbour.hook == NeighbourHook::kClsact ? "clsact" : "tcx"));
  }
  CHECK(hidden[0].direction != hidden[1].direction);
  CHECK_THAT(watching.Warnings(), Catch::Contains("ingress") && Catch::Contains("egress"));
}

TEST_CASE("beside every other program traffic is unharmed, and seen or its hider named") {
  Bench bench;
  const auto program = Require(CaptureProgram::Load(probe::ProbeConfig{}));
  for (const Ours ours : {Ours::kTcxHead, Ours::kTcxTail, Ours::kClsact}) {
    for (const Neighbour& neighbour : kNeighbours) {
      Require(bench.node().RunInside([&] {
        CheckBeside(&bench, program.get(), ours, neighbour);
        return absl::OkStatus();
      }));
    }
  }
}

TEST_CASE("XDP that drops is named, and packets are visible again when it goes") {
  Bench bench;
  const auto program = Require(CaptureProgram::Load(probe::ProbeConfig{}));
  Require(bench.node().RunInside([&] {
    Watching watching(program.get(), Ours::kTcxHead);
    auto other = Require(NeighbourProgram::Attach(kInterface, NeighbourHook::kXdp, XDP_DROP));
    bench.SendFromPod(kPackets);
    REQUIRE(watching.Hidden().size() == 1);
    CHECK(watching.Hidden()[0].direction == CAPTURE_DIRECTION_INGRESS);
    CHECK_THAT(watching.Hidden()[0].by,
               Catch::Contains(fmt::format("XDP program {}", other->program_id())));
    other.reset();
    CHECK(bench.Exchange(kPackets) == 2 * kPackets);
    CHECK(watching.Hidden().empty());
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace audio_latency::lab
