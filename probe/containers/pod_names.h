// Pods' names by uid, from the kubelet, asked as seldom as possible.

#ifndef PROBE_CONTAINERS_POD_NAMES_H_
#define PROBE_CONTAINERS_POD_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/logging/logger.h"
#include "common/time/clock.h"
#include "probe/containers/container_identity.h"
#include "probe/containers/kubelet_client.h"

namespace audio_latency::probe {

// Asks only when a name is wanted that it does not have: at most every kSpacingNs, and after a
// failure at first after kFirstWaitNs, each time twice as long, at most kLongestWaitNs, drawn
// between half of it and all. Holds the pods of the newest answer and nothing else. Not
// thread-safe.
class PodNames {
 public:
  static constexpr int64_t kSpacingNs = 10'000'000'000;
  static constexpr int64_t kFirstWaitNs = 1'000'000'000;
  static constexpr int64_t kLongestWaitNs = 120'000'000'000;
  // A uid that so many answers did not have is not asked for again.
  static constexpr int kMostAnswersWithout = 3;
  // Uids that are wanted at once; more are left without a name.
  static constexpr size_t kMostWanted = KubeletClient::kMostPods;

  // `kubelet` null: nobody is asked. The others must outlive it; `clock` is the monotonic one.
  PodNames(std::unique_ptr<KubeletClient> kubelet, const Clock& clock, Logger* logger,
           uint32_t random_seed);

  // Empty where it is not known.
  PodName Find(const std::string& uid) const;
  // False when it need not be waited for: nobody can tell.
  bool Want(const std::string& uid);
  // Asks the kubelet if it is time to. True when Find may have other answers. Waits for the answer.
  bool Poll();

  struct Statistics {
    bool is_configured = false;
    size_t pods = 0;
    uint64_t requests = 0;
    uint64_t failures = 0;
  };
  const Statistics& statistics() const { return statistics_; }
  // Ends a Poll that waits; from any thread.
  void Stop();

 private:
  void NoteFailure(const absl::Status& failure);

  const std::unique_ptr<KubeletClient> kubelet_;
  const Clock& clock_;
  Logger* const logger_;
  std::minstd_rand random_;
  absl::flat_hash_map<std::string, PodName> names_;
  // How many answers did not have it.
  absl::flat_hash_map<std::string, int> wanted_;
  // On the clock: not before this.
  int64_t next_poll_ns_ = 0;
  int64_t wait_ns_ = kFirstWaitNs;
  absl::Status last_status_;
  Statistics statistics_;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_POD_NAMES_H_
