// The delays of every hop and every path.

#ifndef CORRELATOR_PATHS_SERIES_TABLE_H_
#define CORRELATOR_PATHS_SERIES_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/paths/delay_histogram.h"
#include "correlator/paths/match_log.h"
#include "correlator/paths/snapshot.h"

namespace audio_latency::correlator {

// One delay that was measured.
struct DelaySample {
  int64_t delay_ns = 0;
  // ClockErrorBoard::kUnboundedNs: not known.
  int64_t error_bound_ns = 0;
};

// One hop of a path: its ends, and its delay when both ends were seen.
struct PathStep {
  HopKind kind = HopKind::kTransit;
  EndpointId source = 0;
  EndpointId destination = 0;
  std::optional<DelaySample> sample;
};

// A path that takes samples. Endpoints are by workload; where several pods share a hop, its pod is
// left empty.
class PathSeries {
 public:
  PathSeries(std::string path, const std::vector<PathStep>& steps);

  // `end_ns`: when the audio arrived; `now_ns`: of this call. Both are monotonic.
  void Add(const DelaySample& sample, const std::vector<PathStep>& steps, int64_t end_ns,
           int64_t now_ns, const MatchBlock& block, size_t match);
  PathSnapshot Snapshot(const FlowRegistry& flows, uint32_t window_seconds, int64_t now_ns,
                        int64_t unix_minus_monotonic_ns) const;

  const std::string& path() const { return path_; }
  int64_t newest_ns() const { return delay_.newest_ns(); }
  const MatchBlock& newest_block() const { return newest_block_; }
  size_t newest_match() const { return newest_match_; }

 private:
  struct Hop {
    HopKind kind = HopKind::kTransit;
    EndpointId source = 0;
    EndpointId destination = 0;
    bool several_sources = false;
    bool several_destinations = false;
    DelaySeries delay;
  };

  void NoteSecond(int64_t end_ns);

  const std::string path_;
  DelaySeries delay_;
  std::vector<Hop> hops_;
  int64_t newest_end_ns_ = 0;
  // Coverage: seconds with a sample, of those between the first and the last. The bits are the
  // latest seconds, newest lowest, for samples that come out of order.
  int64_t first_second_ = -1;
  int64_t last_second_ = -1;
  int64_t covered_seconds_ = 0;
  uint64_t latest_seconds_ = 0;
  MatchBlock newest_block_;
  size_t newest_match_ = 0;
};

// Not thread-safe. Each of hops and paths is bounded; beyond, samples go to a series named "other"
// and are counted. A series that got no sample for kIdleNs goes.
class SeriesTable {
 public:
  static constexpr int64_t kIdleNs = 3'600'000'000'000;

  // `flows` must outlive the table.
  SeriesTable(const FlowRegistry* flows, size_t max_series);

  void AddHop(HopKind kind, EndpointId source, EndpointId destination, const DelaySample& sample,
              int64_t now_ns);
  // The series of a path's name; the one named "other" when there is no room. Valid until
  // ForgetIdle.
  PathSeries* Path(const std::vector<std::string>& names, const std::vector<PathStep>& steps);
  // Whether the path is the beginning (or the end) of a longer one that is known.
  bool IsPrefix(const std::string& path) const { return prefixes_.contains(path); }
  bool IsSuffix(const std::string& path) const { return suffixes_.contains(path); }
  static std::string PathText(const std::vector<std::string>& names, size_t begin, size_t end);

  void ForgetIdle(int64_t now_ns);
  std::vector<PathSnapshot> Paths(uint32_t window_seconds, int64_t now_ns,
                                  int64_t unix_minus_monotonic_ns) const;
  std::vector<HopSnapshot> Hops(uint32_t window_seconds, int64_t now_ns) const;

  const absl::flat_hash_map<std::string, std::unique_ptr<PathSeries>>& paths() const {
    return paths_;
  }
  size_t hop_count() const { return hops_.size(); }
  size_t max_series() const { return max_series_; }
  size_t size() const { return hops_.size() + paths_.size(); }
  // Raised whenever series went, so that what points at them is looked up anew.
  uint64_t generation() const { return generation_; }
  uint64_t hop_samples_in_other() const { return hop_samples_in_other_; }
  uint64_t path_samples_in_other() const { return path_samples_in_other_; }

 private:
  using HopKey = std::tuple<HopKind, EndpointId, EndpointId>;

  void NoteParts(const std::vector<std::string>& names);

  const FlowRegistry& flows_;
  const size_t max_series_;
  absl::flat_hash_map<HopKey, std::unique_ptr<DelaySeries>> hops_;
  std::unique_ptr<DelaySeries> other_transit_;
  std::unique_ptr<DelaySeries> other_processing_;
  absl::flat_hash_map<std::string, std::unique_ptr<PathSeries>> paths_;
  std::vector<std::vector<std::string>> path_names_;
  std::unique_ptr<PathSeries> other_path_;
  absl::flat_hash_set<std::string> prefixes_;
  absl::flat_hash_set<std::string> suffixes_;
  uint64_t generation_ = 0;
  uint64_t hop_samples_in_other_ = 0;
  uint64_t path_samples_in_other_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_PATHS_SERIES_TABLE_H_
