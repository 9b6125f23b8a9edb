#include "correlator/ingest/clock_sessions.h"

#include <openssl/rand.h>

#include <array>
#include <utility>

namespace audio_latency::correlator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

}  // namespace

std::optional<v1::DatagramClock> ClockSessions::Open() {
  std::array<uint8_t, wire::kClockKeyBytes> key;
  uint64_t id = 0;
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1 ||
      RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof(id)) != 1) {
    return std::nullopt;
  }
  absl::StatusOr<std::unique_ptr<wire::ClockKey>> made = wire::ClockKey::Make(key);
  if (!made.ok()) {
    return std::nullopt;
  }
  {
    const std::scoped_lock lock(mutex_);
    if (sessions_.size() >= options_.max_sessions ||
        !sessions_.emplace(id, Session{.key = *std::move(made)}).second) {
      ++refused_;
      count_error_(IngestError::kClockSessionLimit);
      return std::nullopt;
    }
  }
  v1::DatagramClock offer;
  offer.set_port(static_cast<uint32_t>(options_.port));
  offer.set_session_id(id);
  offer.set_key(std::string(key.begin(), key.end()));
  return offer;
}

void ClockSessions::Close(uint64_t session_id) {
  const std::scoped_lock lock(mutex_);
  sessions_.erase(session_id);
}

std::optional<wire::ClockDatagramBytes> ClockSessions::Answer(std::span<const uint8_t> request,
                                                              int64_t arrival_ns) {
  if (request.size() != wire::kClockDatagramBytes) {
    return Refuse(IngestError::kClockDatagramSize);
  }
  const std::optional<wire::ClockDatagram> asked = wire::ReadClockDatagram(request);
  if (!asked.has_value() || asked->kind != wire::ClockDatagram::Kind::kRequest) {
    return Refuse(IngestError::kMalformedClockDatagram);
  }
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(asked->session_id);
  if (found == sessions_.end()) {
    return Refuse(IngestError::kUnknownClockSession);
  }
  Session& session = found->second;
  if (!session.key->IsAuthentic(request)) {
    return Refuse(IngestError::kClockDatagramNotAuthentic);
  }
  if (arrival_ns - session.second_began_ns >= kSecondNs) {
    session.second_began_ns = arrival_ns;
    session.answers = 0;
  }
  if (++session.answers > kMostAnswersASecond) {
    return Refuse(IngestError::kClockDatagramTooOften);
  }
  return session.key->Seal({.kind = wire::ClockDatagram::Kind::kAnswer,
                            .session_id = asked->session_id,
                            .nonce = asked->nonce,
                            .receive_time_ns = arrival_ns,
                            .send_time_ns = monotonic_.NowNs()});
}

size_t ClockSessions::size() const {
  const std::scoped_lock lock(mutex_);
  return sessions_.size();
}

TableUse ClockSessions::Use() const {
  const std::scoped_lock lock(mutex_);
  return {.table = "clock_sessions",
          .used = static_cast<double>(sessions_.size()),
          .limit = static_cast<double>(options_.max_sessions),
          .evictions = static_cast<double>(refused_)};
}

}  // namespace audio_latency::correlator
