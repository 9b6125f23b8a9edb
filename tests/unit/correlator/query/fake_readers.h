// Readers that answer what a test put into them.

#ifndef TESTS_UNIT_CORRELATOR_QUERY_FAKE_READERS_H_
#define TESTS_UNIT_CORRELATOR_QUERY_FAKE_READERS_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "correlator/ingest/node_reader.h"
#include "correlator/load/load_reader.h"
#include "correlator/matching/matching_reader.h"
#include "correlator/paths/path_reader.h"

namespace audio_latency::correlator {

class FakePathReader final : public PathReader {
 public:
  std::vector<PathSnapshot> paths;
  std::vector<HopSnapshot> hops;
  std::vector<Match> matches;
  std::vector<std::pair<std::string, double>> drops;
  // What the last caller asked for.
  mutable uint32_t window_seconds = 0;

  std::vector<PathSnapshot> Paths(uint32_t window) const override {
    const std::lock_guard lock(mutex_);
    window_seconds = window;
    return paths;
  }
  std::vector<HopSnapshot> Hops(uint32_t /*window*/) const override { return hops; }
  std::vector<Match> Find(uint64_t signature) const override {
    std::vector<Match> found;
    for (const Match& match : matches) {
      if (match.signature == signature) {
        found.push_back(match);
      }
    }
    return found;
  }
  std::optional<Match> Newest(std::string_view path) const override {
    if (matches.empty() || (!path.empty() && (paths.empty() || paths[0].path != path))) {
      return std::nullopt;
    }
    return matches.back();
  }
  std::unique_ptr<MatchSubscription> Subscribe() override {
    return std::make_unique<Subscription>(*this);
  }
  std::vector<std::pair<std::string, double>> Drops() const override { return drops; }

 private:
  // Gives all matches at once, and says that three were lost before.
  class Subscription final : public MatchSubscription {
   public:
    explicit Subscription(const FakePathReader& reader) : reader_(reader) {}

    bool Next(int timeout_ms, std::vector<Match>* matches, uint64_t* skipped) override {
      *skipped = 0;
      std::unique_lock lock(mutex_);
      if (!given_) {
        given_ = true;
        *skipped = 3;
        matches->insert(matches->end(), reader_.matches.begin(), reader_.matches.end());
        return true;
      }
      cancelled_changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                  [this] { return cancelled_; });
      return !cancelled_;
    }
    void Cancel() override {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      cancelled_changed_.notify_all();
    }

   private:
    const FakePathReader& reader_;
    std::mutex mutex_;
    std::condition_variable cancelled_changed_;
    bool given_ = false;
    bool cancelled_ = false;
  };

  mutable std::mutex mutex_;
};

class FakeNodeReader final : public NodeReader {
 public:
  std::vector<NodeSnapshot> nodes;
  std::vector<PodSignatures> signatures;
  std::vector<std::pair<std::string, double>> errors;

  // How often a snapshot of all nodes was taken.
  mutable std::atomic<int> snapshots = 0;

  std::vector<NodeSnapshot> Nodes() const override {
    ++snapshots;
    return nodes;
  }
  std::vector<PodSignatures> Signatures() const override { return signatures; }
  std::vector<std::pair<std::string, double>> Errors() const override { return errors; }
};

class FakeMatchingReader final : public MatchingReader {
 public:
  MatchingCounters counters;

  MatchingCounters Counters() const override { return counters; }
};

class FakeLoadReader final : public LoadReader {
 public:
  LoadSnapshot snapshot;

  LoadSnapshot Load() const override { return snapshot; }
};

// The path ingress > processor > egress over node-a, node-b and node-c, with its hops, and the
// probes of the three nodes.
void FillThreeNodes(FakePathReader* paths, FakeNodeReader* nodes, FakeMatchingReader* matching);

// A pod on a node: "ingress-1" of the workload "ingress" at 10.0.1.5.
Endpoint PodEndpoint(const std::string& workload, int number, const std::string& node);

}  // namespace audio_latency::correlator

#endif  // TESTS_UNIT_CORRELATOR_QUERY_FAKE_READERS_H_
