// The uplink against a correlator's real server with certificates.

#include <catch2/catch.hpp>
#include <fstream>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/uplink/uplink.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_logger.h"
#include "tests/unit/correlator/ingest/batches.h"
#include "tests/unit/correlator/server/secured_correlator.h"

namespace audio_latency::probe {
namespace {

using correlator::SecuredCorrelator;
using testing::Eventually;
using testing::RecordingLogger;

// One probe's uplink with certificate files of its own.
class SecuredProbe {
 public:
  SecuredProbe(const SecuredCorrelator& correlator, const std::string& node,
               const IssuedCertificate& own, const std::string& instance = "i-1")
      : SecuredProbe(correlator, node, own, instance, correlator.authority) {}
  SecuredProbe(const SecuredCorrelator& correlator, const std::string& node,
               const IssuedCertificate& own, const std::string& instance,
               const TestAuthority& trusted) {
    files_ = {.certificate = folder_.path() + "/cert.pem",
              .key = folder_.path() + "/key.pem",
              .authorities = folder_.Write("ca.pem", trusted.certificate_pem())};
    WriteOwn(own);
    auto opened = TlsStore::Open(files_, realtime_, &log_, std::chrono::milliseconds(20));
    INFO(Message(opened.status()));
    REQUIRE(opened.ok());
    tls_ = *std::move(opened);
    UplinkOptions options;
    options.correlator_address = correlator.address;
    options.tls = tls_.get();
    options.hello = correlator::MakeHello(node, instance);
    options.first_retry = std::chrono::milliseconds(20);
    options.longest_retry = std::chrono::milliseconds(200);
    uplink_ =
        Uplink::Start(options, &queue_, &clock_exchange_, datagrams_.get(), monotonic_, &log_);
  }

  void WriteOwn(const IssuedCertificate& own) const {
    folder_.Write("cert.pem", own.certificate_pem);
    folder_.Write("key.pem", own.key_pem);
  }
  bool IsConnected() const { return uplink_->statistics().connected; }
  bool Says(const std::string& text) const {
    return Eventually([&] { return log_.Everything().find(text) != std::string::npos; });
  }

 private:
  const lab::ScratchFolder folder_;
  TlsFiles files_;
  const MonotonicClock monotonic_;
  const RealtimeClock realtime_;
  RecordingLogger log_;
  std::unique_ptr<TlsStore> tls_;
  BatchQueue queue_{BatchQueue::Limits{}};
  ClockExchange clock_exchange_{monotonic_};
  std::unique_ptr<DatagramExchange> datagrams_ =
      DatagramExchange::Create({.realtime = realtime_, .monotonic = monotonic_, .logger = &log_});
  std::unique_ptr<Uplink> uplink_;
};

TEST_CASE("a probe connects with its certificate") {
  SecuredCorrelator correlator;
  const SecuredProbe probe(correlator, "node-a", correlator.authority.IssueFor("node-a"));
  CHECK(Eventually([&] { return probe.IsConnected(); }));
  CHECK(Eventually([&] {
    return correlator.log.Everything().find("probe_connected: The probe of node node-a") !=
           std::string::npos;
  }));
}

TEST_CASE("a probe that is refused says why, and tries anew at once when its certificate changes") {
  SecuredCorrelator correlator;
  const SecuredProbe probe(
      correlator, "node-a",
      correlator.authority.Issue(
          {.common_name = "node-a", .alternative_names = "DNS:node-a", .ends_s = -60}));
  CHECK(probe.Says("certificate_expiry"));
  CHECK(probe.Says("correlator_refused"));
  CHECK(probe.Says("CN = node-a, or one that it hangs on, has expired"));
  CHECK_FALSE(probe.IsConnected());
  // Long before the 30 s after which a refused probe would try again.
  probe.WriteOwn(correlator.authority.IssueFor("node-a"));
  CHECK(Eventually([&] { return probe.IsConnected(); }));
}

TEST_CASE("a probe for which there is no room says so and is let in soon after there is") {
  SecuredCorrelator server({.max_streams = 1});
  const IssuedCertificate other = server.authority.IssueFor("node-b");
  auto first =
      std::make_unique<correlator::GoodProbe>(server, server.Credentials(&other), "node-b");
  const SecuredProbe probe(server, "node-a", server.authority.IssueFor("node-a"));
  CHECK(probe.Says("raise MAX_PROBES"));
  first.reset();
  CHECK(Eventually([&] { return probe.IsConnected(); }));
}

TEST_CASE("a probe says that it is not the node of its certificate") {
  SecuredCorrelator correlator;
  const SecuredProbe probe(correlator, "node-b", correlator.authority.IssueFor("node-a"));
  CHECK(probe.Says("the probe reports as node node-b"));
  CHECK(probe.Says("names node-a"));
}

TEST_CASE("a probe says what it has against the correlator's certificate") {
  SecuredCorrelator correlator;
  const TestAuthority stranger("stranger");
  const SecuredProbe probe(correlator, "node-a", correlator.authority.IssueFor("node-a"), "i-1",
                           stranger);
  CHECK(probe.Says("not signed by an authority that is trusted here"));
}

TEST_CASE("two probes of one node: the elder is told by name who took over") {
  SecuredCorrelator correlator;
  const IssuedCertificate own = correlator.authority.IssueFor("node-a");
  const SecuredProbe elder(correlator, "node-a", own, "elder");
  REQUIRE(Eventually([&] { return elder.IsConnected(); }));
  auto younger = std::make_unique<SecuredProbe>(correlator, "node-a", own, "younger");
  REQUIRE(Eventually([&] { return younger->IsConnected(); }));
  CHECK(elder.Says("node_name_taken"));
  CHECK(elder.Says("instance younger, reports node node-a"));
  CHECK(Eventually([&] {
    return correlator.log.Everything().find("probe_superseded: A probe of node node-a") !=
           std::string::npos;
  }));
  CHECK(younger->IsConnected());
  // When that goes again, the elder reports soon (5 s, where a refused probe would wait for 30).
  younger.reset();
  const auto begin = std::chrono::steady_clock::now();
  CHECK(Eventually([&] { return elder.IsConnected(); }));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(15));
}

}  // namespace
}  // namespace audio_latency::probe
