// What is said on one probe's stream, without the transport.

#ifndef CORRELATOR_INGEST_PROBE_SESSION_H_
#define CORRELATOR_INGEST_PROBE_SESSION_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "audio_latency/v1/probe.pb.h"
#include "common/signature/signature_parameters.h"
#include "common/time/clock.h"
#include "correlator/ingest/clock_sessions.h"
#include "correlator/ingest/node_table.h"
#include "correlator/ingest/probe_identity.h"

namespace audio_latency::correlator {

// FAILED_PRECONDITION naming the parameter that differs, and both values.
absl::Status CheckSignatureParameters(const v1::SignatureParameters& of_probe,
                                      const SignatureParameters& of_correlator);

// Not thread-safe.
class ProbeSession {
 public:
  // All must outlive the session. `clock_sessions` is null where UDP is not answered.
  ProbeSession(NodeTable* nodes, const SignatureParameters* parameters,
               ClockSessions* clock_sessions, ProbeIdentity identity = {});
  ~ProbeSession();
  ProbeSession(const ProbeSession&) = delete;
  ProbeSession& operator=(const ProbeSession&) = delete;

  // What a message leaves to be answered.
  struct Replies {
    // With the correlator's instance still to be set.
    std::optional<v1::Welcome> welcome;
    std::optional<FlowControl> flow_control;
    // t1, t2 and the sequence; t3 is set when it goes out.
    std::optional<v1::ClockResponse> clock_response;
  };
  // `arrival_ns`: when the message came, on the monotonic clock. An error ends the stream.
  absl::Status Take(const v1::StreamRequest& request, int64_t arrival_ns,
                    const EndStream& end_stream, const TellFlowControl& tell, Replies* replies);

  bool is_welcomed() const { return attachment_.has_value(); }

 private:
  absl::Status TakeHello(const v1::Hello& hello, const EndStream& end_stream,
                         const TellFlowControl& tell, Replies* replies);

  NodeTable& nodes_;
  const SignatureParameters& parameters_;
  ClockSessions* const clock_sessions_;
  const ProbeIdentity identity_;
  std::optional<NodeTable::Attachment> attachment_;
  std::optional<uint64_t> clock_session_id_;
};

// Answers that wait for the stream to be free, the most urgent first. Not thread-safe.
class ReplyQueue {
 public:
  // More unanswered clock requests than these: the older ones are forgotten.
  static constexpr size_t kMaxClockResponses = 16;

  ReplyQueue(const std::string* correlator_instance, const Clock* monotonic_clock)
      : correlator_instance_(*correlator_instance), monotonic_clock_(*monotonic_clock) {}

  void Add(const ProbeSession::Replies& replies);
  // False when there is nothing to say. A clock response is stamped now.
  bool Next(v1::StreamResponse* response);

 private:
  const std::string& correlator_instance_;
  const Clock& monotonic_clock_;
  std::optional<v1::Welcome> welcome_;
  // Only the newest matters.
  std::optional<FlowControl> flow_control_;
  std::optional<uint32_t> told_sampling_threshold_;
  std::deque<v1::ClockResponse> clock_responses_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_INGEST_PROBE_SESSION_H_
