#include "common/datagram/datagram_socket.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "common/time/clock.h"

namespace audio_latency {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

std::vector<uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }

TEST_CASE("what is sent comes with the kernel's time, and goes back the same way") {
  // 127.0.0.2: the answer must come from the address that was asked, or the asker does not take it.
  const auto [listen, ask] = GENERATE(std::pair<std::string, std::string>("127.0.0.1", "127.0.0.1"),
                                      std::pair<std::string, std::string>("0.0.0.0", "127.0.0.2"));
  CAPTURE(listen, ask);
  const auto server = BindDatagramSocket(listen, 0);
  REQUIRE(server.ok());
  REQUIRE((*server)->port() > 0);
  const auto client = ConnectDatagramSocket(ask, (*server)->port());
  REQUIRE(client.ok());
  std::array<uint8_t, 16> room = {};
  CHECK_FALSE((*server)->TryReceive(room).has_value());
  CHECK_FALSE((*server)->Wait(1'000'000));

  const RealtimeClock realtime;
  const int64_t before_ns = realtime.NowNs();
  REQUIRE((*client)->Send(Bytes("question")));
  REQUIRE((*server)->Wait(10 * kSecondNs));
  const auto received = (*server)->TryReceive(room);
  REQUIRE(received.has_value());
  CHECK(std::string(room.begin(), room.begin() + received->bytes) == "question");
  REQUIRE(received->kernel_realtime_ns.has_value());
  CHECK(*received->kernel_realtime_ns >= before_ns);
  CHECK(*received->kernel_realtime_ns <= realtime.NowNs());

  REQUIRE((*server)->SendBack(received->route, Bytes("a rather long answer")));
  REQUIRE((*client)->Wait(10 * kSecondNs));
  const auto answer = (*client)->TryReceive(room);
  REQUIRE(answer.has_value());
  // Cut, and told so.
  CHECK(answer->bytes == 20);
  CHECK(std::string(room.begin(), room.end()) == "a rather long an");
}

TEST_CASE("a peer that is not there is silence, not an error that stays") {
  int port = 0;
  {
    const auto gone = BindDatagramSocket("127.0.0.1", 0);
    REQUIRE(gone.ok());
    port = (*gone)->port();
  }
  const auto client = ConnectDatagramSocket("127.0.0.1", port);
  REQUIRE(client.ok());
  std::array<uint8_t, 16> room;
  (*client)->Send(Bytes("x"));
  CHECK_FALSE((*client)->TryReceive(room).has_value());
  const auto server = BindDatagramSocket("127.0.0.1", port);
  REQUIRE(server.ok());
  CHECK((*client)->Send(Bytes("x")));
  CHECK((*server)->Wait(10 * kSecondNs));
}

TEST_CASE("what the kernel threw away of a full queue is told with what comes next") {
  const auto server = BindDatagramSocket("127.0.0.1", 0);
  REQUIRE(server.ok());
  const auto client = ConnectDatagramSocket("127.0.0.1", (*server)->port());
  REQUIRE(client.ok());
  const std::vector<uint8_t> kilobyte(1000);
  constexpr uint32_t kSent = 2000;  // more than the queue's default holds
  for (uint32_t i = 0; i < kSent; ++i) {
    (*client)->Send(kilobyte);
  }
  std::array<uint8_t, 16> room;
  uint32_t received = 0;
  while ((*server)->TryReceive(room).has_value()) {
    ++received;
  }
  REQUIRE(received < kSent);
  REQUIRE((*client)->Send(Bytes("x")));
  REQUIRE((*server)->Wait(10 * kSecondNs));
  const auto next = (*server)->TryReceive(room);
  REQUIRE(next.has_value());
  CHECK(next->dropped_before == kSent - received);
}

TEST_CASE("a wait is interrupted") {
  const auto server = BindDatagramSocket("127.0.0.1", 0);
  REQUIRE(server.ok());
  std::jthread other([&] { (*server)->Interrupt(); });
  CHECK_FALSE((*server)->Wait(-1));
  CHECK_FALSE((*server)->Wait(-1));
}

TEST_CASE("what cannot be opened says why") {
  const auto taken = BindDatagramSocket("127.0.0.1", 0);
  REQUIRE(taken.ok());
  const auto again = BindDatagramSocket("127.0.0.1", (*taken)->port());
  REQUIRE_FALSE(again.ok());
  CHECK_THAT(std::string(again.status().message()), Catch::Contains("Address already in use"));
  CHECK_FALSE(ConnectDatagramSocket("no.address", 1).ok());
}

}  // namespace
}  // namespace audio_latency
