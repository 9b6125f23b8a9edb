#include "correlator/ingest/probe_session.h"

#include <algorithm>
#include <utility>

#include "bpf/capture_abi.h"
#include "common/names/node_name.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

template <typename T>
absl::Status CheckEqual(const char* name, const T& of_probe, const T& of_correlator) {
  if (of_probe == of_correlator) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(fmt::format(
      "{} differs: the probe has {}, the correlator {}; set both to the same value and restart "
      "the one that is wrong",
      name, of_probe, of_correlator));
}

}  // namespace

absl::Status CheckSignatureParameters(const v1::SignatureParameters& of_probe,
                                      const SignatureParameters& of_correlator) {
  RETURN_IF_ERROR(CheckEqual("SIGNATURE_ALGORITHM", of_probe.algorithm(), of_correlator.algorithm));
  RETURN_IF_ERROR(CheckEqual<int64_t>("SIGNATURE_WINDOW_SIZE", of_probe.window_size_bytes(),
                                      of_correlator.window_size_bytes));
  RETURN_IF_ERROR(
      CheckEqual<int64_t>("SIGNATURE_RATE", of_probe.rate_bytes(), of_correlator.rate_bytes));
  // The seeds are secret; their fingerprints are not.
  return CheckEqual(
      "SIGNATURE_SEED", fmt::format("fingerprint {:016x}", of_probe.seed_fingerprint()),
      fmt::format("fingerprint {:016x}", SignatureSeedFingerprint(of_correlator.seed_text)));
}

ProbeSession::ProbeSession(NodeTable* nodes, const SignatureParameters* parameters,
                           ClockSessions* clock_sessions, ProbeIdentity identity)
    : nodes_(*nodes),
      parameters_(*parameters),
      clock_sessions_(clock_sessions),
      identity_(std::move(identity)) {}

ProbeSession::~ProbeSession() {
  if (clock_session_id_.has_value()) {
    clock_sessions_->Close(*clock_session_id_);
  }
  if (attachment_.has_value()) {
    nodes_.Detach(*attachment_);
  }
}

absl::Status ProbeSession::TakeHello(const v1::Hello& hello, const EndStream& end_stream,
                                     const TellFlowControl& tell, Replies* replies) {
  if (attachment_.has_value()) {
    return absl::FailedPreconditionError("Hello came twice on one stream");
  }
  RETURN_IF_ERROR(CheckNodeName(hello.node()));
  if (absl::Status status = CheckMayReportAs(identity_, hello.node()); !status.ok()) {
    nodes_.CountError(IngestError::kWrongNode);
    return status;
  }
  RETURN_IF_ERROR(CheckEqual<uint32_t>("the version of the capture interface (CAPTURE_ABI_VERSION)",
                                       hello.capture_abi_version(), CAPTURE_ABI_VERSION));
  RETURN_IF_ERROR(CheckSignatureParameters(hello.signature_parameters(), parameters_));
  ASSIGN_OR_RETURN(attachment_, nodes_.Attach(hello, end_stream, tell));
  v1::Welcome& welcome = replies->welcome.emplace();
  welcome.set_acknowledged_batch_number(attachment_->acknowledged_batch_number);
  if (clock_sessions_ != nullptr) {
    if (std::optional<v1::DatagramClock> offer = clock_sessions_->Open()) {
      clock_session_id_ = offer->session_id();
      *welcome.mutable_datagram_clock() = *std::move(offer);
    }
  }
  replies->flow_control = nodes_.FlowControlAt(attachment_->acknowledged_batch_number);
  return absl::OkStatus();
}

absl::Status ProbeSession::Take(const v1::StreamRequest& request, int64_t arrival_ns,
                                const EndStream& end_stream, const TellFlowControl& tell,
                                Replies* replies) {
  if (request.message_case() == v1::StreamRequest::kHello) {
    absl::Status status = TakeHello(request.hello(), end_stream, tell, replies);
    if (!status.ok()) {
      nodes_.CountError(IngestError::kHelloRefused);
    }
    return status;
  }
  if (!attachment_.has_value()) {
    nodes_.CountError(IngestError::kUnexpectedMessage);
    return absl::FailedPreconditionError("the first message of a stream must be Hello");
  }
  switch (request.message_case()) {
    case v1::StreamRequest::kEventBatch:
      if (const auto acknowledged = nodes_.TakeBatch(*attachment_, request.event_batch())) {
        replies->flow_control = nodes_.FlowControlAt(*acknowledged);
      }
      return absl::OkStatus();
    case v1::StreamRequest::kClockRequest: {
      const v1::ClockRequest& clock_request = request.clock_request();
      if (clock_request.has_previous()) {
        nodes_.TakeClockSample(*attachment_, clock_request.previous(), ClockSource::kStream);
      }
      v1::ClockResponse response;
      response.set_sequence(clock_request.sequence());
      response.set_probe_send_time_ns(clock_request.probe_send_time_ns());
      response.set_correlator_receive_time_ns(arrival_ns);
      replies->clock_response = std::move(response);
      return absl::OkStatus();
    }
    case v1::StreamRequest::kClockReport:
      nodes_.TakeClockReport(*attachment_, request.clock_report());
      return absl::OkStatus();
    default:
      // Of a newer probe, perhaps: nothing of it is needed.
      nodes_.CountError(IngestError::kUnexpectedMessage);
      return absl::OkStatus();
  }
}

void ReplyQueue::Add(const ProbeSession::Replies& replies) {
  if (replies.welcome.has_value()) {
    welcome_ = replies.welcome;
  }
  if (replies.flow_control.has_value()) {
    const uint64_t acknowledged =
        flow_control_.has_value() ? flow_control_->acknowledged_batch_number : 0;
    flow_control_ = replies.flow_control;
    // Two threads may be told of one after the other.
    flow_control_->acknowledged_batch_number =
        std::max(flow_control_->acknowledged_batch_number, acknowledged);
  }
  if (replies.clock_response.has_value()) {
    clock_responses_.push_back(*replies.clock_response);
    if (clock_responses_.size() > kMaxClockResponses) {
      clock_responses_.pop_front();
    }
  }
}

bool ReplyQueue::Next(v1::StreamResponse* response) {
  response->Clear();
  if (welcome_.has_value()) {
    *response->mutable_welcome() = *std::exchange(welcome_, std::nullopt);
    response->mutable_welcome()->set_correlator_instance(correlator_instance_);
    return true;
  }
  if (!clock_responses_.empty()) {
    *response->mutable_clock_response() = clock_responses_.front();
    clock_responses_.pop_front();
    response->mutable_clock_response()->set_correlator_send_time_ns(monotonic_clock_.NowNs());
    return true;
  }
  if (!flow_control_.has_value()) {
    return false;
  }
  if (told_sampling_threshold_ != flow_control_->sampling_threshold) {
    told_sampling_threshold_ = flow_control_->sampling_threshold;
    response->mutable_sampling()->set_threshold(*told_sampling_threshold_);
    return true;
  }
  response->mutable_acknowledgement()->set_batch_number(flow_control_->acknowledged_batch_number);
  response->mutable_acknowledgement()->set_credit_batches(flow_control_->credit_batches);
  flow_control_.reset();
  return true;
}

}  // namespace audio_latency::correlator
