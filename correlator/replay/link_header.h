// From whatever a captured packet begins with to the Ethernet frame that the capture code takes.

#ifndef CORRELATOR_REPLAY_LINK_HEADER_H_
#define CORRELATOR_REPLAY_LINK_HEADER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "correlator/flows/flow_registry.h"
#include "correlator/replay/observation_point.h"

namespace audio_latency::correlator {

struct LinkFrame {
  // An Ethernet frame; with no Ethernet header of its own, one that tells the protocol only.
  std::span<const uint8_t> ethernet;
  // What the link header says; kUnknown where it does not.
  Direction direction = Direction::kUnknown;
  // 0: the header does not say.
  uint32_t interface_index = 0;
};

// Reads link headers. Not thread-safe.
class LinkHeaderReader {
 public:
  // False: the packet is too short for its link header. The frame is valid until the next call, and
  // as long as `packet`.
  bool Read(LinkLayer link_layer, std::span<const uint8_t> packet, LinkFrame* frame);

 private:
  std::span<const uint8_t> WithEthernetHeader(uint16_t protocol, std::span<const uint8_t> rest);

  std::vector<uint8_t> rewritten_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_LINK_HEADER_H_
