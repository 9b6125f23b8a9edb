#include "correlator/server/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"

namespace audio_latency::correlator {
namespace {

using audio_latency::testing::Eventually;
using audio_latency::testing::RecordingLogger;

// A listener of two connections at most, which are held until they are told to be closed.
class Bench {
 public:
  static constexpr std::chrono::milliseconds kPatience{1'000};

  explicit Bench(Greeting greeting = Greeting::kHttp2) {
    auto opened =
        Listener::Open({.limits = {.max_connections = 2, .max_connections_per_address = 2},
                        .greeting = greeting,
                        .greeting_patience = kPatience},
                       &refusals, &clock, &limited_logger_);
    REQUIRE(opened.ok());
    listener = *std::move(opened);
    listener->Start([this](int fd) {
      const std::scoped_lock lock(mutex_);
      taken_.push_back(fd);
    });
  }
  ~Bench() {
    listener.reset();
    CloseTaken();
    for (const int fd : clients_) {
      close(fd);
    }
  }

  // Sends `first`.
  void Connect(const std::string& first = "PRI * HTTP/2.0") {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    clients_.push_back(fd);
    REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(send(fd, first.data(), first.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(first.size()));
  }
  // Whether the last connection was ended in order, with nothing sent.
  bool IsLastEnded() {
    char byte = 0;
    return recv(clients_.back(), &byte, sizeof(byte), 0) == 0;
  }
  // Closes the last connection at the client's end.
  void GoAway() {
    close(clients_.back());
    clients_.pop_back();
  }
  size_t taken() {
    const std::scoped_lock lock(mutex_);
    return taken_.size();
  }
  // As gRPC does, without telling the listener.
  void CloseTaken() {
    const std::scoped_lock lock(mutex_);
    for (const int fd : taken_) {
      close(fd);
    }
    taken_.clear();
  }
  uint64_t refused() const { return refusals.Of(ServerRefusal::kConnectionLimit); }
  uint64_t refused_in_all() const {
    uint64_t sum = 0;
    for (const auto& [cause, count] : refusals.All()) {
      sum += count;
    }
    return sum;
  }
  std::string log() { return logger_.Everything(); }

  ManualClock clock{1'000'000'000};
  RefusalCounters refusals;
  std::unique_ptr<Listener> listener;

 private:
  RecordingLogger logger_;
  LimitedLogger limited_logger_{&logger_, &clock};
  std::mutex mutex_;
  std::vector<int> taken_;
  std::vector<int> clients_;
};

TEST_CASE("what has closed is looked for every 100 ms at most while connections are refused") {
  constexpr int64_t kMillisecondNs = 1'000'000;
  Bench bench;
  bench.Connect();
  bench.Connect();
  REQUIRE(Eventually([&] { return bench.taken() == 2; }));
  // Full: the first one that is refused has it looked for.
  bench.Connect();
  REQUIRE(Eventually([&] { return bench.refused() == 1; }));
  bench.CloseTaken();
  bench.clock.Advance(99 * kMillisecondNs);
  bench.Connect();
  REQUIRE(Eventually([&] { return bench.refused() == 2; }));
  CHECK(bench.taken() == 0);
  bench.clock.Advance(1 * kMillisecondNs);
  bench.Connect();
  CHECK(Eventually([&] { return bench.taken() == 1; }));
  CHECK(bench.refused() == 2);
}

const std::string kTlsHello = "\x16\x03\x01\x02";

TEST_CASE("what begins wrongly is closed, counted by its cause and logged") {
  struct Case {
    Greeting greeting;
    std::string first;
    ServerRefusal cause;
    std::string word;
  };
  for (const Case& it :
       {Case{Greeting::kTls, "PRI * HTTP/2.0", ServerRefusal::kNotTls, "does not begin with TLS"},
        Case{Greeting::kTls, "GET / HTTP/1.1\r\n\r\n", ServerRefusal::kNotTls, "TLS_CERT_FILE"},
        Case{Greeting::kHttp2, kTlsHello, ServerRefusal::kUnexpectedTls,
             "begins with TLS, and this port speaks plain text"},
        Case{Greeting::kHttp2, "GET / HTTP/1.1\r\n\r\n", ServerRefusal::kNotHttp2, "no gRPC"},
        Case{Greeting::kHttp2, "POST / HTTP/1.1\r\n\r\n", ServerRefusal::kNotHttp2, "no gRPC"},
        Case{Greeting::kHttp2, "PROXY TCP4 10.0.0.1", ServerRefusal::kNotHttp2, "no gRPC"}}) {
    CAPTURE(it.word);
    Bench bench(it.greeting);
    bench.Connect(it.first);
    CHECK(bench.IsLastEnded());
    CHECK(bench.refusals.Of(it.cause) == 1);
    CHECK(bench.refused_in_all() == 1);
    CHECK_THAT(bench.log(), Catch::Contains("connection_refused") && Catch::Contains(it.word) &&
                                Catch::Contains("127.0.0.1"));
    CHECK(bench.taken() == 0);
    // The next one is taken.
    bench.Connect(it.greeting == Greeting::kTls ? kTlsHello : "PRI * HTTP/2.0");
    CHECK(Eventually([&] { return bench.taken() == 1; }));
  }
}

TEST_CASE("who says nothing is closed in time; who goes without a word is nobody's fault") {
  Bench bench(Greeting::kTls);
  bench.Connect("");
  bench.GoAway();
  CHECK(Eventually([&] { return bench.listener->open_connections() == 0; }));
  CHECK(bench.refused_in_all() == 0);
  bench.Connect("");
  REQUIRE(Eventually([&] { return bench.listener->open_connections() == 1; }));
  bench.clock.Advance(std::chrono::nanoseconds(Bench::kPatience).count());
  CHECK(bench.IsLastEnded());
  CHECK(bench.refusals.Of(ServerRefusal::kNoGreeting) == 1);
  CHECK_THAT(bench.log(), Catch::Contains("said nothing for 1 s"));
}

}  // namespace
}  // namespace audio_latency::correlator
