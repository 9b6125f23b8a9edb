#include "correlator/clock/clock_stage.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "correlator/clock/node_clock.h"

namespace audio_latency::correlator {
namespace {

// Matching would drop them anyway.
constexpr int64_t kMaxAheadNs = 1'000'000'000;

// The largest bound of the last kBoundMemoryNs, up to a slice more.
class LargestBound {
 public:
  int64_t Add(int64_t bound_ns, int64_t now_ns) {
    const int64_t slice = now_ns / kSliceNs;
    if (slice != newest_slice_) {
      for (int64_t i = std::max(newest_slice_ + 1, slice - kSlices + 1); i <= slice; ++i) {
        slices_[static_cast<size_t>(i % kSlices)] = 0;
      }
      newest_slice_ = slice;
    }
    int64_t& newest_ns = slices_[static_cast<size_t>(slice % kSlices)];
    newest_ns = std::max(newest_ns, bound_ns);
    return *std::max_element(slices_.begin(), slices_.end());
  }

 private:
  static constexpr int64_t kSliceNs = 1'000'000'000;
  static constexpr int64_t kSlices = ClockStage::kBoundMemoryNs / kSliceNs + 1;

  std::array<int64_t, kSlices> slices_{};
  int64_t newest_slice_ = -1;
};

struct NodeState {
  // Guards what follows.
  std::mutex mutex;
  std::unique_ptr<NodeClock> clock;
  std::vector<NodeEvent> held;
  std::vector<Observation> observations;
  LargestBound bounds;
  uint64_t unsynchronised_events = 0;
  uint64_t too_late_events = 0;
  uint64_t out_of_range_events = 0;
};

class ClockStageImplementation final : public ClockStage {
 public:
  ClockStageImplementation(const Clock& clock, ObservationSink& sink, ClockErrorBoard& errors,
                           std::function<std::unique_ptr<ClockModel>()> make_model,
                           int64_t window_ns)
      : clock_(clock),
        sink_(sink),
        errors_(errors),
        make_model_(std::move(make_model)),
        window_ns_(std::min(window_ns, kMaxBehindNs)),
        states_(std::make_unique<std::atomic<NodeState*>[]>(kMaxNodes)) {}

  ~ClockStageImplementation() override {
    for (size_t i = 0; i < kMaxNodes; ++i) {
      delete states_[i].load();
    }
  }

  void BeginInstance(NodeId node) override {
    NodeState& state = StateOf(node);
    const std::scoped_lock lock(state.mutex);
    state.unsynchronised_events += state.held.size();
    state.held.clear();
    state.clock = std::make_unique<NodeClock>(make_model_());
  }

  bool AddExchange(NodeId node, const ClockExchange& exchange) override {
    NodeState& state = StateOf(node);
    const std::scoped_lock lock(state.mutex);
    const int64_t now_ns = clock_.NowNs();
    if (!state.clock->Add(exchange, now_ns)) {
      return false;
    }
    // Of events that were handed on already: paths ask only later.
    if (state.clock->is_synchronised()) {
      errors_.Set(node, state.bounds.Add(state.clock->HindsightBoundNs(), now_ns));
    }
    if (state.clock->StateAt(now_ns) == ClockState::kGood) {
      Convert(node, std::exchange(state.held, {}), now_ns, &state);
    }
    return true;
  }

  void Take(NodeId node, std::span<const NodeEvent> events) override {
    NodeState& state = StateOf(node);
    const std::scoped_lock lock(state.mutex);
    const int64_t now_ns = clock_.NowNs();
    // While no exchange comes, a node's clock may do what it likes; after a break the probe resends
    // before it exchanges.
    if (state.clock->StateAt(now_ns) == ClockState::kGood) {
      Convert(node, events, now_ns, &state);
      return;
    }
    const size_t room = kMaxHeldEvents - state.held.size();
    const size_t count = std::min(room, events.size());
    state.held.insert(state.held.end(), events.begin(), events.begin() + count);
    state.unsynchronised_events += events.size() - count;
    no_room_ += events.size() - count;
  }

  ClockStatus StatusOf(NodeId node) const override {
    NodeState& state = StateOf(node);
    const std::scoped_lock lock(state.mutex);
    const int64_t now_ns = clock_.NowNs();
    return {
        .state = state.clock->StateAt(now_ns),
        .offset_ns = state.clock->offset_ns(),
        .error_bound_ns = state.clock->is_synchronised() ? state.clock->ErrorBoundNs(now_ns) : 0,
        .drift = state.clock->drift(),
        .waiting_events = state.held.size(),
        .unsynchronised_events = state.unsynchronised_events,
        .too_late_events = state.too_late_events,
        .out_of_range_events = state.out_of_range_events};
  }

  TableUse HeldEvents() const override {
    size_t most = 0;
    for (size_t node = 0; node < kMaxNodes; ++node) {
      if (NodeState* const state = states_[node].load(std::memory_order_acquire)) {
        const std::scoped_lock lock(state->mutex);
        most = std::max(most, state->held.size());
      }
    }
    return {.table = "clock_held_events",
            .used = static_cast<double>(most),
            .limit = static_cast<double>(kMaxHeldEvents),
            .evictions = static_cast<double>(no_room_.load())};
  }

 private:
  static constexpr size_t kMaxNodes = size_t{std::numeric_limits<NodeId>::max()} + 1;

  NodeState& StateOf(NodeId node) const {
    NodeState* state = states_[node].load(std::memory_order_acquire);
    if (state == nullptr) {
      const std::scoped_lock lock(growth_mutex_);
      state = states_[node].load(std::memory_order_relaxed);
      if (state == nullptr) {
        auto created = std::make_unique<NodeState>();
        {
          const std::scoped_lock state_lock(created->mutex);
          created->clock = std::make_unique<NodeClock>(make_model_());
        }
        state = created.release();
        states_[node].store(state, std::memory_order_release);
      }
    }
    return *state;
  }

  // `node`'s events, of a clock that is good.
  void Convert(NodeId node, std::span<const NodeEvent> events, int64_t now_ns, NodeState* state) {
    const int64_t node_now_ns = now_ns - state->clock->offset_ns();
    int64_t bound_ns = state->clock->ErrorBoundNs(now_ns);
    state->observations.clear();
    for (const NodeEvent& event : events) {
      // Bounds of now, for a difference of the wildest times would overflow.
      if (event.node_time_ns > node_now_ns + kMaxAheadNs ||
          event.node_time_ns < node_now_ns - kMaxBehindNs) {
        ++state->out_of_range_events;
        continue;
      }
      if (event.node_time_ns < node_now_ns - window_ns_) {
        ++state->too_late_events;
        continue;
      }
      bound_ns = std::max(bound_ns, state->clock->ErrorBoundAtNs(event.node_time_ns));
      state->observations.push_back({.signature = event.signature,
                                     .time_ns = state->clock->ToCorrelatorNs(event.node_time_ns),
                                     .flow = event.flow,
                                     .position = event.position});
    }
    // Before the events, so that nobody finds them under a bound that is too small.
    errors_.Set(node, state->bounds.Add(bound_ns, now_ns));
    if (!state->observations.empty()) {
      sink_.Take(state->observations);
    }
  }

  const Clock& clock_;
  ObservationSink& sink_;
  ClockErrorBoard& errors_;
  const std::function<std::unique_ptr<ClockModel>()> make_model_;
  const int64_t window_ns_;
  mutable std::mutex growth_mutex_;
  std::unique_ptr<std::atomic<NodeState*>[]> states_;
  std::atomic<uint64_t> no_room_ = 0;
};

}  // namespace

std::unique_ptr<ClockStage> ClockStage::Create(
    const Clock& monotonic_clock, ObservationSink& sink, ClockErrorBoard& errors,
    std::function<std::unique_ptr<ClockModel>()> make_model, int64_t window_ns) {
  return std::make_unique<ClockStageImplementation>(monotonic_clock, sink, errors,
                                                    std::move(make_model), window_ns);
}

}  // namespace audio_latency::correlator
