#include "common/metrics/process_metrics.h"

#include <catch2/catch.hpp>
#include <cstdio>

namespace audio_latency {
namespace {

using Catch::Matchers::Contains;

int CheckByPromtool(const std::string& page) {
  // .ci/setup installs promtool (package prometheus); without it the exit code is 127.
  std::FILE* const promtool = popen("promtool check metrics", "w");
  REQUIRE(promtool != nullptr);
  std::fputs(page.c_str(), promtool);
  return pclose(promtool);
}

TEST_CASE("a process has the names that dashboards know") {
  const ProcessStatus status = {.cpu_seconds = 1.5,
                                .start_time_unix_seconds = 1704110400.25,
                                .resident_memory_bytes = 33554432,
                                .virtual_memory_bytes = 67108864,
                                .threads = 9,
                                .open_files = 12,
                                .most_open_files = 1024};
  const std::string page = ProcessMetricsText(status);
  CHECK_THAT(page, Contains("\nprocess_cpu_seconds_total 1.5\n"));
  CHECK_THAT(page, Contains("\nprocess_resident_memory_bytes 33554432\n"));
  CHECK_THAT(page, Contains("\nprocess_virtual_memory_bytes 67108864\n"));
  CHECK_THAT(page, Contains("\nprocess_start_time_seconds 1704110400.25\n"));
  CHECK_THAT(page, Contains("\nprocess_threads 9\n"));
  CHECK_THAT(page, Contains("\nprocess_open_fds 12\n"));
  CHECK_THAT(page, Contains("\nprocess_max_fds 1024\n"));
  CHECK(CheckByPromtool(page) == 0);
}

TEST_CASE("what is not known of a process is not told as zero") {
  CHECK_THAT(ProcessMetricsText(ProcessStatus()), !Contains("process_open_fds"));
  CHECK(ProcessMetricsText(absl::UnavailableError("no /proc")).empty());
  CHECK_THAT(ProcessMetricsText(), Contains("\nprocess_resident_memory_bytes "));
}

}  // namespace
}  // namespace audio_latency
