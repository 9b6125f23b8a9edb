#include "correlator/ingest/clock_server.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>

#include "common/datagram/arrival_clock.h"

namespace audio_latency::correlator {
namespace {

class ThreadedClockServer final : public ClockServer {
 public:
  ThreadedClockServer(std::unique_ptr<DatagramSocket> socket, ClockSessions* sessions,
                      const Clock& realtime, const Clock& monotonic,
                      std::function<void(IngestError, uint64_t)> count_error)
      : socket_(std::move(socket)),
        sessions_(*sessions),
        arrivals_(socket_.get(), realtime, monotonic),
        count_error_(std::move(count_error)),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  ~ThreadedClockServer() override {
    thread_.request_stop();
    socket_->Interrupt();
  }

 private:
  void Run(const std::stop_token& stop) {
    // A byte more, so that what is too long is seen to be.
    std::array<uint8_t, wire::kClockDatagramBytes + 1> room;
    while (!stop.stop_requested()) {
      const std::optional<ArrivalClock::Arrival> arrival = arrivals_.Receive(room, -1);
      if (!arrival.has_value()) {
        continue;
      }
      if (const uint32_t dropped = arrival->datagram.dropped_before - dropped_; dropped > 0) {
        dropped_ += dropped;
        count_error_(IngestError::kClockDatagramQueueFull, dropped);
      }
      if (arrival->wall_clock_was_set) {
        count_error_(IngestError::kClockDatagramWallClockSet, 1);
        continue;
      }
      const ReceivedDatagram& datagram = arrival->datagram;
      const std::optional<wire::ClockDatagramBytes> answer = sessions_.Answer(
          std::span(room).first(std::min(datagram.bytes, room.size())), arrival->monotonic_ns);
      if (answer.has_value() && !socket_->SendBack(datagram.route, *answer)) {
        count_error_(IngestError::kClockDatagramNotSent, 1);
      }
    }
  }

  const std::unique_ptr<DatagramSocket> socket_;
  ClockSessions& sessions_;
  ArrivalClock arrivals_;
  const std::function<void(IngestError, uint64_t)> count_error_;
  uint32_t dropped_ = 0;  // the thread's
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<ClockServer> ClockServer::Start(
    std::unique_ptr<DatagramSocket> socket, ClockSessions* sessions, const Clock& realtime,
    const Clock& monotonic, std::function<void(IngestError, uint64_t)> count_error) {
  return std::make_unique<ThreadedClockServer>(std::move(socket), sessions, realtime, monotonic,
                                               std::move(count_error));
}

}  // namespace audio_latency::correlator
