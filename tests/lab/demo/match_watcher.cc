#include "tests/lab/demo/match_watcher.h"

#include <memory>
#include <utility>

namespace audio_latency::lab {

MatchWatcher::MatchWatcher(audio_latency::v1::LatencyService::Stub* stub,
                           std::function<void(const audio_latency::v1::Trace&)> on_trace)
    : thread_([this, stub, on_trace = std::move(on_trace)] {
        const auto reader = stub->WatchMatches(&context_, {});
        for (audio_latency::v1::WatchMatchesResponse response; reader->Read(&response);) {
          skipped_ += response.skipped();
          for (const audio_latency::v1::Trace& trace : response.traces()) {
            on_trace(trace);
          }
        }
        // Ended by Stop; the status says no more than that.
        reader->Finish();
      }) {}

MatchWatcher::~MatchWatcher() { Stop(); }

double MatchWatcher::Stop() {
  context_.TryCancel();
  if (thread_.joinable()) {
    thread_.join();
  }
  return skipped_;
}

}  // namespace audio_latency::lab
