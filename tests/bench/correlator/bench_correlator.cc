// From the wire's bytes to the histograms, on one core: how many events a second, and how much
// memory an observation takes.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "audio_latency/v1/probe.pb.h"
#include "common/time/clock.h"
#include "correlator/clock/clock_stage.h"
#include "correlator/clock/linear_clock_model.h"
#include "correlator/ingest/node_table.h"
#include "correlator/matching/matcher.h"
#include "correlator/matching/observation_log.h"
#include "correlator/paths/path_aggregator.h"
#include "fmt/format.h"
#include "tests/bench/bench_report.h"
#include "tests/bench/correlator/recorded_traffic.h"
#include "tests/parse_arguments.h"

namespace audio_latency::bench {
namespace {

using namespace correlator;  // NOLINT(google-build-using-namespace): all stages meet here

constexpr int kRuns = 7;
constexpr int kExchanges = 8;
// The first part of the traffic fills caches and tables and locks the pairs.
constexpr int64_t kWarmUpNs = 1'000'000'000;

// All stages in one thread, on the recorded traffic's time.
class Chain : public ObservationSink {
 public:
  explicit Chain(const RecordedTraffic& traffic)
      : clock_(traffic.start_ns),
        flows_(FlowRegistry::Create(*traffic.directory, 100'000)),
        matcher_(*flows_, MatcherOptions()),
        aggregator_(flows_.get(), &clock_errors_, 2000),
        clocks_(ClockStage::Create(clock_, *this, clock_errors_,
                                   [] { return std::make_unique<LinearClockModel>(); })),
        nodes_(flows_.get(), clocks_.get(), &clock_, &clock_, IngestLimits{.max_flows = 100'000}) {
    for (const char* const name : kNodeNames) {
      v1::Hello hello;
      hello.set_node(name);
      hello.set_instance("1");
      attachments_.push_back(*nodes_.Attach(hello, [](const absl::Status&) {}));
      for (int i = kExchanges; i > 0; --i) {
        const int64_t sent_ns = traffic.start_ns - i * 100'000'000;
        v1::ClockSample sample;
        sample.set_probe_send_time_ns(sent_ns);
        sample.set_correlator_receive_time_ns(sent_ns + 50'000);
        sample.set_correlator_send_time_ns(sent_ns + 60'000);
        sample.set_probe_receive_time_ns(sent_ns + 110'000);
        nodes_.TakeClockSample(attachments_.back(), sample, ClockSource::kDatagrams);
      }
    }
  }

  void Take(std::span<const Observation> observations) override {
    matcher_.Add(observations, clock_.NowNs());
  }

  void TakeBytes(const RecordedBatch& batch) {
    clock_.Set(std::max(clock_.NowNs(), batch.arrival_ns));
    if (!request_.ParseFromString(batch.bytes)) {
      std::abort();
    }
    nodes_.TakeBatch(attachments_[batch.node], request_.event_batch());
    Decide();
  }

  void Finish() {
    clock_.Advance(2'000'000'000);
    Decide();
  }

  MatchingCounters counters() const { return matcher_.counters(); }
  std::shared_ptr<const PathState> State() const { return aggregator_.State(clock_.NowNs(), 0); }

 private:
  void Decide() {
    std::vector<Match> matches;
    matcher_.Decide(clock_.NowNs(), &matches);
    aggregator_.Take(std::make_shared<const std::vector<Match>>(std::move(matches)),
                     clock_.NowNs());
    aggregator_.Tick(clock_.NowNs());
  }

  ManualClock clock_;
  ClockErrorBoard clock_errors_;
  std::unique_ptr<FlowRegistry> flows_;
  Matcher matcher_;
  PathAggregator aggregator_;
  std::unique_ptr<ClockStage> clocks_;
  NodeTable nodes_;
  std::vector<NodeTable::Attachment> attachments_;
  v1::StreamRequest request_;
};

Measurement Summarise(const std::string& name, const std::string& unit,
                      std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {.name = name,
          .unit = unit,
          .min = values.front(),
          .median = values[values.size() / 2],
          .max = values.back()};
}

// Processor time of this thread, so that neighbours on the machine do not count.
double CpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Events a second; 0 when the chain did not find what it should. (While all calls are new at once,
// more paths wait than may, so that not all of the first second is told.)
double RunOnce(const RecordedTraffic& traffic) {
  Chain chain(traffic);
  size_t i = 0;
  for (; i < traffic.batches.size() && traffic.batches[i].arrival_ns < traffic.start_ns + kWarmUpNs;
       ++i) {
    chain.TakeBytes(traffic.batches[i]);
  }
  size_t events = 0;
  const double begin = CpuSeconds();
  for (; i < traffic.batches.size(); ++i) {
    chain.TakeBytes(traffic.batches[i]);
    events += traffic.batches[i].events;
  }
  const double seconds = CpuSeconds() - begin;
  chain.Finish();
  const std::shared_ptr<const PathState> state = chain.State();
  const auto& paths = state->paths[0];
  const double pieces = static_cast<double>(traffic.events) / 8;
  if (paths.size() != 1 || paths[0].path != "ingress > processor > egress" ||
      paths[0].delay.count < 0.7 * pieces || chain.counters().collisions > 0) {
    std::fputs(
        fmt::format("bench_correlator: {} paths, {} of {} pieces, {} collisions\n", paths.size(),
                    paths.empty() ? 0 : paths[0].delay.count, pieces, chain.counters().collisions)
            .c_str(),
        stderr);
    return 0;
  }
  return static_cast<double>(events) / seconds;
}

double ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

// Resident memory that a full table of observations takes, each.
double BytesPerObservation(const RecordedTraffic& traffic) {
  constexpr uint32_t kCount = 1u << 22;
  const std::unique_ptr<FlowRegistry> flows = FlowRegistry::Create(*traffic.directory, 10);
  std::vector<Observation> block(1 << 12);
  const double before = ResidentBytes();
  auto log = std::make_unique<ObservationLog>(kCount);
  std::mt19937_64 random(1);
  for (uint32_t filled = 0; filled < kCount; filled += static_cast<uint32_t>(block.size())) {
    for (Observation& observation : block) {
      observation.signature = random();
    }
    log->Append(block, 1);
  }
  return (ResidentBytes() - before) / kCount;
}

int Main(int argc, char** argv) {
  std::string json_file;
  CLI::App app("Measures the correlator, from wire bytes to histograms, on one core.");
  app.add_option("--json", json_file, "file to write the results to");
  if (const auto status = audio_latency::ParseArguments(&app, argc, argv); status.has_value()) {
    return *status;
  }

  const RecordedTraffic traffic = RecordTraffic(TrafficOptions());
  std::vector<double> rates;
  for (int run = 0; run < kRuns; ++run) {
    rates.push_back(RunOnce(traffic));
    if (rates.back() == 0) {
      return EXIT_FAILURE;
    }
  }
  const std::vector<Measurement> results = {
      Summarise("correlator/events_per_second_per_core", "events/s", rates),
      Summarise("correlator/bytes_per_live_observation", "B", {BytesPerObservation(traffic)})};
  std::fputs(MeasurementsTable(results).c_str(), stdout);
  if (!json_file.empty()) {
    std::ofstream file(json_file);
    file << MeasurementsJson(results);
    if (!file.good()) {
      std::fputs(fmt::format("bench_correlator: cannot write {}\n", json_file).c_str(), stderr);
      return EXIT_FAILURE;
    }
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace audio_latency::bench

int main(int argc, char** argv) { return audio_latency::bench::Main(argc, argv); }
