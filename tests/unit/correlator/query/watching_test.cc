// WatchPaths and WatchMatches: they go on, they end, and there are not too many of them.

#include <catch2/catch.hpp>
#include <chrono>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/unit/correlator/query/test_server.h"

namespace audio_latency::correlator {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Reader = grpc::ClientReader<v1::WatchPathsResponse>;
using audio_latency::testing::Eventually;

v1::WatchPathsRequest EveryMs(uint32_t interval_ms) {
  v1::WatchPathsRequest request;
  request.set_interval_ms(interval_ms);
  return request;
}

TEST_CASE("paths are told again and again") {
  TestServer server;
  server.FillWithThreeNodes();
  grpc::ClientContext context;
  const std::unique_ptr<Reader> reader = server.stub().WatchPaths(&context, EveryMs(100));
  v1::WatchPathsResponse response;
  const auto start = steady_clock::now();
  for (int i = 0; i < 4; ++i) {
    REQUIRE(reader->Read(&response));
    CHECK(response.paths(0).count() == 1234);
  }
  CHECK(steady_clock::now() - start >= milliseconds(290));
  context.TryCancel();
  CHECK(reader->Finish().error_code() == grpc::StatusCode::CANCELLED);
}

TEST_CASE("bad arguments of a watch are refused") {
  TestServer server;
  for (const uint32_t interval_ms : {1u, 99u, 60'001u}) {
    grpc::ClientContext context;
    const grpc::Status status = server.stub().WatchPaths(&context, EveryMs(interval_ms))->Finish();
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  }
  v1::WatchPathsRequest request;
  request.set_window_seconds(5);
  grpc::ClientContext context;
  CHECK(server.stub().WatchPaths(&context, request)->Finish().error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("matches are told as they come, with what was skipped") {
  TestServer server;
  server.FillWithThreeNodes();
  grpc::ClientContext context;
  const auto reader = server.stub().WatchMatches(&context, {});
  v1::WatchMatchesResponse response;
  REQUIRE(reader->Read(&response));
  REQUIRE(response.traces_size() == 1);
  CHECK(response.traces(0).signature() == "ab54a98ceb1f0ad2");
  CHECK(response.skipped() == 3);
  context.TryCancel();
  CHECK(reader->Finish().error_code() == grpc::StatusCode::CANCELLED);
}

TEST_CASE("many matches come in several messages, none of them lost") {
  TestServer server;
  server.FillWithThreeNodes();
  server.paths.matches.resize(250, server.paths.matches[0]);
  grpc::ClientContext context;
  const auto reader = server.stub().WatchMatches(&context, {});
  v1::WatchMatchesResponse response;
  double skipped = 0;
  for (const int expected : {100, 100, 50}) {
    REQUIRE(reader->Read(&response));
    CHECK(response.traces_size() == expected);
    skipped += response.skipped();
  }
  CHECK(skipped == 3);
  context.TryCancel();
  reader->Finish();
}

TEST_CASE("watchers end when the server does") {
  TestServer server;
  server.FillWithThreeNodes();
  grpc::ClientContext paths_context;
  grpc::ClientContext matches_context;
  const auto paths = server.stub().WatchPaths(&paths_context, EveryMs(60'000));
  const auto matches = server.stub().WatchMatches(&matches_context, {});
  v1::WatchPathsResponse paths_response;
  v1::WatchMatchesResponse matches_response;
  REQUIRE(paths->Read(&paths_response));
  REQUIRE(matches->Read(&matches_response));
  const auto start = steady_clock::now();
  server.Shutdown();
  CHECK(steady_clock::now() - start < TestServer::kShutdownPatience);
  CHECK(paths->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(matches->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("too many watchers are refused, and a place is free again") {
  TestServer server(2);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<Reader>> readers;
  v1::WatchPathsResponse response;
  for (int i = 0; i < 2; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(server.stub().WatchPaths(contexts.back().get(), EveryMs(60'000)));
    REQUIRE(readers.back()->Read(&response));
  }
  grpc::ClientContext refused;
  const grpc::Status status = server.stub().WatchPaths(&refused, EveryMs(100))->Finish();
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(status.error_message().find("2 callers watch already") != std::string::npos);
  grpc::ClientContext refused_matches;
  CHECK(server.stub().WatchMatches(&refused_matches, {})->Finish().error_code() ==
        grpc::StatusCode::RESOURCE_EXHAUSTED);

  contexts[0]->TryCancel();
  readers[0]->Finish();
  CHECK(Eventually([&] {  // the server notices within kCancelCheckInterval
    grpc::ClientContext context;
    const auto reader = server.stub().WatchPaths(&context, EveryMs(100));
    const bool granted = reader->Read(&response);
    context.TryCancel();
    reader->Finish();
    return granted;
  }));
  contexts[1]->TryCancel();
  readers[1]->Finish();
}

}  // namespace
}  // namespace audio_latency::correlator
