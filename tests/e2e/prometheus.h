// A real Prometheus in the lab.

#ifndef TESTS_E2E_PROMETHEUS_H_
#define TESTS_E2E_PROMETHEUS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lab/cluster.h"
#include "tests/lab/demo/deployment.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {

// Pages (host:port) and the job that Prometheus says they are of.
struct ScrapeJob {
  std::string name;
  std::vector<std::string> targets;
};

// The product's pages in a cluster of the lab, under the jobs' names that the chart gives them.
std::vector<ScrapeJob> ScrapeJobs(const Cluster& cluster, const Deployment& deployment);

// Scrapes its targets every second until it is destroyed.
class Prometheus {
 public:
  // `folder`: for its configuration and data.
  static absl::StatusOr<Prometheus> Start(const std::vector<ScrapeJob>& jobs,
                                          const std::string& folder);

  struct Sample {
    std::map<std::string, std::string> labels;
    double value = 0;
  };
  // The answer to an instant query. An error tells what Prometheus says is wrong with it.
  absl::StatusOr<std::vector<Sample>> Query(const std::string& query) const;

 private:
  explicit Prometheus(Process process) : process_(std::move(process)) {}

  Process process_;
};

// What `promtool check metrics` has to say about a page; OK when it is clean.
absl::Status CheckMetrics(const std::string& page);

}  // namespace audio_latency::lab

#endif  // TESTS_E2E_PROMETHEUS_H_
