// What most tests begin with: an API server, a namespace in it, the correlator with rights of its
// own, and two nodes that report to it.

#ifndef TESTS_KUBERNETES_SUPPORT_SETTING_H_
#define TESTS_KUBERNETES_SUPPORT_SETTING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tests/kubernetes/api_server/api_server.h"
#include "tests/kubernetes/support/accounts.h"
#include "tests/kubernetes/support/test_cluster.h"
#include "tests/kubernetes/support/test_correlator.h"
#include "tests/kubernetes/support/test_nodes.h"
#include "tests/lab/port_forwarder.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {

// For tests within a lab. Not thread-safe.
class Setting {
 public:
  // Without the correlator.
  Setting();

  // With the rights that the product asks for, through a connection that can be cut. Waits until it
  // says that it is ready.
  void StartCorrelator();
  // Of what lies between the correlator and the API server: what is open ends, and it goes on.
  void CutConnections();

  // A piece of audio sent now between these addresses, and how its ends are named.
  v1::Trace Ask(const Conversation& conversation) {
    return TraceOfOnePiece(*correlator, nodes.get(), conversation);
  }
  // A port that no conversation has had yet: a new pod means new connections.
  uint16_t NewPort() { return ++last_port_; }
  // How the host at `address` is named now.
  std::string NameOfHost(const std::string& address, uint16_t port = 8080);

  std::unique_ptr<ApiServer> server;
  std::optional<TestCluster> cluster;
  std::optional<ServiceAccount> account;
  ScratchFolder folder;
  std::unique_ptr<TestCorrelator> correlator;
  std::unique_ptr<TestNodes> nodes;

 private:
  void PublishServer();

  std::unique_ptr<PortForwarder> way_;
  uint16_t last_port_ = 20'000;
};

}  // namespace audio_latency::lab

#endif  // TESTS_KUBERNETES_SUPPORT_SETTING_H_
