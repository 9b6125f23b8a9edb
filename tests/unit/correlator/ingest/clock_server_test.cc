#include "correlator/ingest/clock_server.h"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

TEST_CASE("over a real socket: only the right request is answered, between its times") {
  const RealtimeClock realtime;
  const MonotonicClock monotonic;
  std::atomic<int> refused = 0;
  const auto count = [&refused](IngestError /*error*/, uint64_t /*count*/ = 1) { ++refused; };
  auto socket = BindDatagramSocket("127.0.0.1", 0);
  REQUIRE(socket.ok());
  const int port = (*socket)->port();
  ClockSessions sessions({.port = port, .max_sessions = 1}, monotonic, count);
  const auto server = ClockServer::Start(*std::move(socket), &sessions, realtime, monotonic, count);
  const v1::DatagramClock offer = sessions.Open().value();
  const std::vector<uint8_t> key(offer.key().begin(), offer.key().end());
  const auto sealer = wire::ClockKey::Make(key).value();
  const auto client = ConnectDatagramSocket("127.0.0.1", static_cast<int>(offer.port())).value();

  const std::vector<uint8_t> hostile(500, 0x41);
  CHECK(client->Send(hostile));
  CHECK(client->Send(std::span(hostile).first(wire::kClockDatagramBytes)));
  CHECK(client->Send({}));
  const wire::ClockDatagramBytes request =
      sealer->Seal({.session_id = offer.session_id(), .nonce = 5});
  const int64_t sent_ns = monotonic.NowNs();
  CHECK(client->Send(request));
  REQUIRE(client->Wait(20 * kSecondNs));
  std::array<uint8_t, 100> room;
  const auto received = client->TryReceive(room);
  REQUIRE(received.has_value());
  const auto bytes = std::span<const uint8_t>(room).first(received->bytes);
  CHECK(sealer->IsAuthentic(bytes));
  const auto answer = wire::ReadClockDatagram(bytes);
  REQUIRE(answer.has_value());
  CHECK(answer->nonce == 5);
  CHECK(sent_ns <= answer->receive_time_ns);
  CHECK(answer->receive_time_ns <= answer->send_time_ns);
  CHECK(answer->send_time_ns <= monotonic.NowNs());
  CHECK(refused == 3);
}

// Says what the kernel says of a flooded socket: first that it dropped some, later that it did not.
class FloodedSocket final : public DatagramSocket {
 public:
  bool Send(std::span<const uint8_t> /*bytes*/) override { return true; }
  bool SendBack(const DatagramRoute& /*route*/, std::span<const uint8_t> /*bytes*/) override {
    return true;
  }
  std::optional<ReceivedDatagram> TryReceive(std::span<uint8_t> /*room*/) override {
    // Empty when the server begins.
    constexpr std::array<uint32_t, 3> kDropped = {7, 7, 9};
    if (!std::exchange(was_empty_, true)) {
      return std::nullopt;
    }
    if (next_ == kDropped.size()) {
      is_read_ = true;
      return std::nullopt;
    }
    ReceivedDatagram received;
    received.bytes = 3;
    received.dropped_before = kDropped[next_++];
    return received;
  }
  bool Wait(int64_t /*timeout_ns*/) override {
    std::this_thread::yield();
    return false;
  }
  void Interrupt() override {}
  int port() const override { return 1; }
  bool is_read() const { return is_read_; }

 private:
  bool was_empty_ = false;
  size_t next_ = 0;
  std::atomic<bool> is_read_ = false;
};

TEST_CASE("what the kernel dropped of a flood is counted") {
  const RealtimeClock realtime;
  const MonotonicClock monotonic;
  std::atomic<uint64_t> dropped = 0;
  ClockSessions sessions({.port = 1, .max_sessions = 1}, monotonic, [](IngestError /*error*/) {});
  auto socket = std::make_unique<FloodedSocket>();
  const FloodedSocket& flooded = *socket;
  const auto server = ClockServer::Start(std::move(socket), &sessions, realtime, monotonic,
                                         [&dropped](IngestError error, uint64_t count) {
                                           if (error == IngestError::kClockDatagramQueueFull) {
                                             dropped += count;
                                           }
                                         });
  while (!flooded.is_read()) {
    std::this_thread::yield();
  }
  CHECK(dropped == 9);
}

}  // namespace
}  // namespace audio_latency::correlator
