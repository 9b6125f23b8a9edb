// A clock stage that only writes down what ingest hands it.

#ifndef TESTS_UNIT_CORRELATOR_INGEST_RECORDING_SINK_H_
#define TESTS_UNIT_CORRELATOR_INGEST_RECORDING_SINK_H_

#include <mutex>
#include <vector>

#include "correlator/ingest/node_event.h"

namespace audio_latency::correlator {

class RecordingSink final : public NodeEventSink {
 public:
  void BeginInstance(NodeId /*node*/) override {
    const std::scoped_lock lock(mutex_);
    ++instances_;
  }
  bool AddExchange(NodeId /*node*/, const ClockExchange& exchange) override {
    const std::scoped_lock lock(mutex_);
    exchanges_.push_back(exchange);
    return exchange.probe_receive_ns >= exchange.probe_send_ns;
  }
  void Take(NodeId /*node*/, std::span<const NodeEvent> events) override {
    const std::scoped_lock lock(mutex_);
    events_.insert(events_.end(), events.begin(), events.end());
  }
  ClockStatus StatusOf(NodeId /*node*/) const override {
    return {.state = ClockState::kGood,
            .offset_ns = 5'000'000'000,
            .error_bound_ns = 100'000,
            .unsynchronised_events = 0,
            .out_of_range_events = 0};
  }

  int instances() const {
    const std::scoped_lock lock(mutex_);
    return instances_;
  }
  std::vector<ClockExchange> exchanges() const {
    const std::scoped_lock lock(mutex_);
    return exchanges_;
  }
  std::vector<NodeEvent> events() const {
    const std::scoped_lock lock(mutex_);
    return events_;
  }

 private:
  mutable std::mutex mutex_;
  int instances_ = 0;
  std::vector<ClockExchange> exchanges_;
  std::vector<NodeEvent> events_;
};

}  // namespace audio_latency::correlator

#endif  // TESTS_UNIT_CORRELATOR_INGEST_RECORDING_SINK_H_
