#include "correlator/ingest/probe_service.h"

#include <grpcpp/alarm.h>
#include <grpcpp/security/auth_context.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/address/peer_host.h"
#include "common/status/status_macros.h"
#include "common/tls/certificate.h"
#include "correlator/ingest/probe_identity.h"
#include "correlator/ingest/probe_session.h"
#include "correlator/ingest/rate_budget.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  // The two sets of codes are the same by definition.
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()), Message(status));
}

// What a stream may send a second: 12 bytes an event of many more events than
// MAX_EVENTS_PER_SECOND.
constexpr double kMaxBytesPerSecond = 32.0 * (1 << 20);
// Of work that a message makes besides its bytes.
constexpr double kBytesPerMessage = 1024;
constexpr int64_t kNsPerSecond = 1'000'000'000;

// The certificate that the call's TLS connection was opened with, which the server has judged; ""
// in plain text.
std::string CertificatePemOf(const grpc::AuthContext* context) {
  if (context != nullptr) {
    for (const grpc::string_ref& pem : context->FindPropertyValues("x509_pem_cert")) {
      return {pem.data(), pem.size()};
    }
  }
  return "";
}

std::optional<CertificateFacts> CertificateOf(const grpc::AuthContext* context) {
  absl::StatusOr<CertificateFacts> facts = ReadCertificate(CertificatePemOf(context));
  return facts.ok() ? std::optional(*std::move(facts)) : std::nullopt;
}

class ProbeReactor;

// What may end a stream, or say something on it, from outside, and outlives it.
class StreamHandle {
 public:
  explicit StreamHandle(ProbeReactor* reactor) : reactor_(reactor) {}
  void End(const absl::Status& status);
  void GoOnReading();
  void Tell(const FlowControl& flow_control);
  void Forget() {
    const std::scoped_lock lock(mutex_);
    reactor_ = nullptr;
  }

 private:
  std::mutex mutex_;
  ProbeReactor* reactor_;
};

// What the streams of one service share.
struct ServiceState {
  NodeTable& nodes;
  const Clock& realtime;
  const Clock& monotonic;
  const ProbeServiceOptions options;
  std::atomic<uint32_t> open_streams = 0;
  std::mutex waiting_mutex = {};
  // Streams without Hello, by who opened them.
  absl::flat_hash_map<std::string, uint32_t> waiting = {};

  // Whether `opener` may have one more stream that waits for Hello; then it must end in EndWaiting.
  bool BeginWaiting(const std::string& opener, uint32_t most) {
    const std::scoped_lock lock(waiting_mutex);
    uint32_t& count = waiting[opener];
    if (count >= most) {
      return false;
    }
    ++count;
    return true;
  }
  void EndWaiting(const std::string& opener) {
    const std::scoped_lock lock(waiting_mutex);
    if (const auto entry = waiting.find(opener); --entry->second == 0) {
      waiting.erase(entry);
    }
  }

  void Log(LogLevel level, std::string_view event_type, const std::string& message,
           const nlohmann::json& fields) const {
    if (options.logger != nullptr) {
      options.logger->Log(level, event_type, message, fields);
    }
  }
};

// gRPC calls reads one after another, and writes likewise, but reads beside writes.
class ProbeReactor final : public grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse> {
 public:
  ProbeReactor(ServiceState* service, grpc::CallbackServerContext* context)
      : service_(*service),
        peer_(context->peer()),
        handle_(std::make_shared<StreamHandle>(this)),
        replies_(&service->options.correlator_instance, &service->monotonic) {
    ProbeIdentity identity{.certificate = CertificateOf(context->auth_context().get()),
                           .is_shared = service->options.one_certificate_for_all_probes};
    if (identity.certificate.has_value()) {
      certificate_end_unix_s_ = identity.certificate->not_after_unix_s;
    }
    session_ = std::make_unique<ProbeSession>(&service->nodes, &service->options.signature,
                                              service->options.clock_sessions, std::move(identity));
    if (service_.open_streams.fetch_add(1) >= service->options.max_streams) {
      service_.nodes.CountError(IngestError::kStreamLimit);
      End(absl::ResourceExhaustedError(
          fmt::format("{} streams are open, which is the limit; raise MAX_PROBES at the correlator",
                      service->options.max_streams)));
      return;
    }
    if (!BeginWaiting(context->auth_context().get())) {
      return;
    }
    hello_alarm_.Set(std::chrono::system_clock::now() + service->options.hello_patience,
                     [handle = handle_, service](bool expired) {
                       if (expired) {
                         service->nodes.CountError(IngestError::kHelloMissing);
                         handle->End(absl::DeadlineExceededError(
                             "no Hello came in time; a stream begins with Hello"));
                       }
                     });
    StartRead(&request_);
  }

  void End(const absl::Status& status) {
    const std::scoped_lock lock(mutex_);
    if (!std::exchange(is_finished_, true)) {
      end_ = status;
      Finish(ToGrpc(status));
    }
  }

  void Tell(const FlowControl& flow_control) {
    const std::scoped_lock lock(mutex_);
    ProbeSession::Replies replies;
    replies.flow_control = flow_control;
    replies_.Add(replies);
    WriteNext();
  }

  void OnReadDone(bool ok) override {
    const int64_t arrival_ns = service_.monotonic.NowNs();
    if (!ok) {
      {
        const std::scoped_lock lock(mutex_);
        has_peer_ended_ = !is_finished_;
      }
      End(absl::OkStatus());
      return;
    }
    // In seconds: an end that stands for "none" (the year 9999, RFC 5280) is too far for
    // nanoseconds.
    if (certificate_end_unix_s_.has_value() &&
        service_.realtime.NowNs() / kNsPerSecond > *certificate_end_unix_s_) {
      service_.nodes.CountError(IngestError::kCertificateEnded);
      End(absl::UnauthenticatedError("the probe's certificate has expired; renew it"));
      return;
    }
    if (request_.ByteSizeLong() > kMaxMessageBytes) {
      service_.nodes.CountError(IngestError::kMessageTooLarge);
      End(absl::ResourceExhaustedError(fmt::format("a message of {} bytes came; {} are the most",
                                                   request_.ByteSizeLong(), kMaxMessageBytes)));
      return;
    }
    const bool was_welcomed = session_->is_welcomed();
    ProbeSession::Replies replies;
    const absl::Status status = session_->Take(
        request_, arrival_ns, [handle = handle_](const absl::Status& why) { handle->End(why); },
        [handle = handle_](const FlowControl& flow_control) { handle->Tell(flow_control); },
        &replies);
    if (!status.ok()) {
      End(status);
      return;
    }
    if (!was_welcomed && session_->is_welcomed()) {
      OnWelcomed();
    }
    const std::scoped_lock lock(mutex_);
    if (replies.flow_control.has_value()) {
      // As it stands now: what Tell has said since the message was taken must not be unsaid, for
      // a probe without credit and without batches under way would hear of no other.
      replies.flow_control =
          service_.nodes.FlowControlAt(replies.flow_control->acknowledged_batch_number);
    }
    replies_.Add(replies);
    WriteNext();
    if (!is_finished_) {
      ReadNext(arrival_ns);
    }
  }

  // After a pause.
  void GoOnReading() {
    const std::scoped_lock lock(mutex_);
    if (!is_finished_) {
      StartRead(&request_);
    }
  }

  void OnWriteDone(bool ok) override {
    const std::scoped_lock lock(mutex_);
    is_writing_ = false;
    if (ok) {
      WriteNext();
    }
  }

  // The connection broke, or a message was longer than gRPC takes, which it tells nobody here.
  void OnCancel() override {
    const std::scoped_lock lock(mutex_);
    is_cancelled_ = true;
  }

  void OnDone() override {
    handle_->Forget();
    if (is_cancelled_ && has_peer_ended_) {
      service_.nodes.CountError(IngestError::kStreamBroken);
    }
    LogEnd();
    EndWaiting();
    session_.reset();
    service_.open_streams.fetch_sub(1);
    delete this;
  }

 private:
  bool BeginWaiting(const grpc::AuthContext* context) {
    const ProbeServiceOptions& options = service_.options;
    const std::string pem = CertificatePemOf(context);
    const bool is_one_probe = !pem.empty() && !options.one_certificate_for_all_probes;
    std::string opener = is_one_probe ? pem : HolderOfPeer(peer_);
    const uint32_t most = is_one_probe ? options.max_waiting_streams_per_certificate
                                       : options.max_waiting_streams_per_address;
    if (!service_.BeginWaiting(opener, most)) {
      service_.nodes.CountError(IngestError::kHelloLimit);
      End(absl::ResourceExhaustedError(fmt::format(
          "{} streams of this {} have not said Hello yet, which is the limit; one is enough", most,
          is_one_probe ? "certificate" : "address")));
      return false;
    }
    waiting_as_ = std::move(opener);
    return true;
  }

  void EndWaiting() {
    if (waiting_as_.has_value()) {
      service_.EndWaiting(*waiting_as_);
      waiting_as_.reset();
    }
  }

  void OnWelcomed() {
    hello_alarm_.Cancel();
    EndWaiting();
    const v1::Hello& hello = request_.hello();
    node_ = hello.node();
    instance_ = hello.instance();
    service_.Log(
        LogLevel::kInfo, "probe_connected", fmt::format("The probe of node {} is connected", node_),
        {{"node", node_}, {"instance", instance_}, {"version", hello.version()}, {"peer", peer_}});
  }

  // The mutex is not needed: nothing else happens on the stream any more.
  void LogEnd() {
    const nlohmann::json fields = {{"node", node_}, {"instance", instance_}, {"peer", peer_}};
    if (node_.empty()) {
      // That its node is reported by a newer probe was told when that came; the elder asks again
      // every few seconds.
      service_.Log(absl::IsAlreadyExists(end_) ? LogLevel::kDebug : LogLevel::kWarn,
                   "probe_refused",
                   fmt::format("A probe was refused: {}",
                               end_.ok() ? "it went before it said Hello" : Message(end_)),
                   fields);
    } else if (absl::IsAlreadyExists(end_)) {
      service_.Log(LogLevel::kWarn, "probe_superseded",
                   fmt::format("A probe of node {} was ended: {}", node_, Message(end_)), fields);
    } else {
      service_.Log(LogLevel::kInfo, "probe_disconnected",
                   fmt::format("The probe of node {} is gone{}", node_,
                               end_.ok() ? "" : ": " + Message(end_)),
                   fields);
    }
  }

  // Needs the mutex. Who sends too much is not read from until it is its turn again, so that its
  // own flow control holds it back.
  void ReadNext(int64_t now_ns) {
    const int64_t wait_ns = byte_budget_.TakeAndWaitNs(
        static_cast<double>(request_.ByteSizeLong()) + kBytesPerMessage, now_ns);
    if (wait_ns == 0) {
      StartRead(&request_);
      return;
    }
    service_.nodes.CountError(IngestError::kSlowedDown);
    pause_alarm_.Set(std::chrono::system_clock::now() + std::chrono::nanoseconds(wait_ns),
                     [handle = handle_](bool /*expired*/) { handle->GoOnReading(); });
  }

  void WriteNext() {
    if (!is_finished_ && !is_writing_ && replies_.Next(&response_)) {
      is_writing_ = true;
      StartWrite(&response_);
    }
  }

  ServiceState& service_;
  const std::string peer_;
  const std::shared_ptr<StreamHandle> handle_;
  grpc::Alarm hello_alarm_;
  // The reads'.
  grpc::Alarm pause_alarm_;
  std::optional<int64_t> certificate_end_unix_s_;
  // While there was no Hello.
  std::optional<std::string> waiting_as_;
  std::unique_ptr<ProbeSession> session_;
  v1::StreamRequest request_;
  RateBudget byte_budget_{kMaxBytesPerSecond};
  // Of the probe that was welcomed; "": none.
  std::string node_;
  std::string instance_;

  // Guards what follows.
  std::mutex mutex_;
  absl::Status end_;
  ReplyQueue replies_;
  v1::StreamResponse response_;
  bool is_writing_ = false;
  bool is_finished_ = false;
  bool has_peer_ended_ = false;
  bool is_cancelled_ = false;
};

void StreamHandle::End(const absl::Status& status) {
  const std::scoped_lock lock(mutex_);
  if (reactor_ != nullptr) {
    reactor_->End(status);
  }
}

void StreamHandle::GoOnReading() {
  const std::scoped_lock lock(mutex_);
  if (reactor_ != nullptr) {
    reactor_->GoOnReading();
  }
}

void StreamHandle::Tell(const FlowControl& flow_control) {
  const std::scoped_lock lock(mutex_);
  if (reactor_ != nullptr) {
    reactor_->Tell(flow_control);
  }
}

class ProbeServiceImplementation final : public v1::ProbeService::CallbackService {
 public:
  ProbeServiceImplementation(NodeTable* nodes, const Clock* realtime, const Clock* monotonic,
                             const ProbeServiceOptions& options)
      : state_{
            .nodes = *nodes, .realtime = *realtime, .monotonic = *monotonic, .options = options} {}

  grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* Stream(
      grpc::CallbackServerContext* context) override {
    return new ProbeReactor(&state_, context);
  }

 private:
  ServiceState state_;
};

}  // namespace

std::unique_ptr<v1::ProbeService::CallbackService> MakeProbeService(
    NodeTable* nodes, const Clock* realtime_clock, const Clock* monotonic_clock,
    const ProbeServiceOptions& options) {
  return std::make_unique<ProbeServiceImplementation>(nodes, realtime_clock, monotonic_clock,
                                                      options);
}

}  // namespace audio_latency::correlator
