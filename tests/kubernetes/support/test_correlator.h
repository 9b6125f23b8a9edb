// The real correlator beside an API server, and what it answers.

#ifndef TESTS_KUBERNETES_SUPPORT_TEST_CORRELATOR_H_
#define TESTS_KUBERNETES_SUPPORT_TEST_CORRELATOR_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audio_latency/v1/latency.grpc.pb.h"
#include "tests/kubernetes/support/test_nodes.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {

// Runs until it is destroyed, on loopback; fails the test that makes it where it does not start.
// Not thread-safe.
class TestCorrelator {
 public:
  // Waits until it answers, whatever it knows by then. `environment` goes before what it needs
  // here.
  explicit TestCorrelator(std::map<std::string, std::string> environment);

  // Of its gRPC port.
  std::string address() const;
  const Process& process() const { return process_; }
  bool IsRunning() { return process_.IsRunning(); }

  // A page of its HTTP port; 0 where it does not answer.
  struct Page {
    int status = 0;
    std::string body;
  };
  Page Get(const std::string& path) const;
  bool IsReady() const { return Get("/readyz").status == 200; }
  // A sample of its metrics, or the sum of a family's; 0 when it is not there.
  double Metric(const std::string& sample) const;
  std::string Log() const;
  // Until the line is in the log; false after a long time without it.
  bool LogsWithin(const std::string& text, std::chrono::seconds limit) const;

  // The newest trace of a signature; nothing while it is not decided.
  std::optional<v1::Trace> TraceOf(const std::string& signature) const;

 private:
  ScratchFolder folder_;
  uint16_t grpc_port_ = 0;
  uint16_t http_port_ = 0;
  Process process_;
  std::unique_ptr<v1::LatencyService::Stub> stub_;
};

// Sends a piece of audio and waits for the trace of it. Nodes that have only just connected are
// given time: pieces are sent until one is told.
v1::Trace TraceOfOnePiece(const TestCorrelator& correlator, TestNodes* nodes,
                          const Conversation& conversation);

// "ingress (ingress-1)": workload and pod as an answer names them; the address where it names none.
std::string NameOf(const v1::Endpoint& endpoint);
// Of a trace's first point.
std::string SourceOf(const v1::Trace& trace);
std::string DestinationOf(const v1::Trace& trace);

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_SUPPORT_TEST_CORRELATOR_H_
