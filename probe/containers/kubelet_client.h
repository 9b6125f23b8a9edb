// Asks the node's kubelet for the pods of the node.

#ifndef PROBE_CONTAINERS_KUBELET_CLIENT_H_
#define PROBE_CONTAINERS_KUBELET_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "probe/containers/container_identity.h"
#include "probe/containers/kubelet_options.h"

namespace audio_latency::probe {

// GET /pods of the kubelet's API (needs the right "get" on nodes/proxy, and on nodes/pods where the
// kubelet knows it). One thread asks; Stop is for any.
class KubeletClient {
 public:
  // An answer beyond this is cut off and is an error; a node of 250 pods has some MB. It is read as
  // it comes, not kept.
  static constexpr size_t kMostBytes = size_t{32} * 1024 * 1024;
  // Pods that one answer may name; a node has a few hundred.
  static constexpr size_t kMostPods = 10'000;

  // From the question to the end of the answer; a question that takes longer is ended.
  static constexpr std::chrono::seconds kLongestQuestion{30};

  static absl::StatusOr<std::unique_ptr<KubeletClient>> Create(
      const KubeletOptions& options, std::chrono::milliseconds longest_question = kLongestQuestion);
  virtual ~KubeletClient() = default;

  using Visit = std::function<void(std::string uid, PodName name)>;
  // Calls `visit` with each pod; of a failed call some may have come. UNAUTHENTICATED (401),
  // PERMISSION_DENIED (403), UNAVAILABLE (no connection, a certificate that is not trusted, other
  // answers), DEADLINE_EXCEEDED, INVALID_ARGUMENT (no list of pods), FAILED_PRECONDITION (files),
  // with what to do; CANCELLED after Stop. The files are read anew for each question.
  virtual absl::Status ForEachPod(const Visit& visit) = 0;
  // Ends a call that is under way, and all later ones.
  virtual void Stop() = 0;
};

}  // namespace audio_latency::probe

#endif  // PROBE_CONTAINERS_KUBELET_CLIENT_H_
