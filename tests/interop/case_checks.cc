#include "tests/interop/case_checks.h"

#include <fmt/format.h>

#include <cmath>

#include "tests/interop/result_table.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

constexpr double kLeastCoverage = 0.99;
constexpr double kMostMedianErrorUs = 50;

}  // namespace

void CheckRelay(const MediaLab& lab, const Pod& relay, size_t streams,
                const AuditOptions& options) {
  const RelayTruth truth = MakeRelayTruth(Require(lab.ReadRelay(relay)), relay.address);
  const CaseResult result = AuditRelay(truth, lab.traces(), options);
  Require(lab.Keep(result));
  INFO(ResultTable({result}) << result.first_false_match);
  CHECK(truth.streams.size() == streams);
  CHECK(lab.unseen_matches() == 0);
  CHECK(result.false_matches == 0);
  CHECK(result.speech_seconds > 0);
  CHECK(result.coverage() >= kLeastCoverage);
  CHECK(result.median_error_us <= kMostMedianErrorUs);

  const MediaLab::HopAnswer answer = Require(lab.AnswerFor(relay));
  CHECK(answer.count == static_cast<double>(result.matches));
  // The answer's percentiles come from steps of under 1 %.
  CHECK(std::abs(answer.p50_us - result.median_delay_us) <=
        kMostMedianErrorUs + 0.01 * result.median_delay_us);
}

}  // namespace audio_latency::lab
