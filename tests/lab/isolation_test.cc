// Nothing of a lab is left, however it ends.

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>

#include "tests/lab/cluster.h"
#include "tests/lab/lab.h"
#include "tests/lab/process.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

// What a lab could leave behind, as the world outside sees it.
struct World {
  std::set<std::string> interfaces;
  std::set<std::string> named_namespaces;
  std::set<std::string> network_namespaces;  // of all processes

  friend bool operator==(const World&, const World&) = default;
};

std::set<std::string> Entries(const std::string& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

std::set<std::string> NetworkNamespacesInUse() {
  std::set<std::string> namespaces;
  for (const std::string& process : Entries("/proc")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink("/proc/" + process + "/ns/net", error);
    if (!error) {
      namespaces.insert(target.string());
    }
  }
  return namespaces;
}

World LookAround() {
  return {Entries("/sys/class/net"), Entries("/run/netns"), NetworkNamespacesInUse()};
}

// Processes whose command line holds `mark`.
int CountProcesses(const std::string& mark) {
  int count = 0;
  for (const std::string& process : Entries("/proc")) {
    std::ifstream file("/proc/" + process + "/cmdline");
    std::string line;
    std::getline(file, line);
    count += line.find(mark) != std::string::npos ? 1 : 0;
  }
  return count;
}

// A number of seconds to sleep that nothing else on the machine uses.
std::string UniqueSleep() {
  static int calls = 0;
  return std::to_string(1000000000L + static_cast<long>(getpid()) * 100 + ++calls);
}

// Fills the lab: a cluster, and a process in a pod that would sleep for years. Returns false when
// that does not work.
bool Furnish(const std::string& mark) {
  auto cluster = Cluster::Create();
  if (!cluster.ok()) {
    return false;
  }
  auto node = (*cluster)->AddNode("node-a");
  if (!node.ok()) {
    return false;
  }
  auto pod = (*cluster)->AddPod(*node, "ingress-1", "ingress", "voice");
  if (!pod.ok()) {
    return false;
  }
  ProcessOptions options;
  options.arguments = {"sleep", mark};
  options.network = &(*pod)->network;
  auto process = Process::Start(options);
  if (!process.ok()) {
    return false;
  }
  // Left alive on purpose: the lab's end must take them.
  new Process(*std::move(process));
  new std::unique_ptr<Cluster>(*std::move(cluster));
  return true;
}

TEST_CASE("a lab returns what its body returns and leaves nothing") {
  const World before = LookAround();
  const std::string mark = UniqueSleep();
  auto status = Lab::Run([&](const Lab&) {
    const bool furnished = Furnish(mark);
    return furnished && CountProcesses(mark) == 1 ? 42 : 1;
  });
  REQUIRE(status.ok());
  CHECK(*status == 42);
  CHECK(CountProcesses(mark) == 0);
  CHECK(LookAround() == before);
}

TEST_CASE("a lab sees only itself") {
  auto status = Lab::Run([](const Lab&) {
    int processes = 0;
    for (const std::string& name : Entries("/proc")) {
      processes += name.find_first_not_of("0123456789") == std::string::npos ? 1 : 0;
    }
    return processes == 2 && Furnish(UniqueSleep()) ? 0 : 1;
  });
  REQUIRE(status.ok());
  CHECK(*status == 0);
}

TEST_CASE("an exception in the body ends the lab and leaves nothing") {
  const World before = LookAround();
  const std::string mark = UniqueSleep();
  auto status = Lab::Run([&](const Lab&) -> int {
    if (!Furnish(mark)) {
      return 99;
    }
    throw std::runtime_error("on purpose");
  });
  REQUIRE(status.ok());
  CHECK(*status == EXIT_FAILURE);
  CHECK(CountProcesses(mark) == 0);
  CHECK(LookAround() == before);
}

TEST_CASE("a crash of the body ends the lab and leaves nothing") {
  const World before = LookAround();
  const std::string mark = UniqueSleep();
  auto status = Lab::Run([&](const Lab&) -> int {
    if (!Furnish(mark)) {
      return 99;
    }
    // As when it crashed, but without a core file.
    kill(getpid(), SIGKILL);
    return 98;
  });
  REQUIRE(status.ok());
  CHECK(*status == 128 + SIGKILL);
  CHECK(CountProcesses(mark) == 0);
  CHECK(LookAround() == before);
}

// Runs a lab in a child process, kills that child with `signal_number` in mid-course, and checks
// that the lab goes with it.
void KillCallerOfLab(int signal_number) {
  const World before = LookAround();
  const std::string mark = UniqueSleep();
  const pid_t caller = fork();
  if (caller == 0) {
    signal(signal_number, SIG_DFL);
    auto status = Lab::Run([&](const Lab&) {
      if (Furnish(mark)) {
        pause();
      }
      return 1;
    });
    _exit(1);
  }
  REQUIRE(caller > 0);
  REQUIRE(Eventually([&] { return CountProcesses(mark) == 1; }));
  CHECK(LookAround() != before);
  REQUIRE(kill(caller, signal_number) == 0);
  int status = 0;
  REQUIRE(waitpid(caller, &status, 0) == caller);
  CHECK(WIFSIGNALED(status));
  CHECK(Eventually([&] { return CountProcesses(mark) == 0; }));
  CHECK(Eventually([&] { return LookAround() == before; }));
}

TEST_CASE("kill -9 of the lab's caller leaves nothing") { KillCallerOfLab(SIGKILL); }

TEST_CASE("Ctrl-C leaves nothing") { KillCallerOfLab(SIGINT); }

TEST_CASE("SIGTERM to the lab's caller leaves nothing") { KillCallerOfLab(SIGTERM); }

TEST_CASE("many labs one after the other leave nothing") {
  const World before = LookAround();
  for (int i = 0; i < 10; ++i) {
    auto status = Lab::Run([](const Lab&) { return 7; });
    REQUIRE(status.ok());
    REQUIRE(*status == 7);
  }
  CHECK(LookAround() == before);
}

}  // namespace
}  // namespace audio_latency::lab
