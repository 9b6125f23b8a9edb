// A cluster with the product in it, for media programs that know nothing of either.

#ifndef TESTS_INTEROP_MEDIA_LAB_H_
#define TESTS_INTEROP_MEDIA_LAB_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audio_latency/v1/latency.pb.h"
#include "tests/interop/hop_answers.h"
#include "tests/interop/relay_audit.h"
#include "tests/interop/rtp_truth.h"
#include "tests/lab/capture.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/demo/match_watcher.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {

// Set by `make interop`: where results, captures and logs are kept.
inline constexpr char kResultFolderVariable[] = "AUDIO_LATENCY_INTEROP_RESULTS";

// UDP ports of the media; signalling lies below. kFirstMediaPort is even, as RTP wants it.
inline constexpr int kFirstMediaPort = 20000;
inline constexpr int kLastMediaPort = 29999;

// Call it inside a lab. Not thread-safe.
class MediaLab {
 public:
  // `name` is the test's; captures and logs lie in a folder of that name.
  static absl::StatusOr<std::unique_ptr<MediaLab>> Create(const std::string& name);
  ~MediaLab();

  // Callers are on node-a, relays on node-b, callees on node-c.
  absl::StatusOr<Pod*> AddCaller(const std::string& name);
  absl::StatusOr<Pod*> AddRelay(const std::string& name);
  absl::StatusOr<Pod*> AddCallee(const std::string& name);

  // All pods must be there. Returns when probes and correlator are ready and tcpdump records every
  // pod's interface on its node, where the probe looks too.
  absl::Status Start();

  // Starts a program in a pod; it ends with the lab at the latest. `name` is the log file's. The
  // pointer is valid until Finish.
  absl::StatusOr<Process*> Run(const Pod& pod, const std::string& name,
                               std::vector<std::string> arguments);
  // Waits until something in the pod has the UDP port.
  absl::Status WaitForPort(const Pod& pod, int port, int timeout_ms = 10'000) const;
  // Waits for the program's end; an error unless it ends well and in time.
  absl::Status WaitForEnd(Process* process, const std::string& name, int timeout_ms) const;

  // Waits for the last matches, then ends all programs and captures.
  absl::Status Finish();

  // After Finish.
  const std::vector<audio_latency::v1::Trace>& traces() const { return traces_; }
  // Matches that went by unseen: must be 0 for the traces to be all.
  double unseen_matches() const { return unseen_matches_; }
  absl::StatusOr<std::vector<RtpRecord>> ReadRelay(const Pod& relay) const;
  // What `audio-latency hops` told.
  const std::vector<HopAnswer>& hops() const { return hops_; }

  // The same questions answered by `audio-latency replay` of the captures.
  struct ReplayAnswer {
    std::vector<audio_latency::v1::Trace> traces;
    std::vector<HopAnswer> hops;
  };
  absl::StatusOr<ReplayAnswer> ReplayCaptures() const;

  // Where files may be put.
  const std::string& folder() const { return folder_; }
  // Keeps the result where kResultFolderVariable says so.
  absl::Status Keep(const CaseResult& result) const;

 private:
  struct Program {
    std::string name;
    Process process;
  };

  MediaLab() = default;
  absl::StatusOr<Pod*> AddPod(Node* node, const std::string& name, const std::string& workload);
  std::string LogPath(const std::string& name) const;
  std::string CapturePath(const Pod& pod) const;
  // The output of `audio-latency replay` of all captures.
  absl::StatusOr<std::string> RunReplay(const std::string& what) const;

  std::optional<ScratchFolder> scratch_;
  std::optional<std::string> result_folder_;
  std::string folder_;
  std::unique_ptr<Cluster> cluster_;
  Node* node_a_ = nullptr;
  Node* node_b_ = nullptr;
  Node* node_c_ = nullptr;
  std::unique_ptr<Deployment> deployment_;
  std::vector<audio_latency::v1::Trace> traces_;
  double unseen_matches_ = 0;
  std::vector<HopAnswer> hops_;
  std::unique_ptr<MatchWatcher> watcher_;
  std::vector<Capture> captures_;
  std::vector<std::unique_ptr<Program>> programs_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_MEDIA_LAB_H_
