// The demo's calls: speech from pod to pod to pod, of which everything is known.

#ifndef TESTS_LAB_DEMO_CALLS_H_
#define TESTS_LAB_DEMO_CALLS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lab/audio/transfer_report.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/match_audit.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {

// The ports of the calls, as AUDIO_PORTS takes them: without them a TCP stream is signed only when
// its cadence has shown for two seconds that it is audio.
inline constexpr char kCallPorts[] = "7000,5004";

struct CallPlan {
  bool is_rtp = false;
  // How long the pod in the middle holds the audio.
  int hold_ms = 0;
  int seconds = 0;
  std::string language;  // "en" or "es"
  uint64_t seed = 1;
  const Pod* source = nullptr;
  const Pod* relay = nullptr;
  const Pod* sink = nullptr;

  // "ingress > processor > egress"
  std::string path() const;
};

// One call under way. Not thread-safe.
class Call {
 public:
  // Starts the listener, the relay and, once these listen, the caller; logs and reports go to
  // `folder`.
  static absl::StatusOr<std::unique_ptr<Call>> Start(const CallPlan& plan,
                                                     const std::string& folder);

  // True until the caller has said everything.
  bool IsSpeaking();
  // Waits for what was said to arrive and ends the programs. What was sent and what arrived:
  struct Outcome {
    TransferReport sent;
    TransferReport received;
  };
  absl::StatusOr<Outcome> Finish();

  const CallPlan& plan() const { return plan_; }

 private:
  struct Program {
    std::string name;
    std::string log_path;
    Process process;
  };

  Call(CallPlan plan, std::string folder) : plan_(std::move(plan)), folder_(std::move(folder)) {}

  absl::Status StartProgram(const Pod& pod, std::vector<std::string> arguments);
  absl::Status StartListener(const Pod& pod, std::vector<std::string> arguments);
  absl::Status StartTcp();
  absl::Status StartRtp();
  std::string ReportPath(const Pod& pod) const;

  const CallPlan plan_;
  const std::string folder_;
  std::vector<Program> programs_;  // sink, relay, source
};

// What the audit needs to know of a call.
absl::StatusOr<CallTruth> MakeTruth(const CallPlan& plan);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_CALLS_H_
