#include "probe/containers/namespace_owners.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "probe/containers/cgroup_path.h"

namespace audio_latency::probe {
namespace {

constexpr size_t kAddressBytesV6 = 16;

std::string ReadStart(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(NamespaceOwners::kMostFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

// The network namespace of a process, as a number that no other one has now: each has files of its
// own below /proc/PID/net. 0: the process has gone. The link /proc/PID/ns/net would name it, but
// only to who may trace the process.
uint64_t NamespaceOf(const std::string& folder) {
  struct stat status = {};
  return stat((folder + "/net/dev").c_str(), &status) == 0 ? status.st_ino : 0;
}

// Calls `visit` with each line, without the spaces at its ends.
template <typename Visit>
void ForEachLine(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    line = line.substr(0, line.find_last_not_of(' ') + 1);
    visit(line);
  }
}

bool IsOfUse(const IpAddress& address) {
  return !address.is_loopback() && !address.is_link_local() && !address.is_unspecified();
}

bool IsNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char byte) { return byte >= '0' && byte <= '9'; });
}

}  // namespace

std::set<IpAddress> LocalAddressesV4(std::string_view fib_trie) {
  // A leaf, "|-- 10.244.0.5", and below it what it is: "/32 host LOCAL".
  constexpr std::string_view kLeaf = "|-- ";
  std::set<IpAddress> addresses;
  std::string_view leaf;
  ForEachLine(fib_trie, [&](std::string_view line) {
    if (line.starts_with(kLeaf)) {
      leaf = line.substr(kLeaf.size());
    } else if (line == "/32 host LOCAL" && !leaf.empty()) {
      const absl::StatusOr<IpAddress> address = IpAddress::Parse(leaf);
      if (address.ok() && IsOfUse(*address)) {
        addresses.insert(*address);
      }
    }
  });
  return addresses;
}

std::set<IpAddress> LocalAddressesV6(std::string_view if_inet6) {
  // "fd00…05 02 40 00 80 eth0": 32 digits first.
  std::set<IpAddress> addresses;
  ForEachLine(if_inet6, [&](std::string_view line) {
    const std::string_view digits = line.substr(0, line.find(' '));
    std::string bytes;
    for (size_t at = 0; at + 2 <= digits.size() && bytes.size() <= kAddressBytesV6; at += 2) {
      uint8_t byte = 0;
      const char* const end = digits.data() + at + 2;
      const auto [stop, error] = std::from_chars(digits.data() + at, end, byte, 16);
      if (error != std::errc() || stop != end) {
        return;
      }
      bytes.push_back(static_cast<char>(byte));
    }
    const absl::StatusOr<IpAddress> address = IpAddress::FromBytes(bytes);
    if (bytes.size() == kAddressBytesV6 && address.ok() && IsOfUse(*address)) {
      addresses.insert(*address);
    }
  });
  return addresses;
}

NamespaceOwners::NamespaceOwners(ContainerRuntime only, std::string proc)
    : only_(only), proc_(std::move(proc)) {}

void NamespaceOwners::Scan() {
  statistics_ = {};
  owners_.clear();
  namespaces_.clear();
  // What is in our own is the node's, or hostNetwork's: the address tells nothing there.
  namespaces_.insert(NamespaceOf(proc_ + "/self"));
  std::error_code error;
  for (std::filesystem::directory_iterator process(proc_, error), end;
       !error && process != end && statistics_.processes < kMostProcesses;
       process.increment(error)) {
    if (IsNumber(process->path().filename().string())) {
      ++statistics_.processes;
      TakeProcess(process->path().string());
    }
  }
  statistics_.namespaces = namespaces_.size() - 1;
}

void NamespaceOwners::TakeProcess(const std::string& folder) {
  const std::optional<ContainerIdentity> owner =
      ParseProcCgroup(ReadStart(folder + "/cgroup"), only_);
  if (!owner.has_value()) {
    return;
  }
  const uint64_t number = NamespaceOf(folder);
  if (number == 0 || !namespaces_.insert(number).second) {
    return;  // gone, or one of its kind was here: all containers of a pod share their namespace
  }
  for (const IpAddress& address : LocalAddressesV4(ReadStart(folder + "/net/fib_trie"))) {
    TakeAddress(address, *owner);
  }
  for (const IpAddress& address : LocalAddressesV6(ReadStart(folder + "/net/if_inet6"))) {
    TakeAddress(address, *owner);
  }
}

void NamespaceOwners::TakeAddress(const IpAddress& address, const ContainerIdentity& owner) {
  const auto [known, is_new] = owners_.try_emplace(address, owner);
  if (!is_new) {
    known->second.reset();
  }
}

std::optional<ContainerIdentity> NamespaceOwners::Find(const IpAddress& address) const {
  const auto found = owners_.find(address);
  return found == owners_.end() ? std::nullopt : found->second;
}

}  // namespace audio_latency::probe
