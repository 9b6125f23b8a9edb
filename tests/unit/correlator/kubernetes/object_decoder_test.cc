#include "correlator/kubernetes/object_decoder.h"

#include <netinet/in.h>

#include <catch2/catch.hpp>
#include <string>

#include "fmt/format.h"
#include "tests/unit/correlator/kubernetes/cluster_objects.h"

namespace audio_latency::correlator {
namespace {

using nlohmann::json;
using testing::NodeJson;
using testing::PodJson;
using testing::ServiceJson;
using testing::UidText;

IpAddress Address(const std::string& text) { return *IpAddress::Parse(text); }

TEST_CASE("A pod is decoded: who it is, whose, where, since when") {
  const auto pod = DecodeObject(
      PodJson({.name = "ingress-7d9f8b6c5d-x2x7q",
               .uid = 5,
               .addresses = {"10.0.1.5", "fd00::5"},
               .owners = {{.kind = "ReplicaSet", .name = "ingress-7d9f8b6c5d", .uid = 4}},
               .started = "2026-11-21T10:00:00Z",
               .created = "2026-11-21T09:59:58Z",
               .ports = {{.container = 5060, .host = 5061, .protocol = "UDP"}}})
          .dump());
  REQUIRE(pod.has_value());
  CHECK(pod->name == "ingress-7d9f8b6c5d-x2x7q");
  CHECK(pod->namespace_name == "voice");
  CHECK(pod->uid.ToString() == UidText(5));
  CHECK(pod->resource_version == "5");
  CHECK(pod->node_name == "node-a");
  CHECK_FALSE(pod->host_network);
  CHECK_FALSE(pod->is_terminal);
  REQUIRE(pod->controller.has_value());
  CHECK(pod->controller->kind == "ReplicaSet");
  CHECK(pod->controller->uid.ToString() == UidText(4));
  // podIP and podIPs name one twice.
  CHECK(pod->addresses == std::vector{Address("10.0.1.5"), Address("fd00::5")});
  CHECK(pod->node_addresses == std::vector{Address("192.168.1.1")});
  CHECK(pod->started_unix_ns == 1'795'255'200'000'000'000);
  CHECK(pod->created_unix_ns == 1'795'255'198'000'000'000);
  CHECK(pod->ports ==
        std::vector{DeclaredPort{.port = 5060, .node_port = 5061, .transport = IPPROTO_UDP}});
}

TEST_CASE("A port's protocol is TCP unless it says otherwise") {
  const auto pod = DecodeObject(
      PodJson(
          {.name = "a", .uid = 1, .ports = {{.container = 1}, {.container = 2, .protocol = "UDP"}}})
          .dump());
  REQUIRE(pod.has_value());
  REQUIRE(pod->ports.size() == 2);
  CHECK(pod->ports[0].transport == IPPROTO_TCP);
  CHECK(pod->ports[1].transport == IPPROTO_UDP);
}

TEST_CASE("Only an owner that is the controller counts") {
  json pod = PodJson({.name = "a", .uid = 1, .owners = {{.kind = "Job", .name = "j", .uid = 2}}});
  pod["metadata"]["ownerReferences"][0].erase("controller");
  CHECK_FALSE(DecodeObject(pod.dump())->controller.has_value());
  pod["metadata"]["ownerReferences"].push_back(
      {{"kind", "Foo"}, {"name", "f"}, {"uid", UidText(3)}, {"controller", true}});
  CHECK(DecodeObject(pod.dump())->controller->kind == "Foo");
}

TEST_CASE("Services and nodes are decoded, headless and nameless addresses left out") {
  const auto service = DecodeObject(
      ServiceJson(
          {.name = "p", .uid = 7, .addresses = {"10.96.0.7", "fd00:96::7"}, .node_port = 30000})
          .dump());
  REQUIRE(service.has_value());
  CHECK(service->addresses == std::vector{Address("10.96.0.7"), Address("fd00:96::7")});
  REQUIRE(service->ports.size() == 1);
  CHECK(service->ports[0].node_port == 30000);
  CHECK(DecodeObject(ServiceJson({.name = "h", .uid = 8}).dump())->addresses.empty());
  const auto node = DecodeObject(NodeJson("node-a", 9, {"192.168.1.1"}).dump());
  REQUIRE(node.has_value());
  CHECK(node->name == "node-a");
  CHECK(node->addresses == std::vector{Address("192.168.1.1")});
}

TEST_CASE("What cannot be relied on is no object") {
  const json good = PodJson({.name = "a", .uid = 1, .addresses = {"10.0.0.1"}});
  REQUIRE(DecodeObject(good.dump()).has_value());
  json bad = good;
  SECTION("no name") { bad["metadata"].erase("name"); }
  SECTION("no UID") { bad["metadata"].erase("uid"); }
  SECTION("a UID that is none") { bad["metadata"]["uid"] = "7"; }
  SECTION("a name that is no text") { bad["metadata"]["name"] = 7; }
  SECTION("a name that would break a terminal") { bad["metadata"]["name"] = "a\x1b[31m"; }
  SECTION("a name that is far too long") { bad["metadata"]["name"] = std::string(254, 'a'); }
  SECTION("an address that is none") { bad["status"]["podIP"] = "10.0.0.256"; }
  SECTION("an address that is an object") { bad["status"]["podIP"] = {{"ip", "10.0.0.1"}}; }
  SECTION("a node that is a list") { bad["spec"]["nodeName"] = {"node-a"}; }
  SECTION("a port beyond all ports") {
    bad["spec"]["containers"][0]["ports"] = {{{"containerPort", 65536}}};
  }
  SECTION("hostNetwork that is text") { bad["spec"]["hostNetwork"] = "true"; }
  SECTION("metadata that is none") { bad["metadata"] = "a"; }
  CHECK_FALSE(DecodeObject(bad.dump()).has_value());
}

TEST_CASE("Text that is no JSON is no object") {
  for (const char* const text :
       {"", "{", "null", "7", "[]", "{}", "{\"metadata\":", "\xff\xfe", "{\"metadata\":{}}x"}) {
    CAPTURE(text);
    CHECK_FALSE(DecodeObject(text).has_value());
    CHECK_FALSE(DecodeWatchEvent(text).has_value());
    CHECK_FALSE(DecodeListEnvelope(text).has_value());
  }
}

TEST_CASE("Fields that nobody reads may be anything, as deep as they like") {
  json pod = PodJson({.name = "a", .uid = 1, .addresses = {"10.0.0.1"}});
  pod["spec"]["affinity"] = {{"nodeName", 5}, {"containers", {{"ports", "x"}}}};
  pod["status"]["conditions"] = {{{"podIP", 1}}};
  pod["name"] = 7;
  CHECK(DecodeObject(pod.dump()).has_value());
  const std::string deep(100'000, '[');
  const std::string text = pod.dump();
  CHECK(DecodeObject(text.substr(0, text.size() - 1) + ",\"x\":" + deep +
                     std::string(100'000, ']') + "}")
            .has_value());
}

TEST_CASE("Lists of addresses and ports within an object are bounded") {
  json pod = PodJson({.name = "a", .uid = 1});
  for (int i = 0; i < 1000; ++i) {
    pod["status"]["podIPs"].push_back({{"ip", fmt::format("10.0.{}.{}", i / 250, i % 250 + 1)}});
    pod["spec"]["containers"][0]["ports"].push_back({{"containerPort", i + 1}});
  }
  const auto object = DecodeObject(pod.dump());
  REQUIRE(object.has_value());
  CHECK(object->addresses.size() == ApiObject::kMaxAddresses);
  CHECK(object->ports.size() == ApiObject::kMaxPorts);
}

TEST_CASE("Lines of a watch: changes, bookmarks and errors") {
  const json pod = PodJson({.name = "a", .uid = 1});
  const auto added = DecodeWatchEvent(json{{"type", "ADDED"}, {"object", pod}}.dump());
  REQUIRE(added.has_value());
  CHECK(added->type == WatchEventType::kAdded);
  CHECK(added->object.name == "a");
  const auto bookmark = DecodeWatchEvent(
      R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"77","creationTimestamp":null},"spec":{"containers":null},"status":{}}})");
  REQUIRE(bookmark.has_value());
  CHECK(bookmark->type == WatchEventType::kBookmark);
  CHECK(bookmark->object.resource_version == "77");
  const auto error = DecodeWatchEvent(
      R"({"type":"ERROR","object":{"kind":"Status","message":"too\nold","code":410}})");
  REQUIRE(error.has_value());
  CHECK(error->type == WatchEventType::kError);
  CHECK(error->code == 410);
  CHECK(error->message.find('\n') == std::string::npos);
  CHECK_FALSE(DecodeWatchEvent(json{{"type", "OTHER"}, {"object", pod}}.dump()).has_value());
  CHECK_FALSE(DecodeWatchEvent(R"({"type":"BOOKMARK","object":{}})").has_value());
}

TEST_CASE("The message of a refusal is one line of bounded length") {
  CHECK(MessageOfStatus(R"({"message":"no\nway"})").find('\n') == std::string::npos);
  CHECK(MessageOfStatus(json{{"message", std::string(100'000, 'x')}}.dump()).size() < 1000);
  CHECK(MessageOfStatus("<html>").empty());
}

TEST_CASE("A UID is a UUID in either case") {
  const std::string text = "4e3d1f3a-0c59-4b56-9b0a-2f4f7c9b2f11";
  REQUIRE(Uid::Parse(text).has_value());
  CHECK(Uid::Parse(text)->ToString() == text);
  CHECK(Uid::Parse("4E3D1F3A-0C59-4B56-9B0A-2F4F7C9B2F11") == Uid::Parse(text));
  CHECK(Uid().ToString().empty());
  for (const char* const wrong :
       {"", "4e3d1f3a0c594b569b0a2f4f7c9b2f11", "4e3d1f3a-0c59-4b56-9b0a-2f4f7c9b2f1",
        "4e3d1f3a-0c59-4b56-9b0a-2f4f7c9b2f1g", "4e3d1f3a_0c59-4b56-9b0a-2f4f7c9b2f11"}) {
    CHECK_FALSE(Uid::Parse(wrong).has_value());
  }
}

}  // namespace
}  // namespace audio_latency::correlator
