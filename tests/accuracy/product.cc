#include "tests/accuracy/product.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "bpf/capture_layout.h"
#include "common/status/status_macros.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/replay/file_replay.h"
#include "correlator/replay/replay.h"

namespace audio_latency::accuracy {
namespace {

// Every address is an endpoint of its own.
class NobodyKnown final : public correlator::EndpointDirectory {
 public:
  correlator::Resolution Resolve(const correlator::EndpointQuery& query) const override {
    correlator::Resolution resolution;
    resolution.endpoint.address = query.address;
    return resolution;
  }
};

class JudgingTap final : public correlator::ReplayTap {
 public:
  explicit JudgingTap(Judge* judge) : judge_(*judge) {}

  void Watch(const correlator::FlowRegistry& flows) { flows_ = &flows; }
  void OnEvent(const correlator::ReplayEvent& /*event*/) override {}
  void OnMatch(const correlator::Match& match) override { judge_.Take(match, *flows_); }

 private:
  Judge& judge_;
  const correlator::FlowRegistry* flows_ = nullptr;
};

}  // namespace

capture_config CaptureConfigOf(const SignatureParameters& parameters) {
  return capture_config_make(
      SignatureSeed(parameters.seed_text), static_cast<uint32_t>(parameters.window_size_bytes),
      SignatureRateBits(parameters), correlator::ReplayOptions().silence_threshold,
      CAPTURE_ALGORITHM_XXHASH);
}

absl::StatusOr<ProductCounts> ReplayPoints(const std::vector<PointFile>& files,
                                           const SignatureParameters& parameters,
                                           bool detects_audio, Judge* judge) {
  const NobodyKnown directory;
  JudgingTap tap(judge);
  correlator::ReplayOptions options;
  options.signature = parameters;
  options.detect_cadence = detects_audio;
  ASSIGN_OR_RETURN(const std::unique_ptr<correlator::Replay> replay,
                   correlator::Replay::Create(options, directory, &tap));
  tap.Watch(replay->flows());
  std::vector<correlator::CaptureFile> captures;
  for (size_t i = 0; i < files.size(); ++i) {
    captures.push_back(
        {.path = files[i].path, .node = PointName(i), .clock_offset_ns = files[i].clock_offset_ns});
  }
  const auto ignore_progress = [](const correlator::ReplayProgress& /*progress*/) {};
  for (const correlator::CaptureOutcome& outcome :
       correlator::ReplayFiles(std::move(captures), replay.get(), ignore_progress)) {
    RETURN_IF_ERROR(outcome.problem);
  }
  return ProductCounts{.events = replay->counters().events,
                       .collisions = replay->matching_counters().collisions};
}

}  // namespace audio_latency::accuracy
