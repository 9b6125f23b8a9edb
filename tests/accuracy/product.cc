#include "tests/accuracy/product.h"

#include <fmt/format.h>

#include <memory>

#include "bpf/capture_layout.h"
#include "common/status/status_macros.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/replay/replay.h"

namespace audio_latency::accuracy {
namespace {

// Every address is an endpoint of its own.
class NobodyKnown final : public correlator::EndpointDirectory {
 public:
  correlator::Endpoint Resolve(const IpAddress& address, uint16_t /*port*/,
                               int64_t /*unix_time_ns*/) const override {
    correlator::Endpoint endpoint;
    endpoint.address = address;
    return endpoint;
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

absl::StatusOr<ProductCounts> ReplayFiles(const std::vector<CaptureFile>& points,
                                          const std::vector<int64_t>& clock_offsets_ns,
                                          const SignatureParameters& parameters, Judge* judge) {
  NobodyKnown directory;
  JudgingTap tap(judge);
  correlator::ReplayOptions options;
  options.signature = parameters;
  ASSIGN_OR_RETURN(const std::unique_ptr<correlator::Replay> replay,
                   correlator::Replay::Create(options, directory, &tap));
  tap.Watch(replay->flows());
  std::vector<size_t> next(points.size(), 0);
  for (size_t i = 0; i < points.size(); ++i) {
    ASSIGN_OR_RETURN(const correlator::PointId id,
                     replay->AddPoint({.node = PointName(i),
                                       .interface_name = "eth0",
                                       .clock_offset_ns = clock_offsets_ns[i]}));
    (void)id;
  }
  for (;;) {
    size_t best = points.size();
    for (size_t i = 0; i < points.size(); ++i) {
      if (next[i] < points[i].frames().size() &&
          (best == points.size() ||
           points[i].frames()[next[i]].first + clock_offsets_ns[i] <
               points[best].frames()[next[best]].first + clock_offsets_ns[best])) {
        best = i;
      }
    }
    if (best == points.size()) {
      break;
    }
    const auto& [time_ns, frame] = points[best].frames()[next[best]++];
    replay->Packet(static_cast<correlator::PointId>(best), time_ns,
                   {reinterpret_cast<const uint8_t*>(frame.data()), frame.size()},
                   static_cast<uint32_t>(frame.size()), correlator::Direction::kUnknown);
  }
  replay->Finish();
  return ProductCounts{.events = replay->counters().events,
                       .collisions = replay->matching_counters().collisions};
}

}  // namespace audio_latency::accuracy
