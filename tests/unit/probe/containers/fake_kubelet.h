// A kubelet that answers what it is told to.

#ifndef TESTS_UNIT_PROBE_CONTAINERS_FAKE_KUBELET_H_
#define TESTS_UNIT_PROBE_CONTAINERS_FAKE_KUBELET_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "probe/containers/kubelet_client.h"

namespace audio_latency::probe {

// Shared by the test and the client that the code under test owns. Thread-safe.
struct KubeletAnswers {
  std::mutex mutex;
  std::map<std::string, PodName> pods;
  absl::Status status;
  int calls = 0;
};

class FakeKubelet final : public KubeletClient {
 public:
  explicit FakeKubelet(std::shared_ptr<KubeletAnswers> answers) : answers_(std::move(answers)) {}

  absl::Status ForEachPod(const Visit& visit) override {
    const std::lock_guard lock(answers_->mutex);
    ++answers_->calls;
    for (const auto& [uid, name] : answers_->pods) {
      visit(uid, name);
    }
    return answers_->status;
  }
  void Stop() override {}

 private:
  const std::shared_ptr<KubeletAnswers> answers_;
};

}  // namespace audio_latency::probe

#endif  // TESTS_UNIT_PROBE_CONTAINERS_FAKE_KUBELET_H_
