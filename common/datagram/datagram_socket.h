// A UDP socket whose datagrams come with the kernel's time of their arrival.

#ifndef COMMON_DATAGRAM_DATAGRAM_SOCKET_H_
#define COMMON_DATAGRAM_DATAGRAM_SOCKET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace audio_latency {

// Whom a datagram came from and to which of our addresses it came, for the answer to go back the
// same way; only the socket that made it can read it.
struct DatagramRoute {
  alignas(8) std::array<uint8_t, 128> peer = {};
  uint32_t peer_bytes = 0;
  alignas(8) std::array<uint8_t, 32> local = {};
  uint32_t local_bytes = 0;
  bool local_is_ipv6 = false;
};

struct ReceivedDatagram {
  // Of the datagram; it was cut if that is more than there was room for.
  size_t bytes = 0;
  // CLOCK_REALTIME at which the kernel took it from the network, nanoseconds; nothing when the
  // kernel did not say.
  std::optional<int64_t> kernel_realtime_ns;
  // How many the kernel has thrown away of a bound socket because its queue was full, modulo 2^32.
  uint32_t dropped_before = 0;
  DatagramRoute route;
};

// One thread sends and receives, any may interrupt. An interface, so that tests can bend the times.
class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;

  // To whom the socket is connected, or back along a route. False when the kernel did not take it
  // (a full queue, no route): UDP may lose a datagram anywhere.
  virtual bool Send(std::span<const uint8_t> bytes) = 0;
  virtual bool SendBack(const DatagramRoute& route, std::span<const uint8_t> bytes) = 0;
  // What waits already; nothing when nothing does. Never blocks.
  virtual std::optional<ReceivedDatagram> TryReceive(std::span<uint8_t> room) = 0;
  // Until something waits (true), the time is over, or Interrupt was called (false). Negative: no
  // time limit.
  virtual bool Wait(int64_t timeout_ns) = 0;
  // Ends Wait now and for ever.
  virtual void Interrupt() = 0;
  // Ours.
  virtual int port() const = 0;
};

// `host` is an address of this machine, or "0.0.0.0" or "::" for all; `port` 0
// is one that is free.
absl::StatusOr<std::unique_ptr<DatagramSocket>> BindDatagramSocket(const std::string& host,
                                                                   int port);
// `host` is a numeric address. Takes datagrams of this peer alone.
absl::StatusOr<std::unique_ptr<DatagramSocket>> ConnectDatagramSocket(const std::string& host,
                                                                      int port);

}  // namespace audio_latency

#endif  // COMMON_DATAGRAM_DATAGRAM_SOCKET_H_
