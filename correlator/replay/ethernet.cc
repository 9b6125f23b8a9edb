#include "correlator/replay/ethernet.h"

namespace audio_latency::correlator {

EthernetPayload PayloadOf(std::span<const uint8_t> ethernet) {
  constexpr size_t kVlanTagBytes = 4;
  constexpr int kMaxVlanTags = 2;
  constexpr uint16_t kCustomerTag = 0x8100;
  constexpr uint16_t kServiceTag = 0x88a8;
  size_t end = kEthernetHeaderBytes;
  EthernetPayload payload;
  for (int tags = 0; tags <= kMaxVlanTags && end <= ethernet.size(); ++tags) {
    payload = {.ethertype = BigEndian16(ethernet.subspan(end - 2)), .bytes = ethernet.subspan(end)};
    if (payload.ethertype != kCustomerTag && payload.ethertype != kServiceTag) {
      return payload;
    }
    end += kVlanTagBytes;
  }
  return {};
}

}  // namespace audio_latency::correlator
