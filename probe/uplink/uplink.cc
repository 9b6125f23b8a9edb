#include "probe/uplink/uplink.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "probe/uplink/backoff.h"
#include "probe/uplink/stream_session.h"

namespace audio_latency::probe {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
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
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
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
    const std::shared_ptr<grpc::Channel> channel = MakeChannel(options_.correlator_address);
    const std::unique_ptr<v1::ProbeService::Stub> stub = v1::ProbeService::NewStub(channel);
    while (!stop.stop_requested()) {
      const grpc::Status status = RunSession(channel.get(), stub.get());
      if (stop.stop_requested()) {
        return;
      }
      OnDisconnected(status);
      const bool refused = status.error_code() == grpc::StatusCode::FAILED_PRECONDITION;
      Sleep(refused ? options_.retry_after_refusal : backoff_.Next());
    }
  }

  grpc::Status RunSession(grpc::Channel* channel, v1::ProbeService::Stub* stub) {
    if (!WaitForChannel(channel)) {
      return {grpc::StatusCode::UNAVAILABLE, "no connection"};
    }
    StreamSession session(queue_, clock_exchange_, datagrams_, monotonic_);
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
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, duration, [this] { return stopping_; });
  }

  void OnWelcome() {
    {
      const std::lock_guard lock(mutex_);
      statistics_.connected = true;
      ++statistics_.connections;
    }
    backoff_.Reset();
    logger_->Info("correlator_connected",
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
    if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
      logger_->Error(
          "correlator_refused",
          fmt::format("The correlator at {} refuses this probe: {}; trying again in {} s",
                      options_.correlator_address, status.error_message(),
                      options_.retry_after_refusal.count() / 1000),
          {{"correlator", options_.correlator_address}});
      return;
    }
    const SteadyClock::time_point now = SteadyClock::now();
    const bool said_lately =
        last_logged_.has_value() && now - *last_logged_ < options_.log_interval;
    if (said_lately) {
      return;
    }
    last_logged_ = now;
    const std::string reason =
        status.ok() ? "it ended the stream" : std::string(status.error_message());
    logger_->Warn(
        "correlator_unreachable",
        fmt::format("{} the correlator at {} ({}); trying again until it is there, audio traffic "
                    "is not affected",
                    was_connected ? "Lost" : "Cannot reach", options_.correlator_address, reason),
        {{"correlator", options_.correlator_address}});
  }

  const UplinkOptions options_;
  BatchQueue* const queue_;
  ClockExchange* const clock_exchange_;
  DatagramExchange* const datagrams_;
  const Clock& monotonic_;
  Logger* const logger_;
  Backoff backoff_;
  std::optional<SteadyClock::time_point> last_logged_;

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
