#include "probe/capture/ring_reader.h"

#include <bpf/libbpf.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "probe/capture/poll_timer.h"

namespace audio_latency::probe {
namespace {

// The kernel puts a header of 8 bytes in front of each record.
constexpr size_t kRecordBytes = sizeof(signature_event) + 8;
constexpr size_t kBlockEvents = 256;
constexpr int64_t kErrorLogIntervalNs = 30'000'000'000;
// A look ends after so many events, so that a flood does not keep the reader from its timer.
constexpr size_t kEventsPerLook = size_t{16} * 1024;
constexpr int kLookIsLongEnough = -ECANCELED;

class RingBufferDeleter {
 public:
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

class TimedRingReader final : public RingReader {
 public:
  TimedRingReader(size_t ring_bytes, EventSink* sink, const Clock& clock, Logger* logger)
      : most_events_(ring_bytes / kRecordBytes),
        timer_(most_events_),
        sink_(sink),
        clock_(clock),
        logger_(logger),
        last_look_ns_(clock.NowNs()) {}

  ~TimedRingReader() override { Stop(); }

  absl::Status Open(int ring_fd) {
    ring_.reset(ring_buffer__new(ring_fd, &TimedRingReader::OnRecord, this, nullptr));
    if (ring_ == nullptr) {
      return absl::ResourceExhaustedError(
          fmt::format("cannot map the event ring: {}; a smaller PERF_BUFFER_SIZE may help",
                      std::strerror(errno)));
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
    return absl::OkStatus();
  }

  void Stop() override {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();
    }
  }

  RingReaderStatistics statistics() const override {
    return {events_read_.load(std::memory_order_relaxed), most_events_,
            read_errors_.load(std::memory_order_relaxed),
            last_look_ns_.load(std::memory_order_relaxed)};
  }

 private:
  static int OnRecord(void* context, void* data, size_t size) {
    auto* const self = static_cast<TimedRingReader*>(context);
    if (size != sizeof(signature_event)) {
      self->CountError(
          fmt::format("a record of {} bytes instead of {}", size, sizeof(signature_event)));
      return 0;
    }
    std::memcpy(&self->block_[self->block_size_], data, size);
    if (++self->block_size_ == kBlockEvents) {
      self->HandOn();
    }
    return ++self->look_events_ >= kEventsPerLook ? kLookIsLongEnough : 0;
  }

  void HandOn() {
    if (block_size_ > 0) {
      sink_->OnEvents(std::span(block_.data(), block_size_));
      block_size_ = 0;
    }
  }

  // The number of events found.
  size_t Look() {
    look_events_ = 0;
    const int result = ring_buffer__consume(ring_.get());
    if (result < 0 && result != kLookIsLongEnough) {
      CountError(std::strerror(-result));
    }
    HandOn();
    sink_->OnTick();
    events_read_.fetch_add(look_events_, std::memory_order_relaxed);
    last_look_ns_.store(clock_.NowNs(), std::memory_order_relaxed);
    return look_events_;
  }

  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const size_t events = Look();
      if (events < kEventsPerLook) {
        std::this_thread::sleep_for(timer_.Next(events));
      }
    }
    while (Look() >= kEventsPerLook) {
    }
  }

  void CountError(const std::string& what) {
    read_errors_.fetch_add(1, std::memory_order_relaxed);
    const int64_t now_ns = clock_.NowNs();
    if (!last_error_log_ns_.has_value() || now_ns - *last_error_log_ns_ >= kErrorLogIntervalNs) {
      last_error_log_ns_ = now_ns;
      logger_->Error("event_read_error", fmt::format("Reading events from the kernel: {}", what),
                     {{"errors_total", read_errors_.load(std::memory_order_relaxed)}});
    }
  }

  const uint64_t most_events_;
  PollTimer timer_;
  EventSink* const sink_;
  const Clock& clock_;
  Logger* const logger_;
  std::unique_ptr<ring_buffer, RingBufferDeleter> ring_;
  std::array<signature_event, kBlockEvents> block_ = {};
  size_t block_size_ = 0;
  size_t look_events_ = 0;
  std::optional<int64_t> last_error_log_ns_;
  std::atomic<uint64_t> events_read_ = 0;
  std::atomic<uint64_t> read_errors_ = 0;
  std::atomic<int64_t> last_look_ns_;
  std::jthread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RingReader>> RingReader::Start(int ring_fd, size_t ring_bytes,
                                                              EventSink* sink, const Clock& clock,
                                                              Logger* logger) {
  auto reader = std::make_unique<TimedRingReader>(ring_bytes, sink, clock, logger);
  if (absl::Status status = reader->Open(ring_fd); !status.ok()) {
    return status;
  }
  return reader;
}

}  // namespace audio_latency::probe
