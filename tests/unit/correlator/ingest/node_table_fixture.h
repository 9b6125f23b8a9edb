// A node table on clocks that are turned by hand, behind it a sink that writes down what comes out.

#ifndef TESTS_UNIT_CORRELATOR_INGEST_NODE_TABLE_FIXTURE_H_
#define TESTS_UNIT_CORRELATOR_INGEST_NODE_TABLE_FIXTURE_H_

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/status/status_macros.h"
#include "correlator/ingest/node_table.h"
#include "tests/unit/correlator/ingest/batches.h"
#include "tests/unit/correlator/ingest/recording_sink.h"

namespace audio_latency::correlator {

inline constexpr int64_t kSecondNs = 1'000'000'000;

class NodeTableFixture {
 public:
  explicit NodeTableFixture(const IngestLimits& limits = {}, uint32_t max_flows = 1000)
      : flows(FlowRegistry::Create(*directory, max_flows)),
        table(flows.get(), &sink, &realtime, &clock, limits) {}

  NodeTable::Attachment Attach(const std::string& node, const std::string& instance) {
    auto attachment = table.Attach(MakeHello(node, instance), [this](const absl::Status& why) {
      ended.push_back(Message(why));
    });
    REQUIRE(attachment.ok());
    return *attachment;
  }
  double Error(const std::string& name) const {
    for (const auto& [error, count] : table.Errors()) {
      if (error == name) {
        return count;
      }
    }
    FAIL("no such error: " << name);
    return -1;
  }
  double Drop(const std::string& cause) const {
    double count = 0;
    const NodeSnapshot node = table.Nodes().at(0);
    for (const NodeSnapshot::Drop& drop : node.drops) {
      count += drop.cause == cause ? drop.count : 0;
    }
    return count;
  }

  ManualClock realtime{1'700'000'000 * kSecondNs};
  ManualClock clock{1000 * kSecondNs};
  RecordingSink sink;
  std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  std::unique_ptr<FlowRegistry> flows;
  NodeTable table;
  std::vector<std::string> ended;
};

}  // namespace audio_latency::correlator

#endif  // TESTS_UNIT_CORRELATOR_INGEST_NODE_TABLE_FIXTURE_H_
