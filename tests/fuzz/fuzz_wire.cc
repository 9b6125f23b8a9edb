// Batches as a hostile probe could send them. What decodes must encode and decode again to the
// same events; what is refused must leave the events as they were.
//
// Input: the kinds of the flows (a bit each, 64 of them), then an EventColumns message.

#include <vector>

#include "common/wire/event_columns.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {
namespace {

void Run(Input input) {
  const std::span<const uint8_t> kinds = input.Bytes(8);
  const std::span<const uint8_t> message = input.Rest();
  v1::EventColumns columns;
  if (!columns.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return;
  }
  std::vector<uint8_t> flow_is_rtp;
  for (int i = 0; i < columns.flow_ids_size(); ++i) {
    const size_t bit = static_cast<size_t>(i) % 64;
    flow_is_rtp.push_back(bit / 8 < kinds.size() ? kinds[bit / 8] >> (bit % 8) & 1 : 0);
  }
  // Events of the batch before.
  const wire::WireEvent earlier = {.signature = 5, .time_ns = 77};
  std::vector<wire::WireEvent> events = {earlier};
  const absl::Status status = wire::Decode(columns, flow_is_rtp, &events);
  FUZZ_CHECK(!events.empty() && events.front() == earlier);
  if (!status.ok()) {
    FUZZ_CHECK(events.size() == 1);
    FUZZ_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  events.erase(events.begin());
  FUZZ_CHECK(events.size() == columns.event_count());
  for (wire::WireEvent& event : events) {
    FUZZ_CHECK(event.flow_index < flow_is_rtp.size());
    FUZZ_CHECK(event.time_ns >= 0 && event.time_ns < wire::kTimeLimitNs);
    FUZZ_CHECK(event.is_signed || event.signature == 0);
    // The encoder rounds times; whole units come out as they went in.
    event.time_ns = event.time_ns / wire::kTimeUnitNs * wire::kTimeUnitNs;
  }
  v1::EventColumns encoded;
  FUZZ_CHECK(
      wire::Encode(events, {columns.flow_ids().data(), flow_is_rtp.size()}, flow_is_rtp, &encoded)
          .ok());
  std::vector<wire::WireEvent> decoded;
  FUZZ_CHECK(events.empty() || wire::Decode(encoded, flow_is_rtp, &decoded).ok());
  FUZZ_CHECK(decoded == events);
}

}  // namespace
}  // namespace audio_latency::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::fuzz::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
