#include "probe/capture/interface_rule.h"

#include <fnmatch.h>
#include <linux/if_arp.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace audio_latency::probe {
namespace {

constexpr std::string_view kAuto = "auto";

bool IsGlob(std::string_view pattern) {
  return pattern.find_first_of("*?[") != std::string_view::npos;
}

bool HasUplinkName(std::string_view name) {
  constexpr std::array<std::string_view, 3> kPrefixes = {"eth", "ens", "enp"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// Kinds that carry traffic within the node, or none.
bool StaysOnNode(const Link& link) {
  constexpr std::array<std::string_view, 4> kKinds = {"veth", "bridge", "dummy", "ifb"};
  return link.is_loopback || std::find(kKinds.begin(), kKinds.end(), link.kind) != kKinds.end();
}

}  // namespace

const char* InterfaceRoleName(InterfaceRole role) {
  switch (role) {
    case InterfaceRole::kUplink:
      return "uplink";
    case InterfaceRole::kContainer:
      return "container";
    case InterfaceRole::kUnspecified:
      break;
  }
  return "other";
}

InterfaceRole RoleOf(const Link& link) {
  if (link.has_default_route || HasUplinkName(link.name)) {
    return InterfaceRole::kUplink;
  }
  if (link.kind == "veth" && link.peer_in_other_namespace) {
    return InterfaceRole::kContainer;
  }
  return StaysOnNode(link) ? InterfaceRole::kUnspecified : InterfaceRole::kUplink;
}

std::optional<capture_link_layer> LinkLayerOf(const Link& link) {
  switch (link.hardware_type) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return CAPTURE_LINK_ETHERNET;
    case ARPHRD_NONE:
    case ARPHRD_PPP:
    case ARPHRD_RAWIP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
    case ARPHRD_IP6GRE:
    case ARPHRD_VOID:
      return CAPTURE_LINK_IP;
    default:
      return std::nullopt;
  }
}

InterfaceRule::InterfaceRule(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

bool InterfaceRule::Matches(const Link& link) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
    if (pattern == kAuto) {
      return link.has_default_route || link.name == "eth0" ||
             RoleOf(link) == InterfaceRole::kContainer;
    }
    return fnmatch(pattern.c_str(), link.name.c_str(), 0) == 0;
  });
}

bool InterfaceRule::Names(const Link& link) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
    return pattern != kAuto && !IsGlob(pattern) && pattern == link.name;
  });
}

bool InterfaceRule::MayMatch(capture_link_layer link_layer, std::span<const Link> links) const {
  return std::any_of(
             patterns_.begin(), patterns_.end(),
             [](const std::string& pattern) { return pattern == kAuto || IsGlob(pattern); }) ||
         std::any_of(links.begin(), links.end(), [&](const Link& link) {
           return Matches(link) && LinkLayerOf(link) == link_layer;
         });
}

absl::Status InterfaceRule::CheckNamed(std::span<const Link> links) const {
  for (const std::string& pattern : patterns_) {
    if (pattern == kAuto || IsGlob(pattern)) {
      continue;
    }
    const auto named = std::find_if(links.begin(), links.end(),
                                    [&](const Link& link) { return link.name == pattern; });
    if (named != links.end() && !LinkLayerOf(*named).has_value()) {
      return absl::FailedPreconditionError(
          fmt::format("INTERFACE names \"{}\", whose packets (hardware type {}) begin with neither "
                      "Ethernet nor IP and cannot be read; take it out of INTERFACE",
                      pattern, named->hardware_type));
    }
    if (named == links.end()) {
      std::vector<std::string_view> names;
      for (const Link& link : links) {
        names.push_back(link.name);
      }
      return absl::NotFoundError(fmt::format(
          "INTERFACE names \"{}\", which does not exist here; existing interfaces: {}; set "
          "INTERFACE to some of them, to a glob, or to auto",
          pattern, fmt::join(names, ", ")));
    }
  }
  return absl::OkStatus();
}

std::string InterfaceRule::ToString() const { return fmt::format("{}", fmt::join(patterns_, ",")); }

}  // namespace audio_latency::probe
