#include "common/metrics/metrics_text.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

namespace audio_latency {
namespace {

std::vector<prometheus::MetricFamily> SomeFamilies() {
  std::vector<prometheus::MetricFamily> families;
  families.push_back(CounterFamily("audio_things_total", "Things that happened."));
  AddSample({{"pod", "a"}}, 3, &families.back());
  AddSample({{"pod", "quoted \"b\" \\ and\nnewline"}}, 1e15, &families.back());
  families.push_back(GaugeFamily("audio_clock_error_seconds", "Half the gap."));
  AddSample({}, -2.5e-6, &families.back());
  families.push_back(HistogramFamily("audio_delay_seconds", "Delay of the audio."));
  AddHistogram({{"path", "a > b"}}, std::array{0.001, 0.1}, std::array{4.0, 2.0, 1.0}, 1.5,
               &families.back());
  families.push_back(GaugeFamily("audio_empty_seconds", "Nothing is known."));
  return families;
}

TEST_CASE("a page has the families that have samples") {
  const std::string page = RenderMetrics(SomeFamilies());
  CHECK(page ==
        "# HELP audio_things_total Things that happened.\n"
        "# TYPE audio_things_total counter\n"
        "audio_things_total{pod=\"a\"} 3\n"
        "audio_things_total{pod=\"quoted \\\"b\\\" \\\\ and\\nnewline\"} 1000000000000000\n"
        "# HELP audio_clock_error_seconds Half the gap.\n"
        "# TYPE audio_clock_error_seconds gauge\n"
        "audio_clock_error_seconds -2.5e-06\n"
        "# HELP audio_delay_seconds Delay of the audio.\n"
        "# TYPE audio_delay_seconds histogram\n"
        "audio_delay_seconds_count{path=\"a > b\"} 7\n"
        "audio_delay_seconds_sum{path=\"a > b\"} 1.5\n"
        "audio_delay_seconds_bucket{path=\"a > b\",le=\"0.001\"} 4\n"
        "audio_delay_seconds_bucket{path=\"a > b\",le=\"0.1\"} 6\n"
        "audio_delay_seconds_bucket{path=\"a > b\",le=\"+Inf\"} 7\n");
}

TEST_CASE("promtool finds nothing wrong with a page") {
  // .ci/setup installs promtool (package prometheus); without it this fails.
  std::FILE* const promtool = popen("promtool check metrics", "w");
  REQUIRE(promtool != nullptr);
  std::fputs(RenderMetrics(SomeFamilies()).c_str(), promtool);
  CHECK(pclose(promtool) == 0);
}

}  // namespace
}  // namespace audio_latency
