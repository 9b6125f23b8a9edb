#include "correlator/endpoints/layered_directory.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>

namespace audio_latency::correlator {
namespace {

// Knows pods by address, and counts its changes.
class MapDirectory final : public EndpointDirectory {
 public:
  explicit MapDirectory(std::map<std::string, std::string> pods) : pods_(std::move(pods)) {}

  Resolution Resolve(const EndpointQuery& query) const override {
    Resolution resolution;
    resolution.endpoint.address = query.address;
    if (const auto found = pods_.find(query.address.ToString()); found != pods_.end()) {
      resolution.endpoint.pod = found->second;
      resolution.since_unix_ns = 7;
    }
    return resolution;
  }
  uint64_t Version() const override { return version; }

  uint64_t version = 1;

 private:
  const std::map<std::string, std::string> pods_;
};

TEST_CASE("What the upper directory knows goes before what the lower one does") {
  auto above = std::make_unique<MapDirectory>(
      std::map<std::string, std::string>{{"10.0.0.1", "above-1"}, {"10.0.0.2", "above-2"}});
  MapDirectory* const upper = above.get();
  MapDirectory below({{"10.0.0.2", "below-2"}, {"10.0.0.3", "below-3"}});
  const auto layered = MakeLayeredDirectory(std::move(above), below);
  const auto at = [&](const char* address) {
    EndpointQuery query;
    query.address = *IpAddress::Parse(address);
    return layered->Resolve(query);
  };
  CHECK(at("10.0.0.1").endpoint.pod == "above-1");
  CHECK(at("10.0.0.2").endpoint.pod == "above-2");
  CHECK(at("10.0.0.3").endpoint.pod == "below-3");
  CHECK(at("10.0.0.3").since_unix_ns == 7);
  CHECK(at("10.0.0.4").endpoint.pod.empty());
  CHECK(at("10.0.0.4").endpoint.address.ToString() == "10.0.0.4");

  // A change of either is one.
  const uint64_t before = layered->Version();
  ++upper->version;
  const uint64_t between = layered->Version();
  CHECK(between != before);
  ++below.version;
  CHECK(layered->Version() != between);
  CHECK(layered->Version() != before);
}

TEST_CASE("The probe's hint is for what neither directory knows") {
  const MapDirectory below(std::map<std::string, std::string>{{"10.0.0.2", "below-2"}});
  const auto layered = MakeLayeredDirectory(MakeEmptyDirectory(), below);
  EndpointQuery query;
  query.container = {.pod_uid = "u", .namespace_name = "voice", .pod = "hint-1"};
  query.address = *IpAddress::Parse("10.0.0.2");
  CHECK(layered->Resolve(query).endpoint.pod == "below-2");
  CHECK(layered->Resolve(query).since_unix_ns == 7);
  query.address = *IpAddress::Parse("10.0.0.3");
  CHECK(layered->Resolve(query).endpoint.pod == "hint-1");
  CHECK(layered->Resolve(query).endpoint.pod_uid == "u");
}

}  // namespace
}  // namespace audio_latency::correlator
