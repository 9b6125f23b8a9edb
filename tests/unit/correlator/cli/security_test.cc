// What the command line says when it is not let in.

#include <catch2/catch.hpp>

#include "tests/support/eventually.h"
#include "tests/unit/correlator/cli/cli_runner.h"
#include "tests/unit/correlator/server/secured_correlator.h"

namespace audio_latency::correlator {
namespace {

using audio_latency::testing::Eventually;
using Catch::Matchers::Contains;

// Files of one who asks.
class Asker {
 public:
  explicit Asker(const SecuredCorrelator& correlator) : correlator_(correlator) {
    SetAuthority(correlator.authority);
  }
  void SetAuthority(const TestAuthority& authority) {
    ca_ = folder_.Write("ca.pem", authority.certificate_pem());
  }
  void SetOwn(const IssuedCertificate& own) {
    certificate_ = folder_.Write("cert.pem", own.certificate_pem);
    key_ = folder_.Write("key.pem", own.key_pem);
  }
  void SetToken(const std::string& token) { token_ = folder_.Write("token", token); }

  CliRun Ask(std::vector<const char*> more = {}) const {
    std::vector<const char*> arguments = {"nodes", "--ca", ca_.c_str()};
    if (!certificate_.empty()) {
      arguments.insert(arguments.end(), {"--cert", certificate_.c_str(), "--key", key_.c_str()});
    }
    if (!token_.empty()) {
      arguments.insert(arguments.end(), {"--token-file", token_.c_str()});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCli(correlator_.address, arguments);
  }
  std::string Error(std::vector<const char*> more = {}) const {
    const CliRun run = Ask(std::move(more));
    CHECK(run.exit_code != 0);
    CHECK(run.output.empty());
    CHECK(run.errors.find('\n') == run.errors.size() - 1);
    return run.errors;
  }

 private:
  const SecuredCorrelator& correlator_;
  const lab::ScratchFolder folder_;
  std::string ca_;
  std::string certificate_;
  std::string key_;
  std::string token_;
};

TEST_CASE("with its certificate the command line is let in, else it says what failed") {
  SecuredCorrelator correlator;
  Asker asker(correlator);
  CHECK_THAT(asker.Error(), Contains("a certificate is needed") && Contains("--cert"));
  asker.SetOwn(correlator.authority.Issue({.common_name = "me"}));
  CHECK(asker.Ask().exit_code == 0);
  asker.SetOwn(correlator.authority.Issue({.common_name = "me", .ends_s = -60}));
  CHECK_THAT(asker.Error(), Contains("CN = me") && Contains("has expired"));
  asker.SetOwn(TestAuthority("stranger").Issue({.common_name = "me"}));
  CHECK_THAT(asker.Error(), Contains("not signed by an authority"));
  CHECK_THAT(RunCli(correlator.address, {"nodes"}).errors, Contains("give --ca"));
}

TEST_CASE("the correlator's own certificate is looked at as well") {
  SecuredCorrelator correlator;
  Asker asker(correlator);
  asker.SetOwn(correlator.authority.Issue({.common_name = "me"}));
  CHECK_THAT(asker.Error({"--server-name", "elsewhere"}),
             Contains("for another name than elsewhere") && Contains("names correlator"));
  CHECK(asker.Ask({"--server-name", "correlator"}).exit_code == 0);
  const TestAuthority stranger("stranger");
  asker.SetAuthority(stranger);
  CHECK_THAT(asker.Error(), Contains("not signed by an authority that is trusted here"));
  asker.SetAuthority(correlator.authority);
  correlator.WriteServerFiles(
      correlator.authority.Issue({.common_name = "correlator",
                                  .alternative_names = "DNS:correlator,IP:127.0.0.1",
                                  .ends_s = -60}),
      correlator.authority.certificate_pem());
  REQUIRE(Eventually([&] { return correlator.server->statistics().tls->reloads > 0; }));
  CHECK_THAT(asker.Error(), Contains("CN = correlator") && Contains("has expired"));
}

TEST_CASE("a token opens the correlator where it wants one") {
  SecuredCorrelator correlator({.tokens = "the-token-0123456789\n"});
  Asker asker(correlator);
  CHECK_THAT(asker.Error(), Contains("a token is needed") && Contains("--token-file"));
  asker.SetToken("# mine\nthe-token-0123456789\n");
  CHECK(asker.Ask().exit_code == 0);
  asker.SetToken("  # mine\r\n \t \r\n\t the-token-0123456789 \r\n");
  CHECK(asker.Ask().exit_code == 0);
  asker.SetToken("another-token-0123456789\n");
  CHECK_THAT(asker.Error(), Contains("none of the correlator's TOKEN_FILE"));
  asker.SetToken("\n");
  CHECK_THAT(asker.Error(), Contains("it holds no token"));
}

TEST_CASE("a correlator without TLS is told from one with a bad certificate") {
  SecuredCorrelator correlator({.with_tls = false});
  CHECK(RunCli(correlator.address, {"nodes"}).exit_code == 0);
  CHECK_THAT(Asker(correlator).Error(), Contains("answers, but not in TLS"));
}

TEST_CASE("how to connect must be told in full") {
  CHECK_THAT(RunCli("10.0.0.1:9095", {"nodes"}).errors,
             Contains("--ca") && Contains("--plain-text"));
  CHECK_THAT(RunCli("localhost:1", {"nodes", "--cert", "c.pem"}).errors,
             Contains("--cert and --key belong together"));
  CHECK_THAT(RunCli("localhost:1", {"nodes", "--cert", "c", "--key", "k"}).errors,
             Contains("need --ca"));
  CHECK_THAT(RunCli("localhost:1", {"nodes", "--ca", "c", "--plain-text"}).errors,
             Contains("--plain-text goes without"));
  CHECK_THAT(RunCli("localhost:1", {"nodes", "--ca", "/nowhere.pem"}).errors,
             Contains("/nowhere.pem: there is no such file"));
}

}  // namespace
}  // namespace audio_latency::correlator
