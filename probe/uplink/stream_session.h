// One stream to the correlator, from Hello to its end.

#ifndef PROBE_UPLINK_STREAM_SESSION_H_
#define PROBE_UPLINK_STREAM_SESSION_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "audio_latency/v1/probe.grpc.pb.h"
#include "common/time/clock.h"
#include "probe/clock/clock_exchange.h"
#include "probe/clock/datagram_exchange.h"
#include "probe/uplink/batch_queue.h"

namespace audio_latency::probe {

// Run is called once, by the thread that writes; a second thread reads. Cancel from any thread.
class StreamSession {
 public:
  // All must outlive the session. `on_sampling` is called in the reading thread.
  StreamSession(BatchQueue* queue, ClockExchange* clock_exchange, DatagramExchange* datagrams,
                const Clock& monotonic, std::function<void(uint32_t threshold)> on_sampling);
  StreamSession(const StreamSession&) = delete;
  StreamSession& operator=(const StreamSession&) = delete;

  // Says `hello`, calls `on_welcome` when it is answered (in the reading thread), and goes on until
  // the stream breaks or is cancelled. DEADLINE_EXCEEDED when no welcome came within `patience`.
  grpc::Status Run(v1::ProbeService::Stub* stub, const v1::Hello& hello,
                   std::chrono::milliseconds patience, const std::function<void()>& on_welcome);

  void Cancel();

 private:
  using Stream = grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>;

  void OnWelcome(const v1::Welcome& welcome);
  void Read(Stream* stream, const std::function<void()>& on_welcome);
  bool WaitForWelcome(std::chrono::milliseconds patience);
  void Write(Stream* stream);

  BatchQueue* const queue_;
  ClockExchange* const clock_exchange_;
  DatagramExchange* const datagrams_;
  const Clock& monotonic_;
  const std::function<void(uint32_t)> on_sampling_;
  grpc::ClientContext context_;
  std::atomic<bool> welcomed_ = false;
  std::atomic<bool> over_ = false;
};

}  // namespace audio_latency::probe

#endif  // PROBE_UPLINK_STREAM_SESSION_H_
