#include "probe/capture/interface_rule.h"

#include <linux/if_arp.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/status/status_macros.h"

namespace audio_latency::probe {
namespace {

Link MakeLink(std::string name, std::string kind = "") {
  Link link;
  link.name = std::move(name);
  link.kind = std::move(kind);
  return link;
}

Link PodVeth(std::string name) {
  Link link = MakeLink(std::move(name), "veth");
  link.peer_in_other_namespace = true;
  return link;
}

Link Loopback() {
  Link link = MakeLink("lo");
  link.is_loopback = true;
  return link;
}

Link WithDefaultRoute(Link link) {
  link.has_default_route = true;
  return link;
}

TEST_CASE("a device of a link layer may be meant by globs and auto, by names only if it is one") {
  Link tunnel = MakeLink("tun0", "tun");
  tunnel.hardware_type = ARPHRD_NONE;
  const std::vector<Link> links = {MakeLink("ens5"), tunnel};
  CHECK(InterfaceRule({"auto"}).MayMatch(CAPTURE_LINK_IP, links));
  CHECK(InterfaceRule({"ens5", "wg*"}).MayMatch(CAPTURE_LINK_IP, links));
  CHECK(InterfaceRule({"ens5", "tun0"}).MayMatch(CAPTURE_LINK_IP, links));
  CHECK_FALSE(InterfaceRule({"ens5"}).MayMatch(CAPTURE_LINK_IP, links));
  CHECK_FALSE(InterfaceRule({"tun0"}).MayMatch(CAPTURE_LINK_ETHERNET, links));
}

TEST_CASE("roles of interfaces") {
  CHECK(RoleOf(PodVeth("veth12ab")) == InterfaceRole::kContainer);
  CHECK(RoleOf(PodVeth("cali0123")) == InterfaceRole::kContainer);
  // A node that is itself a container: its eth0 is one end of a veth.
  CHECK(RoleOf(PodVeth("eth0")) == InterfaceRole::kUplink);
  CHECK(RoleOf(PodVeth("ens3")) == InterfaceRole::kUplink);
  CHECK(RoleOf(PodVeth("enp1s0")) == InterfaceRole::kUplink);
  CHECK(RoleOf(WithDefaultRoute(PodVeth("to-router"))) == InterfaceRole::kUplink);
  CHECK(RoleOf(MakeLink("eno1")) == InterfaceRole::kUplink);
  CHECK(RoleOf(MakeLink("bond0", "bond")) == InterfaceRole::kUplink);
  CHECK(RoleOf(MakeLink("flannel.1", "vxlan")) == InterfaceRole::kUplink);
  CHECK(RoleOf(MakeLink("wg0", "wireguard")) == InterfaceRole::kUplink);
  CHECK(RoleOf(WithDefaultRoute(MakeLink("br0", "bridge"))) == InterfaceRole::kUplink);
  CHECK(RoleOf(MakeLink("cni0", "bridge")) == InterfaceRole::kUnspecified);
  // Both ends in this namespace.
  CHECK(RoleOf(MakeLink("veth0", "veth")) == InterfaceRole::kUnspecified);
  CHECK(RoleOf(Loopback()) == InterfaceRole::kUnspecified);
}

TEST_CASE("auto takes the default route's interface, eth0 and the containers'") {
  const InterfaceRule rule({"auto"});
  CHECK(rule.Matches(WithDefaultRoute(MakeLink("ens5"))));
  CHECK(rule.Matches(MakeLink("eth0")));
  CHECK(rule.Matches(PodVeth("veth12ab")));
  CHECK_FALSE(rule.Matches(MakeLink("ens6")));
  CHECK_FALSE(rule.Matches(MakeLink("cni0", "bridge")));
  CHECK_FALSE(rule.Matches(MakeLink("veth0", "veth")));
  CHECK_FALSE(rule.Matches(Loopback()));
}

TEST_CASE("names and globs take what they say") {
  const InterfaceRule rule({"eth1", "veth*", "auto"});
  CHECK(rule.Matches(MakeLink("eth1")));
  CHECK_FALSE(rule.Matches(MakeLink("eth10")));
  CHECK(rule.Matches(MakeLink("veth0", "veth")));
  CHECK(rule.Matches(MakeLink("eth0")));
  CHECK(rule.ToString() == "eth1,veth*,auto");
}

TEST_CASE("a named interface must exist, what may come later need not") {
  const std::vector<Link> links = {Loopback(), MakeLink("ens5")};
  CHECK(InterfaceRule({"ens5"}).CheckNamed(links).ok());
  CHECK(InterfaceRule({"auto", "veth*"}).CheckNamed(links).ok());
  const absl::Status missing = InterfaceRule({"ens5", "eth9"}).CheckNamed(links);
  CHECK(absl::IsNotFound(missing));
  CHECK_THAT(Message(missing), Catch::Contains("\"eth9\"") && Catch::Contains("lo, ens5"));
}

TEST_CASE("what packets begin with follows from the hardware type") {
  const auto layer = [](int hardware_type) {
    Link link = MakeLink("x0");
    link.hardware_type = static_cast<uint16_t>(hardware_type);
    return LinkLayerOf(link);
  };
  CHECK(LinkLayerOf(MakeLink("eth0")) == CAPTURE_LINK_ETHERNET);
  CHECK(layer(ARPHRD_LOOPBACK) == CAPTURE_LINK_ETHERNET);
  for (const int type : {ARPHRD_NONE, ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT, ARPHRD_PPP,
                         ARPHRD_RAWIP, ARPHRD_IPGRE, ARPHRD_IP6GRE}) {
    CHECK(layer(type) == CAPTURE_LINK_IP);
  }
  for (const int type :
       {ARPHRD_CAN, ARPHRD_INFINIBAND, ARPHRD_IEEE80211_RADIOTAP, ARPHRD_NETLINK}) {
    CHECK_FALSE(layer(type).has_value());
  }
}

TEST_CASE("to name an interface whose packets cannot be read is an error") {
  Link can = MakeLink("can0", "vcan");
  can.hardware_type = ARPHRD_CAN;
  const std::vector<Link> links = {MakeLink("eth0"), can};
  const absl::Status status = InterfaceRule({"eth0", "can0"}).CheckNamed(links);
  CHECK(absl::IsFailedPrecondition(status));
  CHECK_THAT(Message(status), Catch::Contains("can0") && Catch::Contains("280"));
  CHECK(InterfaceRule({"*"}).CheckNamed(links).ok());
}

}  // namespace
}  // namespace audio_latency::probe
