#include "tests/lab/demo/ledger.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

#include "common/loss/causes.h"
#include "common/status/status_macros.h"

namespace audio_latency::lab {
namespace {

constexpr char kDropped[] = "audio_latency_probe_dropped_total";

// What the probe drops of what was made; the other causes are of what was not.
constexpr const char* kProbesCauses[] = {kCauseFlowLimit, kCauseProbeBufferFull,
                                         kCauseCorrelatorOverloaded, kCauseProbeEncoding};

// What the correlator drops of what it took.
constexpr const char* kIngestCauses[] = {kCauseCorrelatorFlowLimit, kCauseClockUnsynchronised,
                                         kCauseTimeOutOfRange, kCauseTooLate};
constexpr const char* kMatchersCauses[] = {kCauseCorrelatorOverloaded, kCauseTimeOutOfRange,
                                           kCauseTooLate, kCauseTableOverwritten};

double Sum(const std::map<std::string, double>& counts) {
  double sum = 0;
  for (const auto& [name, count] : counts) {
    sum += count;
  }
  return sum;
}

template <typename Take>
void ForEachLine(std::string_view page, const Take& take) {
  std::istringstream lines{std::string(page)};
  for (std::string line; std::getline(lines, line);) {
    take(line);
  }
}

std::string Dropped(const std::string& cause) {
  return fmt::format("{}{{cause=\"{}\"}}", kDropped, cause);
}

}  // namespace

double MetricOn(std::string_view page, std::string_view sample) {
  double value = 0;
  ForEachLine(page, [&](const std::string& line) {
    if (line.starts_with(sample) && line.size() > sample.size() && line[sample.size()] == ' ') {
      value = std::strtod(line.c_str() + sample.size(), nullptr);
    }
  });
  return value;
}

double SumOn(std::string_view page, std::string_view family) {
  double sum = 0;
  ForEachLine(page, [&](const std::string& line) {
    if (line.starts_with(family) && line.size() > family.size() &&
        (line[family.size()] == ' ' || line[family.size()] == '{')) {
      sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
    }
  });
  return sum;
}

double Ledger::DroppedInAll() const { return Sum(dropped); }

std::string Ledger::Text() const {
  std::string text = fmt::format("made {} acknowledged {} taken {} ring_full {}", made,
                                 acknowledged, taken, ring_full);
  for (const auto& [cause, count] : dropped) {
    text += fmt::format(" {} {}", cause, count);
  }
  return text;
}

absl::StatusOr<Ledger> ReadLedger(const Deployment& deployment, const Node& node) {
  ASSIGN_OR_RETURN(const std::string probe, deployment.FetchMetrics(node.machine.address));
  ASSIGN_OR_RETURN(const std::string correlator,
                   deployment.FetchMetrics(deployment.correlator_machine().address));
  Ledger ledger;
  ledger.made = MetricOn(probe, "audio_latency_probe_events_total");
  for (const char* const cause : kProbesCauses) {
    ledger.dropped[cause] = MetricOn(probe, Dropped(cause));
  }
  ledger.ring_full = MetricOn(probe, Dropped("ring_full"));
  ledger.acknowledged = MetricOn(probe, "audio_latency_probe_events_acknowledged_total");
  ledger.taken = MetricOn(
      correlator, fmt::format("audio_latency_node_events_total{{node=\"{}\"}}", node.machine.name));
  return ledger;
}

double MatchingLedger::DroppedInAll() const { return Sum(dropped); }

bool MatchingLedger::IsSettled() const { return signed_events == DroppedInAll() + Sum(decided); }

std::string MatchingLedger::Text() const {
  std::string text = fmt::format("signed {}", signed_events);
  for (const auto* const counts : {&decided, &dropped}) {
    for (const auto& [name, count] : *counts) {
      text += fmt::format(" {} {}", name, count);
    }
  }
  return text;
}

absl::StatusOr<MatchingLedger> ReadMatchingLedger(const Deployment& deployment) {
  ASSIGN_OR_RETURN(const std::string page,
                   deployment.FetchMetrics(deployment.correlator_machine().address));
  MatchingLedger ledger;
  ledger.signed_events = SumOn(page, "audio_latency_node_signed_events_total");
  for (const char* const cause : kIngestCauses) {
    ForEachLine(page, [&](const std::string& line) {
      if (line.starts_with("audio_latency_node_drops_total{") &&
          line.find(fmt::format("cause=\"{}\"", cause)) != std::string::npos) {
        ledger.dropped[cause] += std::strtod(line.c_str() + line.rfind(' '), nullptr);
      }
    });
  }
  for (const char* const cause : kMatchersCauses) {
    ledger.dropped[cause] +=
        MetricOn(page, fmt::format("audio_processing_errors_total{{error_type=\"{}\"}}", cause));
  }
  for (const char* const as : {"matched", "unmatched", "flooded"}) {
    ledger.decided[as] =
        MetricOn(page, fmt::format("audio_latency_observations_decided_total{{as=\"{}\"}}", as));
  }
  return ledger;
}

}  // namespace audio_latency::lab
