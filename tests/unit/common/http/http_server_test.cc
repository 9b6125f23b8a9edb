#include "common/http/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "common/status/status_macros.h"

namespace audio_latency {
namespace {

// Empty where nobody answered: Catch's assertions are not for the threads that call it.
std::string Exchange(uint16_t port, const std::string& request) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in server = {};
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(client, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) == 0 &&
      send(client, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
    std::array<char, 4096> buffer = {};
    for (ssize_t got = 0; (got = recv(client, buffer.data(), buffer.size(), 0)) > 0;) {
      answer.append(buffer.data(), static_cast<size_t>(got));
    }
  }
  close(client);
  return answer;
}

std::string Ask(uint16_t port, std::string_view method, std::string_view path) {
  return Exchange(
      port,
      fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", method, path));
}

std::vector<HttpRoute> Routes() {
  return {{"/healthz", [] { return HttpResponse{.body = "ok\n"}; }},
          {"/readyz",
           [] {
             return HttpResponse{.status = 503, .content_type = "text/plain", .body = "not yet\n"};
           }},
          {"/large", [] { return HttpResponse{.body = std::string(1 << 20, 'x')}; }}};
}

bool StartsWith(const std::string& answer, std::string_view line) { return answer.find(line) == 0; }

std::string BodyOf(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

TEST_CASE("paths are answered, others are not") {
  const auto server = HttpServer::Start("127.0.0.1", 0, Routes());
  REQUIRE(server.ok());
  const uint16_t port = (*server)->port();
  REQUIRE(port != 0);

  const std::string healthy = Ask(port, "GET", "/healthz");
  CHECK(StartsWith(healthy, "HTTP/1.1 200 OK\r\n"));
  CHECK(BodyOf(healthy) == "ok\n");
  CHECK(StartsWith(Ask(port, "GET", "/healthz?verbose=1"), "HTTP/1.1 200 "));
  CHECK(StartsWith(Ask(port, "GET", "/readyz"), "HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(BodyOf(Ask(port, "GET", "/large")).size() == 1 << 20);

  const std::string head = Ask(port, "HEAD", "/healthz");
  CHECK(StartsWith(head, "HTTP/1.1 200 OK\r\n"));
  CHECK(head.find("Content-Length: 3\r\n") != std::string::npos);
  CHECK(BodyOf(head).empty());

  for (const char* path : {"/", "/healthz/x", "/metrics", "/../etc/passwd"}) {
    CHECK(StartsWith(Ask(port, "GET", path), "HTTP/1.1 404 "));
  }
  for (const char* method : {"POST", "PUT", "DELETE"}) {
    const std::string refused = Ask(port, method, "/healthz");
    CHECK(StartsWith(refused, "HTTP/1.1 405 "));
    CHECK(refused.find("Allow: GET, HEAD\r\n") != std::string::npos);
  }
}

TEST_CASE("a client's nonsense does not end the server") {
  const auto server = HttpServer::Start("127.0.0.1", 0, Routes());
  REQUIRE(server.ok());
  const uint16_t port = (*server)->port();
  Exchange(port, "\x16\x03\x01 nonsense\r\n\r\n");
  Exchange(port, "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n");
  CHECK(StartsWith(Ask(port, "GET", "/healthz"), "HTTP/1.1 200 "));
}

TEST_CASE("a port that is taken is told with what to do") {
  const auto first = HttpServer::Start("127.0.0.1", 0, Routes());
  REQUIRE(first.ok());
  const uint16_t port = (*first)->port();
  const auto second = HttpServer::Start("127.0.0.1", port, Routes());
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().code() == absl::StatusCode::kUnavailable);
  const std::string message = Message(second.status());
  CHECK(message.find(fmt::format("port {} is already taken", port)) != std::string::npos);
  CHECK(message.find("choose another port") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE("an address that is not there is told") {
  const auto no_address = HttpServer::Start("not-an-address", 0, Routes());
  REQUIRE_FALSE(no_address.ok());
  CHECK(Message(no_address.status()).find("'not-an-address'") != std::string::npos);
  const auto foreign = HttpServer::Start("192.0.2.1", 8080, Routes());
  REQUIRE_FALSE(foreign.ok());
  CHECK(Message(foreign.status()).find("no such address") != std::string::npos);
}

TEST_CASE("an IPv6 address is served, or refused with the reason") {
  const auto server = HttpServer::Start("::1", 0, Routes());
  if (!server.ok()) {
    CHECK(Message(server.status()).find("without IPv6") != std::string::npos);
  }
}

TEST_CASE("the port is free again after the server") {
  auto server = HttpServer::Start("127.0.0.1", 0, Routes());
  REQUIRE(server.ok());
  const uint16_t port = (*server)->port();
  CHECK(StartsWith(Ask(port, "GET", "/healthz"), "HTTP/1.1 200 "));
  server->reset();
  CHECK(HttpServer::Start("127.0.0.1", port, Routes()).ok());
}

TEST_CASE("a server ends at once, not when it next looks") {
  const auto begin = std::chrono::steady_clock::now();
  for (const char* address :
       {"127.0.0.1", "0.0.0.0", "127.0.0.1", "0.0.0.0", "127.0.0.1", "0.0.0.0"}) {
    const auto server = HttpServer::Start(address, 0, {});
    REQUIRE(server.ok());
  }
  // Each would take 2 s.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(6));
}

TEST_CASE("many ask at once") {
  std::atomic<int> handled = 0;
  const auto server = HttpServer::Start("127.0.0.1", 0, {{"/count", [&handled] {
                                                            ++handled;
                                                            return HttpResponse{.body = "1"};
                                                          }}});
  REQUIRE(server.ok());
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  constexpr int kClients = 8;
  constexpr int kRequests = 20;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&] {
      for (int i = 0; i < kRequests; ++i) {
        answered += StartsWith(Ask((*server)->port(), "GET", "/count"), "HTTP/1.1 200 ") ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  CHECK(answered == kClients * kRequests);
  CHECK(handled == kClients * kRequests);
}

}  // namespace
}  // namespace audio_latency
