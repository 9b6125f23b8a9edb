// What tools ask a server that they do not know: its health, and what it serves. Asked without
// generated stubs, as messages of a few bytes.

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <catch2/catch.hpp>
#include <chrono>

#include "tests/unit/correlator/query/test_server.h"

namespace audio_latency::correlator {
namespace {

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}

std::string Text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  REQUIRE(buffer.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

bool NextEvent(grpc::CompletionQueue* queue) {
  void* tag = nullptr;
  bool ok = false;
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(10);
  return queue->AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT && ok;
}

// One request and the first answer.
std::string Ask(TestServer* server, const std::string& method, const std::string& request) {
  grpc::GenericStub stub(server->channel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  REQUIRE(NextEvent(&queue));
  call->Write(Bytes(request), nullptr);
  REQUIRE(NextEvent(&queue));
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  REQUIRE(NextEvent(&queue));
  const std::string text = Text(answer);
  grpc::Status status;
  context.TryCancel();
  call->Finish(&status, nullptr);
  REQUIRE(NextEvent(&queue));
  return text;
}

TEST_CASE("the server says that it is healthy") {
  TestServer server;
  // HealthCheckRequest without a service; HealthCheckResponse: field 1, SERVING = 1.
  CHECK(Ask(&server, "/grpc.health.v1.Health/Check", "") == "\x08\x01");
}

TEST_CASE("the server tells what it serves") {
  TestServer server;
  // ServerReflectionRequest: field 7, list_services = "*".
  const std::string answer =
      Ask(&server, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*");
  CHECK(answer.find("audio_latency.v1.LatencyService") != std::string::npos);
}

}  // namespace
}  // namespace audio_latency::correlator
