#include "correlator/ingest/probe_service.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "correlator/ingest/probe_session.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  // The two sets of codes are the same by definition.
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()), Message(status));
}

class ProbeReactor;

// What may end a stream from outside, and outlives it.
class StreamHandle {
 public:
  explicit StreamHandle(ProbeReactor* reactor) : reactor_(reactor) {}
  void End(const absl::Status& status);
  void Forget() {
    const std::scoped_lock lock(mutex_);
    reactor_ = nullptr;
  }

 private:
  std::mutex mutex_;
  ProbeReactor* reactor_;
};

// gRPC calls reads one after another, and writes likewise, but reads beside writes.
class ProbeReactor final : public grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse> {
 public:
  ProbeReactor(NodeTable* nodes, const Clock* monotonic_clock, const ProbeServiceOptions* options,
               std::atomic<uint32_t>* open_streams)
      : nodes_(*nodes),
        monotonic_clock_(*monotonic_clock),
        open_streams_(*open_streams),
        handle_(std::make_shared<StreamHandle>(this)),
        session_(
            std::make_unique<ProbeSession>(nodes, &options->signature, options->clock_sessions)),
        replies_(&options->correlator_instance, monotonic_clock) {
    if (open_streams_.fetch_add(1) >= options->max_streams) {
      End(absl::ResourceExhaustedError(
          fmt::format("{} streams are open, which is the limit; raise MAX_PROBES at the correlator",
                      options->max_streams)));
    } else {
      StartRead(&request_);
    }
  }

  void End(const absl::Status& status) {
    const std::scoped_lock lock(mutex_);
    if (!std::exchange(is_finished_, true)) {
      Finish(ToGrpc(status));
    }
  }

  void OnReadDone(bool ok) override {
    const int64_t arrival_ns = monotonic_clock_.NowNs();
    if (!ok) {
      End(absl::OkStatus());
      return;
    }
    ProbeSession::Replies replies;
    const absl::Status status = session_->Take(
        request_, arrival_ns, [handle = handle_](const absl::Status& why) { handle->End(why); },
        &replies);
    if (!status.ok()) {
      End(status);
      return;
    }
    const std::scoped_lock lock(mutex_);
    replies_.Add(replies);
    WriteNext();
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

  void OnDone() override {
    handle_->Forget();
    session_.reset();
    open_streams_.fetch_sub(1);
    delete this;
  }

 private:
  void WriteNext() {
    if (!is_finished_ && !is_writing_ && replies_.Next(&response_)) {
      is_writing_ = true;
      StartWrite(&response_);
    }
  }

  NodeTable& nodes_;
  const Clock& monotonic_clock_;
  std::atomic<uint32_t>& open_streams_;
  const std::shared_ptr<StreamHandle> handle_;
  std::unique_ptr<ProbeSession> session_;  // the reads'
  v1::StreamRequest request_;              // the reads'

  // Guards what follows.
  std::mutex mutex_;
  ReplyQueue replies_;
  v1::StreamResponse response_;
  bool is_writing_ = false;
  bool is_finished_ = false;
};

void StreamHandle::End(const absl::Status& status) {
  const std::scoped_lock lock(mutex_);
  if (reactor_ != nullptr) {
    reactor_->End(status);
  }
}

class ProbeServiceImplementation final : public v1::ProbeService::CallbackService {
 public:
  ProbeServiceImplementation(NodeTable* nodes, const Clock* monotonic_clock,
                             ProbeServiceOptions options)
      : nodes_(nodes), monotonic_clock_(monotonic_clock), options_(std::move(options)) {}

  grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* Stream(
      grpc::CallbackServerContext* /*context*/) override {
    return new ProbeReactor(nodes_, monotonic_clock_, &options_, &open_streams_);
  }

 private:
  NodeTable* const nodes_;
  const Clock* const monotonic_clock_;
  const ProbeServiceOptions options_;
  std::atomic<uint32_t> open_streams_ = 0;
};

}  // namespace

std::unique_ptr<v1::ProbeService::CallbackService> MakeProbeService(
    NodeTable* nodes, const Clock* monotonic_clock, const ProbeServiceOptions& options) {
  return std::make_unique<ProbeServiceImplementation>(nodes, monotonic_clock, options);
}

}  // namespace audio_latency::correlator
