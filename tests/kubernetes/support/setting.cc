#include "tests/kubernetes/support/setting.h"

#include <fmt/format.h>

#include "tests/lab/lab_test.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

// Nobody is ever there.
constexpr char kStranger[] = "192.0.2.1";

}  // namespace

Setting::Setting() : server(Require(ApiServer::Start())) {
  cluster.emplace(server->client());
  account =
      Require(ServiceAccount::Create(server->client(), "voice", "correlator", CorrelatorRules()));
}

void Setting::PublishServer() {
  const uint16_t port = way_ == nullptr ? 0 : way_->port();
  way_.reset();
  way_ = Require(PortForwarder::PublishPort(Require(NetworkNamespace::OfThisThread()), port,
                                            {nullptr, "127.0.0.1", server->admin().port}));
}

void Setting::CutConnections() { PublishServer(); }

void Setting::StartCorrelator() {
  PublishServer();
  ApiAccess access = server->AccessWith(Require(account->NewToken()).text);
  access.port = way_->port();
  const std::string kubeconfig = folder.path() + "/kubeconfig";
  Require(WriteKubeconfig(access, kubeconfig));
  correlator = std::make_unique<TestCorrelator>(
      std::map<std::string, std::string>{{"K8S_ENABLED", "true"}, {"KUBECONFIG", kubeconfig}});
  const bool is_ready = testing::Eventually([this] { return correlator->IsReady(); });
  INFO(correlator->Log());
  REQUIRE(is_ready);
  nodes = std::make_unique<TestNodes>(correlator->address());
}

std::string Setting::NameOfHost(const std::string& address, uint16_t port) {
  return DestinationOf(Ask({.source = kStranger,
                            .destination = address,
                            .source_port = NewPort(),
                            .destination_port = port}));
}

}  // namespace audio_latency::lab
