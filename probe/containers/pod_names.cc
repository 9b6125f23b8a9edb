#include "probe/containers/pod_names.h"

#include <algorithm>
#include <utility>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::probe {

PodNames::PodNames(std::unique_ptr<KubeletClient> kubelet, const Clock& clock, Logger* logger,
                   uint32_t random_seed)
    : kubelet_(std::move(kubelet)),
      clock_(clock),
      logger_(logger),
      random_(random_seed),
      next_poll_ns_(clock.NowNs()) {
  statistics_.is_configured = kubelet_ != nullptr;
}

PodName PodNames::Find(const std::string& uid) const {
  const auto found = names_.find(uid);
  return found == names_.end() ? PodName{} : found->second;
}

bool PodNames::Want(const std::string& uid) {
  if (kubelet_ == nullptr) {
    return false;
  }
  const auto wanted = wanted_.find(uid);
  if (wanted != wanted_.end()) {
    return wanted->second < kMostAnswersWithout;
  }
  if (wanted_.size() >= kMostWanted) {
    return false;
  }
  wanted_.emplace(uid, 0);
  return true;
}

bool PodNames::Poll() {
  const int64_t now_ns = clock_.NowNs();
  const bool is_wanted = std::any_of(wanted_.begin(), wanted_.end(), [](const auto& wanted) {
    return wanted.second < kMostAnswersWithout;
  });
  if (!is_wanted || now_ns < next_poll_ns_) {
    return false;
  }
  ++statistics_.requests;
  absl::flat_hash_map<std::string, PodName> names;
  const absl::Status asked = kubelet_->ForEachPod(
      [&](std::string uid, PodName name) { names.emplace(std::move(uid), std::move(name)); });
  if (absl::IsCancelled(asked)) {
    return false;  // by our own shutdown
  }
  if (!asked.ok()) {
    NoteFailure(asked);
    return false;
  }
  if (!last_status_.ok()) {
    logger_->Info("kubelet_answers", "The kubelet tells the pods' names again",
                  {{"pods", names.size()}});
  }
  last_status_ = absl::OkStatus();
  wait_ns_ = kFirstWaitNs;
  next_poll_ns_ = clock_.NowNs() + kSpacingNs;
  names_ = std::move(names);
  statistics_.pods = names_.size();
  for (auto& [uid, answers_without] : wanted_) {
    answers_without = std::min(answers_without + 1, kMostAnswersWithout);
  }
  absl::erase_if(wanted_, [&](const auto& wanted) { return names_.contains(wanted.first); });
  if (wanted_.size() >= kMostWanted) {
    // Of pods that are long gone; what is there still is asked for again.
    wanted_.clear();
  }
  return true;
}

void PodNames::NoteFailure(const absl::Status& failure) {
  ++statistics_.failures;
  std::uniform_int_distribution<int64_t> wait(wait_ns_ / 2, wait_ns_);
  next_poll_ns_ = clock_.NowNs() + wait(random_);
  wait_ns_ = std::min(wait_ns_ * 2, kLongestWaitNs);
  if (failure != last_status_) {
    logger_->Warn("kubelet_error",
                  fmt::format("{}; pods are told to the correlator by uid only", Message(failure)));
  }
  last_status_ = failure;
}

void PodNames::Stop() {
  if (kubelet_ != nullptr) {
    kubelet_->Stop();
  }
}

}  // namespace audio_latency::probe
