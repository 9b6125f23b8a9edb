#include "probe/containers/pod_names.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/recording_logger.h"
#include "tests/unit/probe/containers/fake_kubelet.h"

namespace audio_latency::probe {
namespace {

using testing::RecordingLogger;

struct Fixture {
  std::shared_ptr<KubeletAnswers> answers = std::make_shared<KubeletAnswers>();
  ManualClock clock{1'000'000'000'000};
  RecordingLogger logger;
  PodNames names{std::make_unique<FakeKubelet>(answers), clock, &logger, 1};
};

TEST_CASE("the kubelet is asked only for a name that is wanted and not known") {
  Fixture f;
  f.answers->pods = {{"a", {"voice", "ingress-0"}}, {"b", {"voice", "egress-0"}}};
  CHECK_FALSE(f.names.Poll());
  CHECK(f.answers->calls == 0);
  CHECK(f.names.Want("a"));
  CHECK(f.names.Poll());
  CHECK(f.names.Find("a") == PodName{"voice", "ingress-0"});
  CHECK(f.names.Find("b") == PodName{"voice", "egress-0"});
  CHECK(f.names.Find("c").empty());
  f.clock.Advance(10 * PodNames::kSpacingNs);
  CHECK_FALSE(f.names.Poll());
  CHECK(f.answers->calls == 1);
}

TEST_CASE("a uid that the kubelet does not know is asked for a few times, spaced") {
  Fixture f;
  CHECK(f.names.Want("gone"));
  CHECK(f.names.Poll());
  CHECK_FALSE(f.names.Poll());
  f.clock.Advance(PodNames::kSpacingNs - 1);
  CHECK_FALSE(f.names.Poll());
  f.clock.Advance(1);
  CHECK(f.names.Poll());
  f.clock.Advance(PodNames::kSpacingNs);
  CHECK(f.names.Poll());
  CHECK(f.answers->calls == PodNames::kMostAnswersWithout);
  CHECK_FALSE(f.names.Want("gone"));
  f.clock.Advance(10 * PodNames::kSpacingNs);
  CHECK_FALSE(f.names.Poll());
}

TEST_CASE("a kubelet that fails is asked ever more seldom, is told of once, and names stay") {
  Fixture f;
  f.answers->pods = {{"a", {"voice", "ingress-0"}}};
  f.names.Want("a");
  f.names.Poll();
  f.answers->status = absl::UnavailableError("out of reach");
  f.names.Want("b");
  constexpr int64_t kStepNs = 100'000'000;
  constexpr int64_t kHourNs = 3'600'000'000'000;
  for (int64_t passed_ns = 0; passed_ns < kHourNs; passed_ns += kStepNs) {
    f.clock.Advance(kStepNs);
    f.names.Poll();
  }
  // Waits of at most two minutes, and at least half of that but for the first seven.
  CHECK(f.answers->calls > 30);
  CHECK(f.answers->calls < 70);
  CHECK(f.names.statistics().failures == f.names.statistics().requests - 1);
  CHECK(f.logger.Count("kubelet_error") == 1);
  CHECK(f.names.Find("a").pod == "ingress-0");

  f.answers->status = absl::OkStatus();
  f.answers->pods = {{"b", {"voice", "egress-0"}}};
  f.clock.Advance(PodNames::kLongestWaitNs);
  CHECK(f.names.Poll());
  CHECK(f.names.Find("b").pod == "egress-0");
  // What the newest answer does not have is forgotten.
  CHECK(f.names.Find("a").empty());
  CHECK(f.logger.Has("kubelet_answers"));
}

TEST_CASE("without a kubelet nobody need wait for a name, and there is a bound to what is wanted") {
  ManualClock clock;
  RecordingLogger logger;
  PodNames nobody(nullptr, clock, &logger, 1);
  CHECK_FALSE(nobody.Want("a"));
  CHECK_FALSE(nobody.Poll());
  CHECK_FALSE(nobody.statistics().is_configured);

  Fixture f;
  for (size_t i = 0; i < PodNames::kMostWanted; ++i) {
    f.names.Want(std::to_string(i));
  }
  CHECK_FALSE(f.names.Want("one more"));
}

}  // namespace
}  // namespace audio_latency::probe
