#include "probe/capture/interface_watcher.h"

#include <net/if.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/capture/capture_program.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/probe/capture/network_sandbox.h"

namespace audio_latency::probe {
namespace {

using testing::Eventually;
using testing::RecordingLogger;

constexpr std::chrono::milliseconds kCheckInterval(100);

class Bench {
 public:
  explicit Bench(TcAttach attach = TcAttach::kAuto)
      : program(*CaptureProgram::Load(ProbeConfig{})), attach_(attach) {}

  absl::StatusOr<std::unique_ptr<InterfaceWatcher>> Start(std::vector<std::string> patterns) {
    return InterfaceWatcher::Start({InterfaceRule(std::move(patterns)), *LinkMonitor::Open(),
                                    *MakeAttacher(attach_, TcxOrder::kHead, program.get()),
                                    &directory, &logger, kCheckInterval});
  }

  // Waits until `name` is watched, or is not.
  bool BecomesWatched(const std::string& name, bool watched) {
    return Eventually([&] {
      const uint32_t index = if_nametoindex(name.c_str());
      const bool is_watched = index != 0 && directory.Find(index)->name == name;
      return is_watched == watched;
    });
  }

  std::unique_ptr<CaptureProgram> program;
  InterfaceDirectory directory;
  RecordingLogger logger;

 private:
  const TcAttach attach_;
};

void AddPod(const std::string& name, const OtherNamespace& pod) {
  RunCommand(fmt::format("ip link add {0} type veth peer name {0}p netns {1}", name, pod.pid()));
}

TEST_CASE("links are read as the kernel has them") {
  InNewNetworkNamespace([] {
    const OtherNamespace pod;
    AddPod("pod1", pod);
    RunCommand("ip link add here0 type veth peer name here1");
    RunCommand("ip link add br9 type bridge");
    RunCommand("ip addr add 10.9.0.1/24 dev here0");
    RunCommand("ip link set here0 up");
    RunCommand("ip link set here1 up");
    RunCommand("ip route add default via 10.9.0.2 dev here0");
    const auto links = (*LinkMonitor::Open())->List();
    REQUIRE(links.ok());
    const auto find = [&](std::string_view name) {
      for (const Link& link : *links) {
        if (link.name == name) {
          return link;
        }
      }
      return Link{};
    };
    CHECK(find("lo").is_loopback);
    CHECK(find("pod1").peer_in_other_namespace);
    CHECK(find("pod1").kind == "veth");
    CHECK_FALSE(find("pod1").has_default_route);
    CHECK_FALSE(find("here0").peer_in_other_namespace);
    CHECK(find("here0").has_default_route);
    CHECK(find("here0").index == if_nametoindex("here0"));
    CHECK(find("br9").kind == "bridge");
  });
}

TEST_CASE("auto follows pods as they come and go") {
  InNewNetworkNamespace([] {
    const OtherNamespace pods;
    Bench bench;
    auto watcher = bench.Start({"auto"});
    REQUIRE(watcher.ok());
    CHECK(bench.logger.Has("no_interface"));
    CHECK(bench.directory.size() == 0);

    AddPod("pod1", pods);
    REQUIRE(bench.BecomesWatched("pod1", true));
    CHECK(bench.directory.Find(if_nametoindex("pod1"))->role == InterfaceRole::kContainer);
    AddPod("pod2", pods);
    REQUIRE(bench.BecomesWatched("pod2", true));
    RunCommand("ip link add here0 type veth peer name here1");
    RunCommand("ip link del pod1");
    // Its name is gone at once, the message of the kernel takes its time.
    CHECK(Eventually([&] { return bench.directory.size() == 1; }));
    CHECK(bench.BecomesWatched("pod2", true));

    // The same name again is another interface.
    AddPod("pod1", pods);
    REQUIRE(bench.BecomesWatched("pod1", true));
    (*watcher)->Stop();
    CHECK(bench.directory.size() == 0);
    CHECK(bench.logger.Has("tc_attached"));
    CHECK(bench.logger.Has("tc_detached"));
    CHECK_FALSE(bench.logger.Has("tc_attach_error"));
  });
}

TEST_CASE("an interface that gets the default route becomes an uplink") {
  InNewNetworkNamespace([] {
    const OtherNamespace router;
    AddPod("pod1", router);
    Bench bench;
    const auto watcher = bench.Start({"auto"});
    REQUIRE(watcher.ok());
    const uint32_t index = if_nametoindex("pod1");
    CHECK(bench.directory.Find(index)->role == InterfaceRole::kContainer);
    RunCommand("ip addr add 10.9.0.1/24 dev pod1");
    RunCommand("ip link set pod1 up");
    RunCommand("ip route add default via 10.9.0.2 dev pod1");
    CHECK(Eventually([&] { return bench.directory.Find(index)->role == InterfaceRole::kUplink; }));
  });
}

TEST_CASE("programs that somebody took away are attached again") {
  InNewNetworkNamespace([] {
    RunCommand("ip link add here0 type veth peer name here1");
    Bench bench(TcAttach::kClsact);
    const auto watcher = bench.Start({"here0"});
    REQUIRE(watcher.ok());
    RunCommand("tc qdisc del dev here0 clsact");
    CHECK(Eventually([&] { return bench.logger.Has("tc_attachment_lost"); }));
    CHECK(Eventually([&] {
      const std::string filters = RunCommand("tc filter show dev here0 egress 2>/dev/null || true");
      return filters.find("capture_egress") != std::string::npos;
    }));
  });
}

std::string Filters(const std::string& interface) {
  return RunCommand("tc filter show dev " + interface + " ingress") +
         RunCommand("tc filter show dev " + interface + " egress");
}

TEST_CASE("two probes at once: the later one watches, and the other comes back when it has gone") {
  InNewNetworkNamespace([] {
    RunCommand("ip link add here0 type veth peer name here1");
    Bench older(TcAttach::kClsact);
    Bench newer(TcAttach::kClsact);
    const auto older_watcher = older.Start({"here0"});
    REQUIRE(older_watcher.ok());
    const std::string of_older = Filters("here0");
    auto newer_watcher = newer.Start({"here0"});
    REQUIRE(newer_watcher.ok());
    const std::string of_newer = Filters("here0");
    CHECK(of_newer != of_older);
    REQUIRE(Eventually([&] { return older.logger.Has("tc_attachment_taken_over"); }));
    // Long enough for either to have taken it back.
    std::this_thread::sleep_for(4 * kCheckInterval);
    CHECK(Filters("here0") == of_newer);
    CHECK(older.logger.Count("tc_attachment_taken_over") == 1);
    CHECK_FALSE(newer.logger.Has("tc_attachment_taken_over"));
    CHECK_FALSE(newer.logger.Has("tc_attachment_lost"));

    (*newer_watcher)->Stop();
    CHECK(Eventually([&] { return older.logger.Count("tc_attached") == 2; }));
    CHECK_THAT(Filters("here0"),
               Catch::Contains("capture_ingress") && Catch::Contains("capture_egress"));

    // And the usual end of a rollout: the older one ends first.
    Bench newest(TcAttach::kClsact);
    const auto newest_watcher = newest.Start({"here0"});
    REQUIRE(newest_watcher.ok());
    const std::string of_newest = Filters("here0");
    (*older_watcher)->Stop();
    CHECK(Filters("here0") == of_newest);
    CHECK_FALSE(newest.logger.Has("tc_attachment_lost"));
  });
}

TEST_CASE("a failure to attach is told, tried again, and is not final") {
  InNewNetworkNamespace([] {
    RunCommand("ip link add here0 type veth peer name here1");
    RunCommand("tc qdisc add dev here0 ingress");
    Bench bench(TcAttach::kClsact);
    const auto watcher = bench.Start({"here*"});
    REQUIRE(watcher.ok());
    CHECK(bench.BecomesWatched("here1", true));
    const std::vector<RefusedInterface> refused = {{"here0", "attach_failed"}};
    CHECK(bench.directory.Refused() == refused);
    std::this_thread::sleep_for(4 * kCheckInterval);
    // Told once, however often it was tried.
    CHECK(bench.logger.Count("tc_attach_error") == 1);
    // No link changes by this.
    RunCommand("tc qdisc del dev here0 ingress");
    CHECK(bench.BecomesWatched("here0", true));
    CHECK(Eventually([&] { return bench.directory.Refused().empty(); }));
  });
}

TEST_CASE("an interface that is named and cannot be attached to ends the start") {
  InNewNetworkNamespace([] {
    RunCommand("ip link add here0 type veth peer name here1");
    RunCommand("tc qdisc add dev here0 ingress");
    Bench bench(TcAttach::kClsact);
    CHECK(absl::IsFailedPrecondition(bench.Start({"here0", "here1"}).status()));
    CHECK(absl::IsFailedPrecondition(bench.Start({"here0*"}).status()));
    CHECK(bench.directory.size() == 0);
  });
}

TEST_CASE("a port that leaves its bridge has not gone") {
  InNewNetworkNamespace([] {
    RunCommand("ip link add br9 type bridge");
    RunCommand("ip link add here0 type veth peer name here1");
    RunCommand("ip link add gone0 type veth peer name gone1");
    const uint32_t gone = if_nametoindex("gone0");
    RunCommand("ip link set here0 master br9");
    const auto monitor = *LinkMonitor::Open();
    RunCommand("ip link set here0 nomaster");
    RunCommand("ip link del gone0");
    std::set<uint32_t> removed;
    REQUIRE(Eventually(
        [&] { return monitor->WaitForChange(0, &removed).ok() && removed.contains(gone); }));
    CHECK_FALSE(removed.contains(if_nametoindex("here0")));
  });
}

TEST_CASE("filters of a killed probe go also where the new one does not watch") {
  InNewNetworkNamespace([] {
    RunCommand("ip link add here0 type veth peer name here1");
    {
      Bench killed(TcAttach::kClsact);
      auto left = (*MakeAttacher(TcAttach::kClsact, TcxOrder::kHead, killed.program.get()))
                      ->Attach(if_nametoindex("here1"), "here1", CAPTURE_LINK_ETHERNET);
      REQUIRE(left.ok());
      LeaveBehind(*std::move(left));
    }
    CHECK_THAT(RunCommand("tc filter show dev here1 ingress"), Catch::Contains("capture_ingress"));
    Bench bench;
    const auto watcher = bench.Start({"here0"});
    REQUIRE(watcher.ok());
    CHECK(bench.logger.Has("left_filters_removed"));
    CHECK(RunCommand("tc filter show dev here1 ingress").empty());
    CHECK(RunCommand("tc filter show dev here1 egress").empty());
  });
}

TEST_CASE("a renamed interface is followed by its name") {
  InNewNetworkNamespace([] {
    RunCommand("ip link add here0 type veth peer name here1");
    Bench bench;
    const auto watcher = bench.Start({"here0", "watch*"});
    REQUIRE(watcher.ok());
    REQUIRE(bench.BecomesWatched("here0", true));
    CHECK(bench.directory.size() == 1);
    RunCommand("ip link set here0 name watch0");
    CHECK(bench.BecomesWatched("watch0", true));
    RunCommand("ip link set watch0 name other0");
    CHECK(Eventually([&] { return bench.directory.size() == 0; }));
  });
}

TEST_CASE("a named interface that is missing ends the start") {
  InNewNetworkNamespace([] {
    Bench bench;
    const auto watcher = bench.Start({"lo", "eth7"});
    REQUIRE_FALSE(watcher.ok());
    CHECK_THAT(Message(watcher.status()), Catch::Contains("eth7") && Catch::Contains("lo"));
    CHECK(bench.directory.size() == 0);
  });
}

}  // namespace
}  // namespace audio_latency::probe
