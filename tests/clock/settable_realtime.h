// A wall clock that is set while sockets stamp with it.

#ifndef TESTS_CLOCK_SETTABLE_REALTIME_H_
#define TESTS_CLOCK_SETTABLE_REALTIME_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "common/datagram/datagram_socket.h"
#include "common/time/clock.h"

namespace audio_latency::testing {

// A wall clock that can be set. Thread-safe.
class SettableRealtime final : public Clock {
 public:
  int64_t NowNs() const override { return true_clock_.NowNs() + shift_ns(); }
  int64_t shift_ns() const { return shift_ns_.load(); }
  void Step(int64_t by_ns) { shift_ns_ += by_ns; }

 private:
  const RealtimeClock true_clock_;
  std::atomic<int64_t> shift_ns_ = 0;
};

// Stamps with the wall clock of a test.
class RestampedSocket final : public DatagramSocket {
 public:
  // `realtime` must outlive the socket.
  RestampedSocket(std::unique_ptr<DatagramSocket> socket, const SettableRealtime& realtime)
      : socket_(std::move(socket)), realtime_(realtime) {}

  bool Send(std::span<const uint8_t> bytes) override { return socket_->Send(bytes); }
  bool SendBack(const DatagramRoute& route, std::span<const uint8_t> bytes) override {
    return socket_->SendBack(route, bytes);
  }
  std::optional<ReceivedDatagram> TryReceive(std::span<uint8_t> room) override {
    std::optional<ReceivedDatagram> received = socket_->TryReceive(room);
    if (received.has_value() && received->kernel_realtime_ns.has_value()) {
      *received->kernel_realtime_ns += realtime_.shift_ns();
    }
    return received;
  }
  bool Wait(int64_t timeout_ns) override { return socket_->Wait(timeout_ns); }
  void Interrupt() override { socket_->Interrupt(); }
  int port() const override { return socket_->port(); }

 private:
  const std::unique_ptr<DatagramSocket> socket_;
  const SettableRealtime& realtime_;
};

}  // namespace audio_latency::testing

#endif  // TESTS_CLOCK_SETTABLE_REALTIME_H_
