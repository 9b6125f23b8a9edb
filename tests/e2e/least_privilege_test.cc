// The real probe as a user without rights but the three it needs, where nothing can be written.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/e2e/lone_probe.h"
#include "tests/e2e/rtp_sender.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr uint16_t kPort = 5004;
constexpr char kNobody[] = "65534";
constexpr uint64_t kNetAdminOnly = uint64_t{1} << 12;
constexpr char kInterfaces[] = "audio_latency_probe_interfaces";

// Runs what follows without any right but `capabilities` ("+bpf,+net_admin"; empty: none).
std::vector<std::string> AsNobody(const std::string& capabilities) {
  const std::string set = capabilities.empty() ? "-all" : "-all," + capabilities;
  return {"setpriv",
          fmt::format("--reuid={}", kNobody),
          fmt::format("--regid={}", kNobody),
          "--clear-groups",
          "--inh-caps=" + set,
          "--ambient-caps=" + set,
          "--bounding-set=" + set};
}

// Runs what follows where every mounted file system is read-only.
std::vector<std::string> WithoutWriting() {
  return {"unshare",
          "--mount",
          "--propagation",
          "private",
          "sh",
          "-c",
          "cut -d' ' -f2 /proc/self/mounts | while read -r at; do "
          "mount -o remount,bind,ro \"$at\" || exit 1; done; "
          "if touch /tmp/written 2>/dev/null; then exit 1; fi; exec \"$@\"",
          "sh"};
}

std::vector<std::string> operator+(std::vector<std::string> one,
                                   const std::vector<std::string>& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

struct ThreadStatus {
  uint64_t permitted = ~uint64_t{0};
  uint64_t effective = ~uint64_t{0};
  uint64_t inheritable = ~uint64_t{0};
  uint64_t ambient = ~uint64_t{0};
  uint64_t bounding = ~uint64_t{0};
  bool no_new_privileges = false;
};

// Those of the program itself: ThreadSanitizer's runtime has a thread of its own, the first one,
// from before main() on.
std::vector<ThreadStatus> ThreadsOf(pid_t pid) {
  std::map<int, ThreadStatus> by_id;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid))) {
    std::ifstream file(task.path() / "status");
    ThreadStatus status;
    std::string name;
    std::string value;
    while (file >> name && std::getline(file, value)) {
      const auto hex = [&value] { return std::stoull(value, nullptr, 16); };
      if (name == "CapPrm:") {
        status.permitted = hex();
      } else if (name == "CapEff:") {
        status.effective = hex();
      } else if (name == "CapInh:") {
        status.inheritable = hex();
      } else if (name == "CapAmb:") {
        status.ambient = hex();
      } else if (name == "CapBnd:") {
        status.bounding = hex();
      } else if (name == "NoNewPrivs:") {
        status.no_new_privileges = std::stoi(value) == 1;
      }
    }
    by_id.emplace(std::stoi(task.path().filename()), status);
  }
#if defined(__SANITIZE_THREAD__)
  if (const auto first = by_id.upper_bound(pid); first != by_id.end()) {
    by_id.erase(first);
  }
#endif
  std::vector<ThreadStatus> threads;
  for (const auto& [id, status] : by_id) {
    threads.push_back(status);
  }
  return threads;
}

bool AllThreadsKeepOnlyNetAdmin(pid_t pid) {
  const std::vector<ThreadStatus> threads = ThreadsOf(pid);
  return threads.size() > 3 &&
         std::all_of(threads.begin(), threads.end(), [](const ThreadStatus& thread) {
           return thread.permitted == kNetAdminOnly && thread.effective == kNetAdminOnly &&
                  thread.inheritable == 0 && thread.ambient == 0 && thread.no_new_privileges;
         });
}

void CheckSignsAndFollows(const NetworkNamespace& network, const LoneProbe& probe) {
  RtpSender sender = Require(RtpSender::Open(network, kPort));
  CHECK(Eventually([&] {
    Require(sender.Send());
    return Require(probe.Metric("audio_latency_probe_signatures_total")) > 20;
  }));
  CHECK(Require(probe.Metric(kInterfaces)) == 1);
  // Interfaces that come are attached to all the same, those without Ethernet header too.
  Require(network.Configure("link add new0 type veth peer name new0p\n"));
  CHECK(Eventually([&] { return Require(probe.Metric(kInterfaces)) == 3; }));
  Require(network.Configure("tuntap add mode tun name newtun0\n"));
  CHECK(Eventually([&] { return Require(probe.Metric(kInterfaces)) == 4; }));
  Require(network.Configure("link del new0\n"));
  CHECK(Eventually([&] { return Require(probe.Metric(kInterfaces)) == 2; }));
}

TEST_CASE("three capabilities and a read-only file system are enough, and one is left") {
  const std::string method = GENERATE("tcx", "clsact");
  const ScratchFolder folder;
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  const auto probe = Require(LoneProbe::Start(
      network,
      {{"INTERFACE", "lo,new*"}, {"AUDIO_PORTS", std::to_string(kPort)}, {"TC_ATTACH", method}},
      folder.path() + "/probe.log", WithoutWriting() + AsNobody("+bpf,+net_admin,+perfmon")));
  CHECK(Eventually([&] { return AllThreadsKeepOnlyNetAdmin(probe->pid()); }));
  CheckSignsAndFollows(network, *probe);
  CHECK(AllThreadsKeepOnlyNetAdmin(probe->pid()));
  CHECK(ReadFile(folder.path() + "/probe.log").find("\"level\":\"ERROR\"") == std::string::npos);
}

TEST_CASE("what root starts gives up everything else too") {
  const ScratchFolder folder;
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  const auto probe = Require(
      LoneProbe::Start(network, {{"INTERFACE", "lo,new*"}, {"AUDIO_PORTS", std::to_string(kPort)}},
                       folder.path() + "/probe.log"));
  CHECK(Eventually([&] { return AllThreadsKeepOnlyNetAdmin(probe->pid()); }));
  for (const ThreadStatus& thread : ThreadsOf(probe->pid())) {
    CHECK(thread.bounding == kNetAdminOnly);
  }
  CheckSignsAndFollows(network, *probe);
}

struct CheckResult {
  int exit_status = 0;
  nlohmann::json json;

  std::string State(const std::string& what) const {
    for (const nlohmann::json& check : json["checks"]) {
      if (check["what"] == what) {
        return check["state"];
      }
    }
    return "not there";
  }
};

CommandResult Check(const NetworkNamespace& network, std::vector<std::string> wrapper,
                    const std::vector<std::string>& flags) {
  ProcessOptions options;
  options.arguments = std::move(wrapper) +
                      std::vector<std::string>{BuiltProgram("audio-latency-probe"), "check"} +
                      flags;
  options.network = &network;
  return Require(RunCommand(options));
}

CheckResult CheckAsJson(const NetworkNamespace& network, std::vector<std::string> wrapper,
                        std::vector<std::string> flags) {
  flags.insert(flags.end(), {"-o", "json"});
  const CommandResult result = Check(network, std::move(wrapper), flags);
  INFO(result.output << result.error);
  CheckResult checked{result.exit_status, nlohmann::json::parse(result.output)};
  for (const nlohmann::json& check : checked.json["checks"]) {
    // One line of advice for each thing missing.
    CHECK((check["state"] != "missing" || !check["advice"].get<std::string>().empty()));
    CHECK(check["advice"].get<std::string>().find('\n') == std::string::npos);
  }
  return checked;
}

TEST_CASE("check says what these rights allow, to whoever asks") {
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  const CheckResult root = CheckAsJson(network, {}, {"--interface", "lo"});
  CHECK(root.exit_status == 0);
  CHECK(root.json["ok"] == true);
  const CheckResult enough =
      CheckAsJson(network, AsNobody("+bpf,+net_admin,+perfmon"), {"--interface", "lo"});
  CHECK(enough.exit_status == 0);
  for (const char* const what : {"kernel", "capabilities", "capture programs", "ring buffer",
                                 "attaching", "once started", "interfaces", "in front of us"}) {
    CAPTURE(what);
    CHECK(root.State(what) == "ok");
    CHECK(enough.State(what) == "ok");
  }
  const CheckResult nobody = CheckAsJson(network, AsNobody(""), {"--interface", "lo"});
  CHECK(nobody.exit_status == 1);
  CHECK(nobody.json["ok"] == false);
  CHECK(nobody.State("capabilities") == "missing");
  CHECK(nobody.State("capture programs") == "unknown");
  CHECK(nobody.State("interfaces") == "ok");
  const CheckResult without_perfmon =
      CheckAsJson(network, AsNobody("+bpf,+net_admin"), {"--interface", "lo"});
  CHECK(without_perfmon.exit_status == 1);
  const CheckResult elsewhere = CheckAsJson(network, {}, {"--interface", "eth7"});
  CHECK(elsewhere.exit_status == 1);
  CHECK(elsewhere.State("interfaces") == "missing");
}

TEST_CASE("check is a table, and refuses what it does not know") {
  const NetworkNamespace network = Require(NetworkNamespace::Create());
  const CommandResult table = Check(network, AsNobody(""), {"--interface", "lo"});
  CHECK(table.exit_status == 1);
  CHECK_THAT(table.output, Catch::StartsWith("CHECK ") &&
                               Catch::Contains("\ncapabilities: run as root, or with"));
  CHECK(Check(network, {}, {"-o", "xml"}).exit_status == 2);
  CHECK(Check(network, {}, {"-o"}).exit_status == 2);
  CHECK(Check(network, {}, {"--interfaze", "lo"}).exit_status == 2);
}

}  // namespace
}  // namespace audio_latency::lab
