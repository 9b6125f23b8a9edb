// The product's ports on the host, while the demo runs.

#ifndef TESTS_LAB_DEMO_PUBLICATION_H_
#define TESTS_LAB_DEMO_PUBLICATION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/lab/demo/scenario.h"
#include "tests/lab/lab.h"
#include "tests/lab/port_forwarder.h"

namespace audio_latency::lab {

// The correlator's gRPC and metrics and every probe's metrics on 127.0.0.1.
class Publication {
 public:
  // Where a port is taken, another one is picked.
  static absl::StatusOr<Publication> Start(const Lab& lab, Scenario* scenario);

  // What to type to ask further; `program_folder` is where `audio-latency` lies.
  std::vector<std::string> Commands(const std::string& program_folder) const;

 private:
  std::unique_ptr<PortForwarder> grpc_;
  std::unique_ptr<PortForwarder> metrics_;
  std::vector<std::unique_ptr<PortForwarder>> probes_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_PUBLICATION_H_
