// The demo's table while the calls run.

#ifndef TESTS_LAB_DEMO_LIVE_VIEW_H_
#define TESTS_LAB_DEMO_LIVE_VIEW_H_

#include <cstddef>

#include "audio_latency/v1/latency.pb.h"

namespace audio_latency::lab {

// On a terminal the table is drawn again and again in its place; elsewhere there is a line a path
// every 5 seconds. Not thread-safe.
class LiveView {
 public:
  LiveView();

  void Show(const audio_latency::v1::WatchPathsResponse& response, double elapsed_seconds);

 private:
  void Redraw(const audio_latency::v1::WatchPathsResponse& response, double elapsed_seconds);
  void PrintLines(const audio_latency::v1::WatchPathsResponse& response, double elapsed_seconds);

  const bool is_terminal_;
  size_t lines_drawn_ = 0;
  double next_print_seconds_ = 5;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_LIVE_VIEW_H_
