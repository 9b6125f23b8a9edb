// Sums of what comes and goes, such as a workload's pods.

#ifndef CORRELATOR_METRICS_STEADY_SUMS_H_
#define CORRELATOR_METRICS_STEADY_SUMS_H_

#include <map>
#include <string>
#include <vector>

#include "correlator/metrics/series_limit.h"

namespace audio_latency::correlator {

// Puts together the series that have the same labels. What one of them counted stays in the sum
// when it is gone or begins anew, so that a sum never counts backwards; when all are gone, so is
// the sum. Not thread-safe.
class SteadySums {
 public:
  // One call a scrape; Series::member tells apart those of the same labels.
  std::vector<Series> Apply(std::vector<Series> series);

 private:
  struct Sum {
    // Of those that are gone.
    std::vector<double> gone;
    // What each counted when it was seen last.
    std::map<std::string, std::vector<double>> members;
  };

  std::map<std::vector<std::string>, Sum> sums_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_METRICS_STEADY_SUMS_H_
