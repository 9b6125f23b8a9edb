#include "probe/containers/namespace_owners.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "tests/unit/probe/containers/cgroup_folder.h"

namespace audio_latency::probe {
namespace {

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }

constexpr char kFibTrie[] =
    "Main:\n"
    "  +-- 0.0.0.0/0 3 0 5\n"
    "     |-- 0.0.0.0\n"
    "        /0 universe UNICAST\n"
    "     +-- 10.244.0.0/24 2 0 2\n"
    "        |-- 10.244.0.0\n"
    "           /24 link UNICAST\n"
    "        |-- 10.244.0.5\n"
    "           /32 host LOCAL\n"
    "        |-- 10.244.0.255\n"
    "           /32 link BROADCAST\n"
    "     |-- 127.0.0.1\n"
    "        /32 host LOCAL\n"
    "     |-- 169.254.1.1\n"
    "        /32 host LOCAL\n";
constexpr char kIfInet6[] =
    "fd000000000000000000000000000005 02 40 00 80     eth0\n"
    "fe800000000000000042acfffe110002 02 40 20 80     eth0\n"
    "00000000000000000000000000000001 01 80 10 80       lo\n";

TEST_CASE("the addresses of a namespace are read, and no others") {
  CHECK(LocalAddressesV4(kFibTrie) == std::set<IpAddress>{Address("10.244.0.5")});
  CHECK(LocalAddressesV6(kIfInet6) == std::set<IpAddress>{Address("fd00::5")});
  for (const char* text : {"", "\n", "|-- \n/32 host LOCAL", "|-- x\n/32 host LOCAL",
                           "/32 host LOCAL\n", "|-- 10.0.0.1", "fd00 02 40", "zz"}) {
    INFO(text);
    CHECK(LocalAddressesV4(text).empty());
    CHECK(LocalAddressesV6(text).empty());
  }
}

// /proc as far as it is looked at.
class ProcFolder {
 public:
  void AddProcess(const std::string& pid, const std::string& cgroup, const std::string& fib_trie) {
    const std::string folder = files_.Make(pid + "/net");
    std::ofstream(folder + "/dev") << "\n";
    std::ofstream(folder + "/fib_trie") << fib_trie;
    std::ofstream(folder + "/if_inet6") << "";
    std::ofstream(files_.root() + "/" + pid + "/cgroup") << cgroup;
  }
  // In the network namespace of another one.
  void ShareNamespace(const std::string& pid, const std::string& with) {
    std::filesystem::remove_all(files_.root() + "/" + pid + "/net");
    std::filesystem::create_directory_symlink("../" + with + "/net",
                                              files_.root() + "/" + pid + "/net");
  }
  std::string path() const { return files_.root(); }

 private:
  CgroupFolder files_;
};

std::string Trie(const std::string& address) { return "|-- " + address + "\n   /32 host LOCAL\n"; }

TEST_CASE("an address is its pod's, unless two pods have it or it is the node's") {
  ProcFolder proc;
  const std::string in_pod = "1:name=systemd:/kubepods/burstable/pod" + kTestUid + "/" + kTestId;
  const std::string other_uid = "1d0c9a1e-7b42-4f68-9c33-0a1b2c3d4e5f";
  const std::string in_other =
      "0::/kubepods.slice/kubepods-pod1d0c9a1e_7b42_4f68_9c33_0a1b2c3d4e5f.slice/crio-" +
      std::string(64, 'c') + ".scope\n";
  proc.AddProcess("self", "0::/\n", Trie("192.0.2.1"));
  proc.AddProcess("1", "0::/init.scope\n", Trie("192.0.2.1"));
  proc.AddProcess("100", in_pod, Trie("10.244.0.5") + Trie("10.9.9.9"));
  proc.AddProcess("101", in_pod, "");
  proc.ShareNamespace("101", "100");
  proc.AddProcess("200", in_other, Trie("10.244.0.6") + Trie("10.9.9.9"));
  // hostNetwork: the node's own namespace.
  proc.AddProcess("300", in_other, "");
  proc.ShareNamespace("300", "self");
  // Not in a container: a network of somebody else.
  proc.AddProcess("400", "0::/user.slice\n", Trie("10.7.7.7"));

  NamespaceOwners owners(ContainerRuntime::kUnknown, proc.path());
  owners.Scan();
  REQUIRE(owners.Find(Address("10.244.0.5")).has_value());
  CHECK(owners.Find(Address("10.244.0.5"))->pod_uid == kTestUid);
  REQUIRE(owners.Find(Address("10.244.0.6")).has_value());
  CHECK(owners.Find(Address("10.244.0.6"))->pod_uid == other_uid);
  CHECK(owners.Find(Address("10.244.0.6"))->runtime == ContainerRuntime::kCrio);
  CHECK_FALSE(owners.Find(Address("10.9.9.9")).has_value());
  CHECK_FALSE(owners.Find(Address("192.0.2.1")).has_value());
  CHECK_FALSE(owners.Find(Address("10.7.7.7")).has_value());
  CHECK(owners.statistics().namespaces == 2);
  CHECK(owners.statistics().processes == 6);

  NamespaceOwners nowhere(ContainerRuntime::kUnknown, "/does/not/exist");
  nowhere.Scan();
  CHECK(nowhere.statistics().processes == 0);
}

}  // namespace
}  // namespace audio_latency::probe
