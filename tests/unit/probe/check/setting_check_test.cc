#include "probe/check/setting_check.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/http/http_server.h"
#include "common/time/clock.h"
#include "tests/lab/scratch_folder.h"
#include "tests/unit/common/tls/test_authority.h"

namespace audio_latency::probe {
namespace {

using Catch::Contains;

constexpr int64_t kDayS = 24 * 3600;

// Files of one certificate.
class Files {
 public:
  explicit Files(const CertificateRequest& request) : own(authority.Issue(request)) {
    options.files = {.certificate = folder.Write("own.pem", own.certificate_pem),
                     .key = folder.Write("own.key", own.key_pem),
                     .authorities = folder.Write("ca.pem", authority.certificate_pem())};
  }
  CheckItem Check() const {
    return CheckCertificates(options, RealtimeClock().NowNs() / 1'000'000'000);
  }

  const lab::ScratchFolder folder;
  const TestAuthority authority{"authority"};
  const IssuedCertificate own;
  TlsOptions options;
};

TEST_CASE("good certificates are ok, and so are none where none are given") {
  const CheckItem good = Files({.common_name = "node-a", .ends_s = 30 * kDayS}).Check();
  CHECK(good.state == CheckState::kOk);
  CHECK_THAT(good.found, Contains("node-a") && Contains("valid until 20"));
  CHECK(good.advice.empty());
  const CheckItem none = CheckCertificates({}, 0);
  CHECK(none.state == CheckState::kOk);
  CHECK_THAT(none.found, Contains("plain text"));
}

TEST_CASE("certificates that end, have ended or have not begun") {
  const CheckItem soon = Files({.common_name = "node-a", .ends_s = 6 * kDayS}).Check();
  CHECK(soon.state == CheckState::kNote);
  CHECK_THAT(soon.advice, Contains("renew"));
  const CheckItem expired = Files({.common_name = "node-a", .ends_s = -60}).Check();
  CHECK(expired.state == CheckState::kMissing);
  CHECK_THAT(expired.found, Contains("has expired"));
  const CheckItem early = Files({.common_name = "node-a", .begins_s = 600}).Check();
  CHECK(early.state == CheckState::kMissing);
  CHECK_THAT(early.found, Contains("not valid before"));
  CHECK_THAT(early.advice, Contains("clock"));
}

TEST_CASE("certificate files that the probe could not use are missing, by name") {
  Files files({.common_name = "node-a", .ends_s = 30 * kDayS});
  files.folder.Write("own.key", files.authority.IssueFor("node-b").key_pem);
  CHECK(files.Check().state == CheckState::kMissing);
  CHECK_THAT(files.Check().found, Contains("own.key"));
  files.options.files.certificate = files.folder.path() + "/none.pem";
  CHECK(files.Check().state == CheckState::kMissing);
  CHECK_THAT(files.Check().found, Contains("none.pem"));
  CHECK_THAT(files.Check().advice, Contains("TLS_CERT_FILE"));
}

TEST_CASE("a port that is free is ok, one that is taken is not, unless a probe runs already") {
  auto holder = HttpServer::Start("127.0.0.1", 0, {});
  REQUIRE(holder.ok());
  const uint16_t port = (*holder)->port();
  const CheckItem taken = CheckMetricsPort("127.0.0.1", port, false);
  CHECK(taken.state == CheckState::kMissing);
  CHECK_THAT(taken.found, Contains(std::to_string(port)) && Contains("taken"));
  CHECK_THAT(taken.advice, Contains("another port"));
  const CheckItem beside = CheckMetricsPort("127.0.0.1", port, true);
  CHECK(beside.state == CheckState::kNote);
  CHECK_THAT(beside.advice, Contains("a probe runs on this machine already"));
  holder->reset();
  CHECK(CheckMetricsPort("127.0.0.1", port, false).state == CheckState::kOk);
}

}  // namespace
}  // namespace audio_latency::probe
