#include "tests/lab/demo/match_watcher.h"

#include <memory>

namespace audio_latency::lab {

MatchWatcher::MatchWatcher(audio_latency::v1::LatencyService::Stub* stub, MatchAudit* audit)
    : thread_([this, stub, audit] {
        const auto reader = stub->WatchMatches(&context_, {});
        for (audio_latency::v1::WatchMatchesResponse response; reader->Read(&response);) {
          skipped_ += response.skipped();
          for (const audio_latency::v1::Trace& trace : response.traces()) {
            audit->Add(trace);
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
