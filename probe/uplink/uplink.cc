#include "probe/uplink/uplink.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"
#include "common/time/backoff.h"
#include "common/tls/handshake_check.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "probe/uplink/stream_session.h"

namespace audio_latency::probe {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const TlsMaterial* material) {
  return material == nullptr ? grpc::InsecureChannelCredentials()
                             : grpc::SslCredentials({.pem_root_certs = material->authorities_pem,
                                                     .pem_private_key = material->key_pem,
                                                     .pem_cert_chain = material->certificate_pem});
}

// Whether somebody has to do something before it is of use to try again.
bool IsRefusal(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::ALREADY_EXISTS:
      return true;
    default:
      // RESOURCE_EXHAUSTED too: a limit has room again when streams of others, or our own that the
      // correlator does not know to be dead yet, end.
      return false;
  }
}

std::shared_ptr<grpc::Channel> MakeChannel(const UplinkOptions& options,
                                           const TlsMaterial* material) {
  grpc::ChannelArguments arguments;
  // A link that drops everything must be noticed within seconds, not when TCP gives up.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Our own backoff decides when to try again; the channel's must not sit on top of it.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Despite its name, how long one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (material != nullptr && !options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  return grpc::CreateCustomChannel(options.correlator_address, MakeCredentials(material),
                                   arguments);
}

class StreamUplink final : public Uplink {
 public:
  StreamUplink(const UplinkOptions& options, BatchQueue* queue, ClockExchange* clock_exchange,
               DatagramExchange* datagrams, const Clock& monotonic, Logger* logger)
      : options_(options),
        queue_(queue),
        clock_exchange_(clock_exchange),
        datagrams_(datagrams),
        monotonic_(monotonic),
        logger_(logger),
        backoff_(options.first_retry, options.longest_retry, std::random_device{}()),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  ~StreamUplink() override {
    thread_.request_stop();
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (session_ != nullptr) {
        session_->Cancel();
      }
    }
    stopped_.notify_all();
    thread_.join();
  }

  UplinkStatistics statistics() const override {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  void Run(const std::stop_token& stop) {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::ProbeService::Stub> stub;
    while (!stop.stop_requested()) {
      if (std::shared_ptr<const TlsMaterial> material = CurrentMaterial();
          channel == nullptr || material != material_) {
        material_ = std::move(material);
        channel = MakeChannel(options_, material_.get());
        stub = v1::ProbeService::NewStub(channel);
      }
      const grpc::Status status = RunSession(channel.get(), stub.get());
      if (stop.stop_requested()) {
        return;
      }
      OnDisconnected(status);
      Sleep(WaitAfter(status.error_code()));
    }
  }

  std::chrono::milliseconds WaitAfter(grpc::StatusCode code) {
    if (!IsRefusal(code)) {
      return backoff_.Next();
    }
    return code == grpc::StatusCode::ALREADY_EXISTS ? options_.retry_after_name_taken
                                                    : options_.retry_after_refusal;
  }

  grpc::Status RunSession(grpc::Channel* channel, v1::ProbeService::Stub* stub) {
    if (!WaitForChannel(channel)) {
      return {grpc::StatusCode::UNAVAILABLE, "no connection"};
    }
    StreamSession session(queue_, clock_exchange_, datagrams_, monotonic_, options_.on_sampling);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        return grpc::Status::CANCELLED;
      }
      session_ = &session;
    }
    grpc::Status status =
        session.Run(stub, options_.hello, options_.patience, [this] { OnWelcome(); });
    const std::lock_guard lock(mutex_);
    session_ = nullptr;
    return status;
  }

  // Starts connecting and waits until that came to something: the next call tells what.
  bool WaitForChannel(grpc::Channel* channel) {
    const SteadyClock::time_point deadline = SteadyClock::now() + options_.patience;
    constexpr std::chrono::milliseconds kStep(100);
    for (;;) {
      const grpc_connectivity_state state = channel->GetState(/*try_to_connect=*/true);
      if (state == GRPC_CHANNEL_READY) {
        return true;
      }
      // A stream on a channel that failed tells the reason.
      if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) {
        return true;
      }
      if (SteadyClock::now() >= deadline || IsStopping()) {
        return false;
      }
      channel->WaitForStateChange(state, std::chrono::system_clock::now() + kStep);
    }
  }

  bool IsStopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  void Sleep(std::chrono::milliseconds duration) {
    constexpr std::chrono::milliseconds kStep(500);
    const SteadyClock::time_point end = SteadyClock::now() + duration;
    std::unique_lock lock(mutex_);
    while (!stopping_ && SteadyClock::now() < end && CurrentMaterial() == material_) {
      stopped_.wait_until(lock, std::min(end, SteadyClock::now() + kStep));
    }
  }

  std::shared_ptr<const TlsMaterial> CurrentMaterial() const {
    return options_.tls == nullptr ? nullptr : options_.tls->Current();
  }

  // Why there is no connection, in words.
  std::string Reason(const grpc::Status& status) const {
    constexpr std::chrono::milliseconds kHandshakePatience(2'000);
    if (material_ != nullptr && status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      const absl::Status handshake = CheckHandshake(
          options_.correlator_address, options_.tls_server_name, *material_, kHandshakePatience);
      if (absl::IsUnauthenticated(handshake)) {
        return Message(handshake);
      }
    }
    return status.ok() ? "it ended the stream" : std::string(status.error_message());
  }

  void OnWelcome() {
    {
      const std::lock_guard lock(mutex_);
      statistics_.connected = true;
      ++statistics_.connections;
    }
    backoff_.Reset();
    name_taken_logged_.reset();
    connected_at_ = SteadyClock::now();
    logger_->Log(std::exchange(is_renewal_, false) ? LogLevel::kDebug : LogLevel::kInfo,
                 "correlator_connected",
                 fmt::format("Connected to the correlator at {}", options_.correlator_address),
                 {{"correlator", options_.correlator_address}});
  }

  void OnDisconnected(const grpc::Status& status) {
    bool was_connected = false;
    {
      const std::lock_guard lock(mutex_);
      was_connected = std::exchange(statistics_.connected, false);
      ++statistics_.failed_attempts;
    }
    if (IsRefusal(status.error_code())) {
      OnRefused(status);
      return;
    }
    const SteadyClock::time_point now = SteadyClock::now();
    is_renewal_ = was_connected && now - connected_at_ >= options_.lasting;
    if (is_renewal_) {
      logger_->Log(LogLevel::kDebug, "correlator_stream_ended",
                   fmt::format("The stream to the correlator at {} ended ({}); opening another",
                               options_.correlator_address, status.error_message()),
                   {{"correlator", options_.correlator_address}});
      return;
    }
    if (!IsDue(&unreachable_logged_)) {
      return;
    }
    logger_->Warn(
        "correlator_unreachable",
        fmt::format("{} the correlator at {} ({}); trying again until it is there, audio traffic "
                    "is not affected",
                    was_connected ? "Lost" : "Cannot reach", options_.correlator_address,
                    Reason(status)),
        {{"correlator", options_.correlator_address}});
  }

  void OnRefused(const grpc::Status& status) {
    const bool is_taken = status.error_code() == grpc::StatusCode::ALREADY_EXISTS;
    if (is_taken && !IsDue(&name_taken_logged_)) {
      return;
    }
    logger_->Error(
        is_taken ? "node_name_taken" : "correlator_refused",
        fmt::format("The correlator at {} refuses this probe: {}; trying again every {} s",
                    options_.correlator_address, status.error_message(),
                    WaitAfter(status.error_code()).count() / 1000),
        {{"correlator", options_.correlator_address}, {"node", options_.hello.node()}});
  }

  // Whether the line whose last time that is may be written again; if so, it counts as written.
  bool IsDue(std::optional<SteadyClock::time_point>* logged) const {
    const SteadyClock::time_point now = SteadyClock::now();
    if (logged->has_value() && now - **logged < options_.log_interval) {
      return false;
    }
    *logged = now;
    return true;
  }

  const UplinkOptions options_;
  BatchQueue* const queue_;
  ClockExchange* const clock_exchange_;
  DatagramExchange* const datagrams_;
  const Clock& monotonic_;
  Logger* const logger_;
  Backoff backoff_;
  std::optional<SteadyClock::time_point> unreachable_logged_;
  std::optional<SteadyClock::time_point> name_taken_logged_;
  SteadyClock::time_point connected_at_;
  // The stream before had lasted; there is no need to tell of another.
  bool is_renewal_ = false;
  // What the channel was made with.
  std::shared_ptr<const TlsMaterial> material_;

  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  StreamSession* session_ = nullptr;
  UplinkStatistics statistics_;
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<Uplink> Uplink::Start(const UplinkOptions& options, BatchQueue* queue,
                                      ClockExchange* clock_exchange, DatagramExchange* datagrams,
                                      const Clock& monotonic, Logger* logger) {
  return std::make_unique<StreamUplink>(options, queue, clock_exchange, datagrams, monotonic,
                                        logger);
}

}  // namespace audio_latency::probe
