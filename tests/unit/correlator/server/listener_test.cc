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
  Bench() {
    auto opened =
        Listener::Open("127.0.0.1", 0, {.max_connections = 2, .max_connections_per_address = 2},
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

  void Connect() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    clients_.push_back(fd);
    REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
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

}  // namespace
}  // namespace audio_latency::correlator
