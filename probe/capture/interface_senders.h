// Who sends what comes out of a container, as the capture programs see it.

#ifndef PROBE_CAPTURE_INTERFACE_SENDERS_H_
#define PROBE_CAPTURE_INTERFACE_SENDERS_H_

#include <cstdint>

namespace audio_latency::probe {

// The kernel carries the socket that sent a packet along through the container's veth, and with it
// the socket's cgroup. To ask costs a packet next to nothing, and only until there is an answer.
// Interfaces whose indexes are equal modulo CAPTURE_SENDER_SLOTS are asked one after the other.
// Used by one thread.
class InterfaceSenders {
 public:
  virtual ~InterfaceSenders() = default;

  // Asks for the sender of the next packet that comes in at the interface, even if there is an
  // answer already. False while another interface has the place.
  virtual bool Ask(uint32_t interface_index) = 0;
  // The number of the cgroup (version 2) of the first packet's sender since it was asked for;
  // 0 while there was none, and where it is not asked for.
  virtual uint64_t Answer(uint32_t interface_index) const = 0;
  // Leaves the place to others.
  virtual void Forget(uint32_t interface_index) = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CAPTURE_INTERFACE_SENDERS_H_
