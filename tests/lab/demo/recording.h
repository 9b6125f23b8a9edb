// A recording of the scenario: what passed each pod's interface, and everything that is known of
// it.

#ifndef TESTS_LAB_DEMO_RECORDING_H_
#define TESTS_LAB_DEMO_RECORDING_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lab/audio/transfer_report.h"
#include "tests/lab/capture.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/match_audit.h"
#include "tests/lab/demo/promises.h"

namespace audio_latency::lab {

// In a folder: recording.json (this), endpoints.yaml, and the captures.
struct Recording {
  struct File {
    std::string node;
    // In the folder.
    std::string name;
  };
  struct RecordedCall {
    CallTruth truth;
    int hold_ms = 0;
    TransferReport sent;
    TransferReport received;
  };

  int seconds = 0;
  std::vector<File> files;
  std::vector<RecordedCall> calls;
};

absl::StatusOr<Recording> ReadRecording(const std::string& folder);

// Captures at all pods' interfaces on their nodes. Not thread-safe.
class Recorder {
 public:
  // The folder is made; what another recording left there is overwritten. `cluster` must outlive
  // the recorder.
  static absl::StatusOr<std::unique_ptr<Recorder>> Start(const Cluster& cluster,
                                                         const std::string& folder);
  // Packs the captures and writes what is known of them. `truths` and `result` are of the same
  // calls in the same order.
  absl::Status Finish(const std::vector<CallTruth>& truths, const ScenarioResult& result,
                      int seconds);

 private:
  struct Running {
    Recording::File file;
    std::string path;
    Capture capture;
  };

  Recorder(const Cluster& cluster, std::string folder)
      : cluster_(cluster), folder_(std::move(folder)) {}

  const Cluster& cluster_;
  const std::string folder_;
  std::vector<Running> captures_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_RECORDING_H_
