#include "correlator/ingest/clock_sessions.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <span>
#include <vector>

namespace audio_latency::correlator {
namespace {

using wire::ClockDatagram;
using wire::ClockDatagramBytes;

constexpr int64_t kSecondNs = 1'000'000'000;

class Desk {
 public:
  explicit Desk(size_t max_sessions = 10)
      : sessions({.port = 9095, .max_sessions = max_sessions}, monotonic,
                 [this](IngestError error) { ++errors[error]; }) {}

  ClockDatagramBytes Request(const v1::DatagramClock& offer, uint64_t nonce = 77) {
    return KeyOf(offer)->Seal(
        {.kind = ClockDatagram::Kind::kRequest, .session_id = offer.session_id(), .nonce = nonce});
  }
  static std::unique_ptr<wire::ClockKey> KeyOf(const v1::DatagramClock& offer) {
    const std::vector<uint8_t> key(offer.key().begin(), offer.key().end());
    return wire::ClockKey::Make(key).value();
  }

  ManualClock monotonic{50 * kSecondNs};
  std::map<IngestError, int> errors;
  ClockSessions sessions;
};

TEST_CASE("a request under the session's key is answered with both times") {
  Desk desk;
  const v1::DatagramClock offer = desk.sessions.Open().value();
  CHECK(offer.port() == 9095);
  const auto answer = desk.sessions.Answer(desk.Request(offer), desk.monotonic.NowNs() - 5'000);
  REQUIRE(answer.has_value());
  CHECK(Desk::KeyOf(offer)->IsAuthentic(*answer));
  CHECK(wire::ReadClockDatagram(*answer) ==
        ClockDatagram{.kind = ClockDatagram::Kind::kAnswer,
                      .session_id = offer.session_id(),
                      .nonce = 77,
                      .receive_time_ns = desk.monotonic.NowNs() - 5'000,
                      .send_time_ns = desk.monotonic.NowNs()});
  CHECK(desk.errors.empty());
}

TEST_CASE("what is no request of an open session is refused, each cause counted") {
  Desk desk;
  const v1::DatagramClock offer = desk.sessions.Open().value();
  const v1::DatagramClock other = desk.sessions.Open().value();
  const int64_t now_ns = desk.monotonic.NowNs();
  const ClockDatagramBytes good = desk.Request(offer);
  const auto refused = [&](std::span<const uint8_t> bytes) {
    return !desk.sessions.Answer(bytes, now_ns).has_value();
  };

  CHECK(refused(std::span(good).first(good.size() - 1)));
  CHECK(desk.errors == std::map<IngestError, int>{{IngestError::kClockDatagramSize, 1}});

  desk.errors.clear();
  ClockDatagramBytes bytes = good;
  bytes[0] = 'X';
  CHECK(refused(bytes));
  // An answer is not answered: two correlators would never stop.
  CHECK(refused(*desk.sessions.Answer(good, now_ns)));
  CHECK(desk.errors == std::map<IngestError, int>{{IngestError::kMalformedClockDatagram, 2}});

  desk.errors.clear();
  bytes = good;
  bytes.back() ^= 1;
  CHECK(refused(bytes));
  // Another session's key is no key.
  v1::DatagramClock mixed = other;
  mixed.set_session_id(offer.session_id());
  CHECK(refused(desk.Request(mixed)));
  CHECK(desk.errors == std::map<IngestError, int>{{IngestError::kClockDatagramNotAuthentic, 2}});

  desk.errors.clear();
  desk.sessions.Close(offer.session_id());
  CHECK(refused(good));
  CHECK(desk.errors == std::map<IngestError, int>{{IngestError::kUnknownClockSession, 1}});
  CHECK(desk.sessions.Answer(desk.Request(other), now_ns).has_value());
}

TEST_CASE("sessions are bounded, and differ") {
  Desk desk(3);
  std::set<uint64_t> ids;
  std::set<std::string> keys;
  for (int i = 0; i < 3; ++i) {
    const v1::DatagramClock offer = desk.sessions.Open().value();
    ids.insert(offer.session_id());
    keys.insert(offer.key());
  }
  CHECK(ids.size() == 3);
  CHECK(keys.size() == 3);
  CHECK_FALSE(desk.sessions.Open().has_value());
  CHECK(desk.errors == std::map<IngestError, int>{{IngestError::kClockSessionLimit, 1}});
  CHECK(desk.sessions.Use().used == 3);
  CHECK(desk.sessions.Use().limit == 3);
  CHECK(desk.sessions.Use().evictions == 1);
  desk.sessions.Close(*ids.begin());
  CHECK(desk.sessions.Open().has_value());
  CHECK(desk.sessions.size() == 3);
}

TEST_CASE("a probe that asks all the time gets its share of answers a second, no more") {
  Desk desk;
  const v1::DatagramClock offer = desk.sessions.Open().value();
  const ClockDatagramBytes request = desk.Request(offer);
  constexpr int kSeconds = 3;
  constexpr int kASecond = 1'000;
  int answers = 0;
  for (int i = 0; i < kSeconds * kASecond; ++i) {
    answers += desk.sessions.Answer(request, desk.monotonic.NowNs()).has_value() ? 1 : 0;
    desk.monotonic.Advance(kSecondNs / kASecond);
  }
  CHECK(answers == kSeconds * static_cast<int>(ClockSessions::kMostAnswersASecond));
  CHECK(desk.errors[IngestError::kClockDatagramTooOften] == kSeconds * kASecond - answers);
}

}  // namespace
}  // namespace audio_latency::correlator
