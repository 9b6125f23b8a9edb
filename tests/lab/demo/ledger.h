// The account of a node's events: what was made, dropped and counted, and taken.

#ifndef TESTS_LAB_DEMO_LEDGER_H_
#define TESTS_LAB_DEMO_LEDGER_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tests/lab/demo/deployment.h"

namespace audio_latency::lab {

// The sample of a Prometheus page, with its labels as they are written there; 0 when it is not
// there.
double MetricOn(std::string_view page, std::string_view sample);
// The sum of all samples of a family.
double SumOn(std::string_view page, std::string_view family);

// By the pages of the node's probe and of the correlator.
struct Ledger {
  // By the capture programs, into the kernel's ring.
  double made = 0;
  // Of these, by the probe, by cause.
  std::map<std::string, double> dropped;
  // That the correlator has acknowledged.
  double acknowledged = 0;
  // By this correlator, from the node.
  double taken = 0;
  // That did not get into the ring.
  double ring_full = 0;

  double DroppedInAll() const;
  // Every event that was made is taken or counted as dropped; nothing is on its way.
  bool IsSettled() const { return made > 0 && made == acknowledged + DroppedInAll(); }
  std::string Text() const;
};

absl::StatusOr<Ledger> ReadLedger(const Deployment& deployment, const Node& node);

// What became of the events that the correlator took and that carry a signature, by its page. Of
// all nodes: matching does not tell them apart.
struct MatchingLedger {
  double signed_events = 0;
  // Dropped and counted behind ingest, by cause: by the nodes' accounts, and by the matchers'.
  std::map<std::string, double> dropped;
  // That the matchers decided, by what they found.
  std::map<std::string, double> decided;

  double DroppedInAll() const;
  // Every event is decided or counted as dropped; nothing waits. Needs a table that was never full.
  bool IsSettled() const;
  std::string Text() const;
};

absl::StatusOr<MatchingLedger> ReadMatchingLedger(const Deployment& deployment);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_LEDGER_H_
