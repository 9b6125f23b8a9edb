// Datagrams as a hostile sender could make them, with and without a session's key. Only a request
// under the key is answered, with an answer of its own size that this key seals; all else is
// counted.
//
// Input: what is known of the session (bits: 1 its id, 2 its key too, 4 its answers come back), the
// time in milliseconds since the datagram before and the datagram's length, then the datagram.

#include <algorithm>
#include <vector>

#include "common/time/clock.h"
#include "common/wire/clock_datagram.h"
#include "correlator/ingest/clock_sessions.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::correlator {
namespace {

using wire::ClockDatagram;

constexpr int64_t kMillisecondNs = 1'000'000;

void Run(fuzz::Input input) {
  ManualClock monotonic(1'000'000 * kMillisecondNs);
  size_t refused = 0;
  ClockSessions sessions({.port = 9095, .max_sessions = 1}, monotonic,
                         [&refused](IngestError /*error*/) { ++refused; });
  const std::optional<v1::DatagramClock> offer = sessions.Open();
  FUZZ_CHECK(offer.has_value());
  FUZZ_CHECK(!sessions.Open().has_value() && refused == 1);
  const std::vector<uint8_t> key(offer->key().begin(), offer->key().end());
  const std::unique_ptr<wire::ClockKey> sealer = wire::ClockKey::Make(key).value();

  size_t asked = 0;
  size_t answered = 0;
  std::vector<uint8_t> before;
  while (!input.empty()) {
    const uint8_t known = input.Byte();
    monotonic.Advance(input.Byte() * kMillisecondNs);
    const std::span<const uint8_t> bytes = input.Bytes(input.Byte());
    std::vector<uint8_t> request(bytes.begin(), bytes.end());
    if ((known & 4) != 0) {
      request = before;
    }
    std::optional<ClockDatagram> datagram = wire::ReadClockDatagram(request);
    if (datagram.has_value() && (known & 1) != 0) {
      datagram->session_id = offer->session_id();
    }
    if (datagram.has_value() && (known & 2) != 0) {
      const wire::ClockDatagramBytes sealed = sealer->Seal(*datagram);
      FUZZ_CHECK(wire::ReadClockDatagram(sealed) == datagram);
      request.assign(sealed.begin(), sealed.end());
    }
    ++asked;
    const std::optional<wire::ClockDatagramBytes> answer =
        sessions.Answer(request, monotonic.NowNs());
    if (!answer.has_value()) {
      continue;
    }
    ++answered;
    FUZZ_CHECK(answer->size() == request.size());
    FUZZ_CHECK(sealer->IsAuthentic(request) && sealer->IsAuthentic(*answer));
    const std::optional<ClockDatagram> told = wire::ReadClockDatagram(*answer);
    FUZZ_CHECK(told.has_value() && told->kind == ClockDatagram::Kind::kAnswer);
    FUZZ_CHECK(told->nonce == wire::ReadClockDatagram(request)->nonce);
    FUZZ_CHECK(told->receive_time_ns <= told->send_time_ns);
    before.assign(answer->begin(), answer->end());
  }
  FUZZ_CHECK(answered + refused - 1 == asked);
  sessions.Close(offer->session_id());
  FUZZ_CHECK(sessions.size() == 0);
}

}  // namespace
}  // namespace audio_latency::correlator

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::correlator::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
