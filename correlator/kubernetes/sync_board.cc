#include "correlator/kubernetes/sync_board.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

// What lasts is told once a minute.
constexpr int64_t kTellAgainNs = 60'000'000'000;

// Others have the same one: it is told for one resource.
bool ConcernsOneResource(ApiError error) {
  return error == ApiError::kForbidden || error == ApiError::kNotFound ||
         error == ApiError::kMalformed;
}

// Passes by itself, and names stay as true as they were.
bool IsQuiet(ApiError error) { return error == ApiError::kGone || error == ApiError::kInterrupted; }

}  // namespace

SyncBoard::SyncBoard(std::string server, std::string origin, const Clock& monotonic, Logger* logger)
    : server_(std::move(server)),
      origin_(std::move(origin)),
      monotonic_(monotonic),
      logger_(*logger),
      begin_ns_(monotonic.NowNs()) {}

void SyncBoard::ListBegins(Resource resource) {
  const std::scoped_lock lock(mutex_);
  State& state = Of(resource);
  ++state.counts.lists;
  state.counts.is_synced = false;
}

void SyncBoard::ListEnds(Resource resource, uint64_t objects) {
  const std::scoped_lock lock(mutex_);
  State& state = Of(resource);
  state.objects = objects;
  state.counts.is_synced = true;
  state.counts.was_synced = true;
  Recovered(&state);
  TellSynced();
}

void SyncBoard::WatchBegins(Resource resource) {
  const std::scoped_lock lock(mutex_);
  ++Of(resource).counts.watches;
}

void SyncBoard::Received(Resource resource) {
  const std::scoped_lock lock(mutex_);
  State& state = Of(resource);
  state.received_ns = monotonic_.NowNs();
  // While it is listed it is not the whole yet.
  if (state.failing != ApiError::kNone && state.counts.is_synced) {
    Recovered(&state);
  }
}

void SyncBoard::LeftOut(Resource resource, uint64_t malformed, uint64_t oversized) {
  const std::scoped_lock lock(mutex_);
  State& state = Of(resource);
  const bool is_first = state.counts.malformed + state.counts.oversized == 0;
  state.counts.malformed += malformed;
  state.counts.oversized += oversized;
  if (is_first && malformed + oversized > 0) {
    logger_.Warn("kubernetes_object_left_out",
                 fmt::format("{}: an object of the API server could not be read or is too large; "
                             "it is left out, as are all like it "
                             "(audio_latency_kubernetes_objects_left_out_total)",
                             FactsOf(resource).plural));
  }
}

void SyncBoard::Failed(Resource resource, ApiError error, const std::string& message) {
  const std::scoped_lock lock(mutex_);
  const int64_t now_ns = monotonic_.NowNs();
  State& state = Of(resource);
  ++state.counts.errors[static_cast<size_t>(error)];
  if (IsQuiet(error)) {
    return;
  }
  const bool is_told = WasToldLately(state, error, now_ns);
  state.failing = error;
  state.trouble = fmt::format("{}: {}: {}; {}", server_, FactsOf(resource).plural, message,
                              FactsOf(error).advice);
  if (!is_told) {
    state.told_ns = now_ns;
    TellFailure(resource, error, message);
  }
  // It may have been the last that was waited for.
  TellSynced();
}

void SyncBoard::TellFailure(Resource resource, ApiError error, const std::string& message) {
  logger_.Warn("kubernetes_unreachable",
               fmt::format("The API server does not tell of {}: {}; {}. Names are those known so "
                           "far, and addresses",
                           FactsOf(resource).plural, message, FactsOf(error).advice),
               {{"server", server_},
                {"access", origin_},
                {"resource", FactsOf(resource).plural},
                {"cause", FactsOf(error).name}});
}

bool SyncBoard::WasToldLately(const State& state, ApiError error, int64_t now_ns) const {
  const auto was_told = [&](const State& each) {
    return each.failing == error && each.told_ns != 0 && now_ns - each.told_ns < kTellAgainNs;
  };
  return ConcernsOneResource(error) ? was_told(state)
                                    : std::any_of(states_.begin(), states_.end(), was_told);
}

void SyncBoard::Recovered(State* state) {
  if (std::exchange(state->failing, ApiError::kNone) == ApiError::kNone) {
    return;
  }
  const bool was_told = std::exchange(state->told_ns, 0) != 0;
  state->trouble.clear();
  if (was_told) {
    logger_.Info(
        "kubernetes_reachable",
        fmt::format(
            "The API server tells of {} again",
            FactsOf(kResources[static_cast<size_t>(state - states_.data())].resource).plural),
        {{"server", server_}});
  }
}

void SyncBoard::TellSynced() {
  if (is_synced_told_ || !IsReady()) {
    return;
  }
  is_synced_told_ = true;
  nlohmann::json fields = {{"server", server_},
                           {"seconds", static_cast<double>(monotonic_.NowNs() - begin_ns_) * 1e-9}};
  for (const ResourceFacts& facts : kResources) {
    fields[std::string(facts.plural)] = Of(facts.resource).objects;
  }
  logger_.Info("kubernetes_synced", "Pods, services and nodes are known by name", fields);
}

SyncStatistics SyncBoard::statistics(Resource resource) const {
  const std::scoped_lock lock(mutex_);
  const State& state = states_[static_cast<size_t>(resource)];
  SyncStatistics counts = state.counts;
  counts.is_synced = counts.is_synced && state.failing == ApiError::kNone;
  if (state.received_ns.has_value()) {
    counts.silence_ns = monotonic_.NowNs() - *state.received_ns;
  }
  return counts;
}

bool SyncBoard::is_ready() const {
  const std::scoped_lock lock(mutex_);
  return IsReady();
}

bool SyncBoard::IsReady() const {
  return states_[static_cast<size_t>(Resource::kPods)].counts.was_synced &&
         std::all_of(states_.begin(), states_.end(), [](const State& state) {
           return state.counts.was_synced || state.failing != ApiError::kNone;
         });
}

std::string SyncBoard::trouble() const {
  const std::scoped_lock lock(mutex_);
  for (const State& state : states_) {
    if (state.failing != ApiError::kNone) {
      return state.trouble;
    }
  }
  return {};
}

}  // namespace audio_latency::correlator
