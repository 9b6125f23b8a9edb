#include "correlator/query/latency_service.h"

#include <catch2/catch.hpp>

#include "common/loss/causes.h"
#include "tests/unit/correlator/query/test_server.h"

namespace audio_latency::correlator {
namespace {

using grpc::StatusCode;

template <typename Request, typename Response>
using Method = grpc::Status (v1::LatencyService::Stub::*)(grpc::ClientContext*, const Request&,
                                                          Response*);

template <typename Request, typename Response>
grpc::Status Call(TestServer* server, Method<Request, Response> method, const Request& request,
                  Response* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  return (server->stub().*method)(&context, request, response);
}

grpc::Status ListPaths(TestServer* server, const v1::ListPathsRequest& request,
                       v1::ListPathsResponse* response) {
  return Call(server, &v1::LatencyService::Stub::ListPaths, request, response);
}

grpc::Status Trace(TestServer* server, const std::string& signature, const std::string& path,
                   v1::TraceSignatureResponse* response) {
  v1::TraceSignatureRequest request;
  request.set_signature(signature);
  request.set_path(path);
  return Call(server, &v1::LatencyService::Stub::TraceSignature, request, response);
}

TEST_CASE("every answer tells what share of its events was lost, and what share is sampled") {
  TestServer server;
  server.FillWithThreeNodes();
  server.nodes.nodes[1].lost_share = 0.5;
  server.load.snapshot.sampling_share = 0.25;
  v1::ListPathsResponse paths;
  REQUIRE(ListPaths(&server, {}, &paths).ok());
  CHECK(paths.paths(0).lost_share() == Approx(1 - 0.99 * 0.5 * 0.99));
  CHECK(paths.paths(0).sampling_share() == 0.25);
  // Of its own nodes.
  CHECK(paths.paths(0).hops(0).lost_share() == Approx(1 - 0.99 * 0.5));
  CHECK(paths.paths(0).hops(1).lost_share() == Approx(0.5));
  CHECK(paths.paths(0).hops(2).sampling_share() == 0.25);
  v1::ListHopsResponse hops;
  REQUIRE(Call(&server, &v1::LatencyService::Stub::ListHops, v1::ListHopsRequest(), &hops).ok());
  CHECK(hops.hops(0).lost_share() == Approx(1 - 0.99 * 0.5));
  CHECK(hops.hops(0).sampling_share() == 0.25);

  // A probe that still keeps less, or is gone.
  server.nodes.nodes[0].sampling_share = 0.125;
  server.nodes.nodes[2].sampling_share = 0.0625;
  server.nodes.nodes[2].connected = false;
  REQUIRE(ListPaths(&server, {}, &paths).ok());
  CHECK(paths.paths(0).sampling_share() == 0.125);

  // What the correlator itself lost is everybody's.
  server.matching.counters.observations = 900;
  server.matching.counters.queue_full = 100;
  REQUIRE(ListPaths(&server, {}, &paths).ok());
  CHECK(paths.paths(0).hops(1).lost_share() == Approx(1 - 0.5 * 0.9));
  server.matching.counters.overwritten = 300;
  server.matching.counters.too_late = 100;
  server.matching.counters.out_of_range = 50;
  REQUIRE(ListPaths(&server, {}, &paths).ok());
  CHECK(paths.paths(0).hops(1).lost_share() == Approx(1 - 0.5 * 0.45));
  server.paths.drops = {{"match_queue_full", 1000}};
  server.matching.counters.matches = 4000;
  REQUIRE(ListPaths(&server, {}, &paths).ok());
  CHECK(paths.paths(0).hops(1).lost_share() == Approx(1 - 0.5 * 0.45 * 0.75));
}

TEST_CASE("paths come with their delays, hops and losses") {
  TestServer server;
  server.FillWithThreeNodes();
  v1::ListPathsResponse response;
  REQUIRE(ListPaths(&server, {}, &response).ok());
  REQUIRE(response.paths_size() == 1);
  const v1::Path& path = response.paths(0);
  CHECK(path.path() == "ingress > processor > egress");
  CHECK(path.count() == 1234);
  CHECK(path.one_way_delay().p50_seconds() == 0.0412);
  CHECK(path.one_way_delay().p99_seconds() == Approx(0.0618));
  CHECK(path.one_way_delay().max_seconds() == Approx(0.0824));
  CHECK(path.error_bound_seconds() == 2e-6);
  CHECK(path.coverage() == 0.995);
  CHECK(path.negative_count() == 1);
  CHECK(path.last_seen_unix_seconds() == 1704110400);
  CHECK(path.lost_share() == Approx(1 - 0.99 * 0.99 * 0.99));
  REQUIRE(path.hops_size() == 3);
  CHECK(path.hops(0).kind() == v1::Hop::TRANSIT);
  CHECK(path.hops(0).source().pod() == "ingress-1");
  CHECK(path.hops(0).source().namespace_() == "voice");
  CHECK(path.hops(0).source().workload() == "ingress");
  CHECK(path.hops(0).source().node() == "node-a");
  CHECK(path.hops(0).source().address() == "10.0.1.5");
  CHECK(path.hops(0).destination().pod() == "processor-2");
  CHECK(path.hops(1).kind() == v1::Hop::PROCESSING);
  CHECK(path.hops(1).one_way_delay().p50_seconds() == 0.0402);
  CHECK(path.hops(1).count() == 1234);
}

TEST_CASE("windows are asked for, and checked") {
  TestServer server;
  v1::ListPathsResponse response;
  for (const uint32_t window : {0u, 10u, 60u}) {
    v1::ListPathsRequest request;
    request.set_window_seconds(window);
    CHECK(ListPaths(&server, request, &response).ok());
    CHECK(server.paths.window_seconds == window);
  }
  for (const uint32_t window : {1u, 9u, 61u, 4'000'000'000u}) {
    v1::ListPathsRequest paths_request;
    paths_request.set_window_seconds(window);
    const grpc::Status status = ListPaths(&server, paths_request, &response);
    CHECK(status.error_code() == StatusCode::INVALID_ARGUMENT);
    CHECK(status.error_message().find("use 10 to 60") != std::string::npos);
    v1::ListHopsRequest hops_request;
    hops_request.set_window_seconds(window);
    v1::ListHopsResponse hops;
    CHECK(Call(&server, &v1::LatencyService::Stub::ListHops, hops_request, &hops).error_code() ==
          StatusCode::INVALID_ARGUMENT);
    v1::GetPathRequest path_request;
    path_request.set_path("a");
    path_request.set_window_seconds(window);
    v1::GetPathResponse path;
    CHECK(Call(&server, &v1::LatencyService::Stub::GetPath, path_request, &path).error_code() ==
          StatusCode::INVALID_ARGUMENT);
  }
}

TEST_CASE("one path by name") {
  TestServer server;
  server.FillWithThreeNodes();
  const auto get = [&server](const std::string& name, v1::GetPathResponse* response) {
    v1::GetPathRequest request;
    request.set_path(name);
    return Call(&server, &v1::LatencyService::Stub::GetPath, request, response);
  };
  v1::GetPathResponse response;
  REQUIRE(get("ingress > processor > egress", &response).ok());
  CHECK(response.path().count() == 1234);
  CHECK(get("ingress > egress", &response).error_code() == StatusCode::NOT_FOUND);
  CHECK(get("", &response).error_code() == StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("hops through a pod") {
  TestServer server;
  server.FillWithThreeNodes();
  const auto count = [&server](const std::string& through) {
    v1::ListHopsRequest request;
    request.set_through(through);
    v1::ListHopsResponse response;
    REQUIRE(Call(&server, &v1::LatencyService::Stub::ListHops, request, &response).ok());
    return response.hops_size();
  };
  CHECK(count("") == 3);
  CHECK(count("ingress-1") == 1);
  CHECK(count("processor") == 3);
  CHECK(count("nobody") == 0);
}

TEST_CASE("every answer tells the clocks behind it, and those that keep something back") {
  TestServer server;
  server.FillWithThreeNodes();
  const auto names = [](const auto& response) {
    std::string text;
    for (const v1::NodeClock& clock : response.clocks()) {
      text += clock.node() + " " + clock.state() + " ";
    }
    return text;
  };
  v1::ListHopsRequest through_first;
  through_first.set_through("ingress-1");
  v1::ListHopsResponse hops;
  REQUIRE(Call(&server, &v1::LatencyService::Stub::ListHops, through_first, &hops).ok());
  CHECK(names(hops) == "node-a good node-b good ");
  const v1::NodeClock& clock = hops.clocks(0);
  CHECK(clock.offset_seconds() == -12.5);
  CHECK(clock.drift_ppm() == 12.5);
  CHECK(clock.error_bound_seconds() == 1.5e-6);
  CHECK(clock.source() == "udp");

  // What is not good may be why something is missing, wherever it is.
  NodeSnapshot& last = server.nodes.nodes[2];
  last.clock_state = ClockState::kSynchronising;
  last.clock_waiting_events = 77;
  last.drops.push_back({.cause = kCauseClockUnsynchronised, .count = 5, .lost = true});
  REQUIRE(Call(&server, &v1::LatencyService::Stub::ListHops, through_first, &hops).ok());
  CHECK(names(hops) == "node-a good node-b good node-c synchronising ");
  CHECK(hops.clocks(2).waiting_events() == 77);
  CHECK(hops.clocks(2).unsynchronised_events() == 5);
  last.connected = false;
  REQUIRE(Call(&server, &v1::LatencyService::Stub::ListHops, through_first, &hops).ok());
  CHECK(names(hops) == "node-a good node-b good ");

  v1::ListPathsResponse paths;
  REQUIRE(Call(&server, &v1::LatencyService::Stub::ListPaths, {}, &paths).ok());
  CHECK(names(paths) == "node-a good node-b good node-c synchronising ");
  v1::GetPathRequest one;
  one.set_path("ingress > processor > egress");
  v1::GetPathResponse path;
  REQUIRE(Call(&server, &v1::LatencyService::Stub::GetPath, one, &path).ok());
  CHECK(names(path) == "node-a good node-b good node-c synchronising ");
  // Of an answer that names nobody, any node's clock may be what is wanted.
  v1::ListHopsRequest nobody;
  nobody.set_through("nobody");
  REQUIRE(Call(&server, &v1::LatencyService::Stub::ListHops, nobody, &hops).ok());
  CHECK(hops.clocks_size() == 3);
}

TEST_CASE("nodes come with clocks and drops") {
  TestServer server;
  server.FillWithThreeNodes();
  server.nodes.nodes[1].clock_state = ClockState::kSynchronising;
  server.nodes.nodes[2].clock_state = ClockState::kStale;
  v1::ListNodesResponse response;
  REQUIRE(Call(&server, &v1::LatencyService::Stub::ListNodes, {}, &response).ok());
  REQUIRE(response.nodes_size() == 3);
  const v1::Node& node = response.nodes(0);
  CHECK(node.node() == "node-a");
  CHECK(node.instance() == "instance-1");
  CHECK(node.version() == "0.1.0");
  CHECK(node.connected());
  CHECK(node.clock_state() == "good");
  CHECK(node.clock_offset_seconds() == -12.5);
  CHECK(node.clock_error_bound_seconds() == 1.5e-6);
  CHECK(node.clock_drift_ppm() == 12.5);
  CHECK(node.clock_source() == "udp");
  CHECK(response.nodes(1).clock_source() == "stream");
  CHECK(node.kernel_clock().is_synchronised());
  CHECK(node.kernel_clock().offset_seconds() == -1e-4);
  CHECK(node.kernel_clock().frequency_ppm() == 8);
  CHECK(node.kernel_clock().estimated_error_seconds() == 2e-4);
  CHECK(node.kernel_clock().maximum_error_seconds() == 3e-3);
  CHECK_FALSE(response.nodes(2).has_kernel_clock());
  CHECK(node.events() == 5000);
  CHECK(node.flows() == 4);
  CHECK(node.lost_share() == 0.01);
  CHECK(node.drops().at("ring_full") == 50);
  CHECK(node.drops().at("gate_silence") == 700);
  CHECK(response.nodes(1).clock_state() == "synchronising");
  CHECK(response.nodes(2).clock_state() == "stale");
}

TEST_CASE("many paths take one snapshot of the nodes, not one each") {
  TestServer server;
  server.FillWithThreeNodes();
  PathSnapshot unknown = server.paths.paths[0];
  unknown.path = "of nodes that are not known";
  unknown.hops.clear();
  server.paths.paths.resize(49, server.paths.paths[0]);
  server.paths.paths.push_back(unknown);
  v1::ListPathsResponse response;
  REQUIRE(ListPaths(&server, {}, &response).ok());
  REQUIRE(response.paths_size() == 50);
  CHECK(server.nodes.snapshots == 1);
  // Any node may have lost some of it.
  CHECK(response.paths(49).lost_share() == Approx(1 - 0.99 * 0.99 * 0.99));
}

TEST_CASE("a signature is traced along its way") {
  TestServer server;
  server.FillWithThreeNodes();
  v1::TraceSignatureResponse response;
  for (const std::string signature : {"ab54a98ceb1f0ad2", "AB54A98CEB1F0AD2", ""}) {
    REQUIRE(Trace(&server, signature, "", &response).ok());
    REQUIRE(response.traces_size() == 1);
    CHECK(response.traces(0).signature() == "ab54a98ceb1f0ad2");
  }
  REQUIRE(Trace(&server, "", "ingress > processor > egress", &response).ok());
  const v1::Trace& trace = response.traces(0);
  CHECK(trace.decision() == "unique");
  REQUIRE(trace.points_size() == 4);
  const v1::TracePoint& origin = trace.points(0);
  CHECK(origin.node() == "node-a");
  CHECK(origin.interface() == "eth0");
  CHECK(origin.direction() == "egress");
  CHECK(origin.source().pod() == "ingress-1");
  CHECK(origin.destination().pod() == "processor-2");
  CHECK(origin.source().address() == "10.0.1.5");
  CHECK(origin.source_port() == 40000);
  CHECK(origin.destination_port() == 9000);
  CHECK(origin.transport() == "tcp");
  CHECK(origin.delay_seconds() == 0);
  // The monotonic clock is at 5 s, the piece was seen at 4 s.
  CHECK(origin.time_unix_seconds() == Approx(1704110399).epsilon(1e-12));
  CHECK(origin.position() == 65000);
  CHECK(origin.stream_offset_bytes() == 64000);
  CHECK(trace.points(1).node() == "node-b");
  CHECK(trace.points(1).direction() == "ingress");
  CHECK(trace.points(1).delay_seconds() == Approx(0.00031));
  CHECK(trace.points(1).error_bound_seconds() == Approx(3e-6 + 256e-9));
  CHECK(trace.points(3).node() == "node-c");
  CHECK(trace.points(3).delay_seconds() == Approx(0.0408));
  CHECK(trace.points(3).stream_offset_bytes() == 32000);
}

TEST_CASE("how a piece was decided is told") {
  TestServer server;
  server.FillWithThreeNodes();
  v1::TraceSignatureResponse response;
  Passage& second = server.paths.matches[0].passages[1];
  second.decision = Decision::kLock;
  REQUIRE(Trace(&server, "", "", &response).ok());
  CHECK(response.traces(0).decision() == "lock");
  server.paths.matches[0].passages.pop_back();
  REQUIRE(Trace(&server, "", "", &response).ok());
  CHECK(response.traces(0).decision() == "conversation");
  CHECK(response.traces(0).points_size() == 2);
}

TEST_CASE("a passage that was seen at one point is one point") {
  TestServer server;
  server.FillWithThreeNodes();
  Passage& last = server.paths.matches[0].passages[1];
  last.last = last.first;
  v1::TraceSignatureResponse response;
  REQUIRE(Trace(&server, "", "", &response).ok());
  CHECK(response.traces(0).points_size() == 3);
}

TEST_CASE("traces that cannot be answered say why") {
  TestServer server;
  v1::TraceSignatureResponse response;
  CHECK(Trace(&server, "", "", &response).error_code() == StatusCode::NOT_FOUND);
  server.FillWithThreeNodes();
  CHECK(Trace(&server, "1", "", &response).error_code() == StatusCode::NOT_FOUND);
  CHECK(Trace(&server, "", "no > path", &response).error_code() == StatusCode::NOT_FOUND);
  for (const std::string bad : {"xyz", "0x12", "ab54a98ceb1f0ad2f", "-1", "12 "}) {
    const grpc::Status status = Trace(&server, bad, "", &response);
    CHECK(status.error_code() == StatusCode::INVALID_ARGUMENT);
    CHECK(status.error_message().find(bad) != std::string::npos);
  }
  CHECK(Trace(&server, "1", "a > b", &response).error_code() == StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace audio_latency::correlator
