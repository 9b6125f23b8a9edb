#include "common/tls/expiry_warning.h"

#include <catch2/catch.hpp>

#include "tests/support/recording_logger.h"

namespace audio_latency {
namespace {

using testing::RecordingLogger;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kHourNs = 3600 * kSecondNs;
constexpr int64_t kDayNs = 24 * kHourNs;
constexpr int64_t kStartNs = 1'800'000'000 * kSecondNs;

struct Bench {
  // A certificate that ends `left_ns` after the start.
  explicit Bench(int64_t left_ns) {
    material.certificate_pem = "of no matter here";
    material.certificate.subject = "CN = a";
    material.certificate.not_after_unix_s = (kStartNs + left_ns) / kSecondNs;
  }
  // How many warnings there were after looking every minute for so long.
  int LookFor(int64_t time_ns) {
    for (int64_t waited_ns = 0; waited_ns < time_ns; waited_ns += 60 * kSecondNs) {
      clock.Advance(60 * kSecondNs);
      warning.Look(material);
    }
    return logger.Count("certificate_expiry");
  }

  ManualClock clock{kStartNs};
  RecordingLogger logger;
  TlsMaterial material;
  ExpiryWarning warning{"cert.pem", clock, &logger};
};

TEST_CASE("a certificate's end is warned of from a week before, each day, until it is renewed") {
  Bench bench(9 * kDayNs);
  CHECK(bench.LookFor(kDayNs) == 0);
  CHECK(bench.LookFor(kDayNs + kHourNs) == 1);
  CHECK(bench.logger.Last() ==
        "The certificate in cert.pem expires on 2027-01-24T08:00:00Z; renew it");
  CHECK(bench.LookFor(kDayNs) == 2);
  CHECK(bench.LookFor(5 * kDayNs) == 7);
  bench.material.certificate.not_after_unix_s += 30 * kDayNs / kSecondNs;
  CHECK(bench.LookFor(kDayNs) == 7);
}

TEST_CASE("that a certificate has ended is said at once, and each day") {
  Bench bench(kHourNs);
  CHECK(bench.LookFor(kHourNs / 2) == 1);
  CHECK(bench.LookFor(kHourNs) == 2);
  CHECK_THAT(bench.logger.Last(), Catch::Contains("cert.pem expired on"));
  CHECK(bench.LookFor(kDayNs) == 3);
}

TEST_CASE("a certificate that replaces another and ends soon too is warned of at once") {
  Bench bench(kDayNs);
  CHECK(bench.LookFor(kHourNs) == 1);
  bench.material.certificate.not_after_unix_s += 10;
  CHECK(bench.LookFor(kHourNs) == 2);
}

TEST_CASE("a wall clock that is set back does not silence the warnings") {
  Bench bench(2 * kDayNs);
  CHECK(bench.LookFor(kHourNs) == 1);
  bench.clock.Advance(-3 * kDayNs);
  CHECK(bench.LookFor(kHourNs) == 2);
}

TEST_CASE("without a certificate of our own there is nothing to warn of") {
  Bench bench(kHourNs);
  bench.material.certificate_pem.clear();
  CHECK(bench.LookFor(kDayNs) == 0);
}

}  // namespace
}  // namespace audio_latency
