// Two nodes with audio streams between them, the product, and the account of every event.

#ifndef TESTS_E2E_STREAMS_H_
#define TESTS_E2E_STREAMS_H_

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/probe/media_load.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/demo/ledger.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {

// G.711 streams from pod sender-1 on node-a to receiver-1 on node-b. For tests within a lab.
class StreamSetting {
 public:
  // `folder`: for logs; empty: one of its own.
  explicit StreamSetting(int streams = 20, const std::string& folder = "");
  ~StreamSetting();

  // The correlator and the probes, until they are ready.
  void Start(const std::map<std::string, std::string>& correlator = {},
             std::map<std::string, std::string> probes = {});

  void StartStreams();
  // An error when something could not be sent: traffic was harmed.
  void StopStreams();

  std::vector<Ledger> Ledgers() const;
  // When streams have stopped and nothing is on its way any more: every event is taken or counted,
  // and of those that were taken every one is decided or counted.
  std::vector<Ledger> SettledLedgers() const;
  // A number on the page of the first node's probe.
  double OnProbe(const std::string& sample) const;
  // The sum of a family's samples on the correlator's page, or of one sample.
  double OnCorrelator(const std::string& family) const;
  std::string Log(const std::string& program) const;

  std::unique_ptr<Cluster> cluster;
  Node* node_a;
  Node* node_b;
  Pod* sender;
  Pod* receiver;
  ScratchFolder own_folder;
  std::string folder;
  std::unique_ptr<Deployment> deployment;

 private:
  std::unique_ptr<bench::MediaLoad> load_;
  std::jthread streams_;
  absl::Status sent_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_E2E_STREAMS_H_
