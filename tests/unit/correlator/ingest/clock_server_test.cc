#include "correlator/ingest/clock_server.h"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <vector>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

TEST_CASE("over a real socket: only the right request is answered, between its times") {
  const RealtimeClock realtime;
  const MonotonicClock monotonic;
  std::atomic<int> refused = 0;
  const auto count = [&refused](IngestError /*error*/) { ++refused; };
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

}  // namespace
}  // namespace audio_latency::correlator
