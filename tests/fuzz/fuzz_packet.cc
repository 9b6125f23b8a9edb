// Packets as they may come from any network: raw frames of any bytes, one after the other, through
// the parser and all that follows it.
//
// Input: a configuration, then per packet: flags, length, bytes. The flags tell direction, link
// layer, and whether segmentation offload has put several datagrams into it.

#include <cstring>
#include <vector>

#include "tests/fuzz/capture_fixture.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {
namespace {

constexpr uint8_t kEgress = 1;
constexpr uint8_t kNoEthernet = 2;
constexpr uint8_t kSegments = 4;

void Run(Input input) {
  capture_config config = TakeConfig(&input);
  const uint8_t surroundings = input.Byte();
  // Small enough that flows go and come again.
  const size_t max_flows = 1 + surroundings % 8;
  config.detect_cadence = surroundings >> 7;
  CaptureFixture capture(config, max_flows);
  CaptureFixture again(config, max_flows);
  while (!input.empty()) {
    const uint8_t flags = input.Byte();
    const capture_direction direction =
        (flags & kEgress) != 0 ? CAPTURE_DIRECTION_EGRESS : CAPTURE_DIRECTION_INGRESS;
    PacketForm form;
    form.link_layer = (flags & kNoEthernet) != 0 ? CAPTURE_LINK_IP : CAPTURE_LINK_ETHERNET;
    form.segment_bytes = (flags & kSegments) != 0 ? 1 + 8u * input.Byte() : 0;
    const uint16_t length = input.Word();
    const std::span<const uint8_t> frame = input.Bytes(length);
    capture.Packet(frame, direction, form);
    again.Packet(frame, direction, form);
  }
  // The same packets give the same events: nothing is read that was not written.
  FUZZ_CHECK(capture.events().size() == again.events().size());
  for (size_t i = 0; i < capture.events().size(); ++i) {
    FUZZ_CHECK(memcmp(&capture.events()[i], &again.events()[i], sizeof(signature_event)) == 0);
  }
}

}  // namespace
}  // namespace audio_latency::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::fuzz::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
