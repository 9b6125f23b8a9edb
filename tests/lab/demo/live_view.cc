#include "tests/lab/demo/live_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/lab/demo/figures.h"

namespace audio_latency::lab {

LiveView::LiveView() : is_terminal_(isatty(STDOUT_FILENO) == 1) {}

void LiveView::Show(const audio_latency::v1::WatchPathsResponse& response, double elapsed_seconds) {
  if (is_terminal_) {
    Redraw(response, elapsed_seconds);
  } else {
    PrintLines(response, elapsed_seconds);
  }
  std::fflush(stdout);
}

void LiveView::Redraw(const audio_latency::v1::WatchPathsResponse& response,
                      double elapsed_seconds) {
  std::vector<std::string> lines = PathTable(response.paths());
  lines.insert(lines.begin(), fmt::format("after {:.0f} s:", elapsed_seconds));
  if (lines_drawn_ > 0) {
    fmt::print("\x1b[{}A", lines_drawn_);  // cursor up
  }
  for (const std::string& line : lines) {
    fmt::print("\x1b[2K{}\n", line);  // over the line that was there
  }
  fmt::print("\x1b[J");  // and nothing of a longer table below
  lines_drawn_ = lines.size();
}

void LiveView::PrintLines(const audio_latency::v1::WatchPathsResponse& response,
                          double elapsed_seconds) {
  if (elapsed_seconds < next_print_seconds_) {
    return;
  }
  next_print_seconds_ += 5;
  if (response.paths().empty()) {
    fmt::print("{:>4.0f} s  no path yet\n", elapsed_seconds);
  }
  for (const audio_latency::v1::Path& path : response.paths()) {
    const audio_latency::v1::DelayDistribution& delay = path.one_way_delay();
    fmt::print("{:>4.0f} s  {:<36} count {:>6.0f}  p50 {}  p95 {}  p99 {}  +/- {}\n",
               elapsed_seconds, path.path(), path.count(), DelayText(delay.p50_seconds()),
               DelayText(delay.p95_seconds()), DelayText(delay.p99_seconds()),
               DelayText(path.error_bound_seconds()));
  }
}

}  // namespace audio_latency::lab
