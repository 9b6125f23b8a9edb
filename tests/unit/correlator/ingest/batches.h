// Messages of a probe, for tests.

#ifndef TESTS_UNIT_CORRELATOR_INGEST_BATCHES_H_
#define TESTS_UNIT_CORRELATOR_INGEST_BATCHES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "audio_latency/v1/probe.pb.h"
#include "common/wire/event_columns.h"

namespace audio_latency::correlator {

v1::Hello MakeHello(const std::string& node, const std::string& instance);
// Defines interface 1 (uplink), and these flows, over TCP from 10.0.0.1 port flow id to 10.0.0.2.
v1::EventBatch MakeBatch(uint64_t batch_number, const std::vector<uint64_t>& defined_flows);
// One signed event of the flow for each signature.
void AddEvents(const std::vector<uint64_t>& signatures, uint64_t flow_id, v1::EventBatch* batch);

}  // namespace audio_latency::correlator

#endif  // TESTS_UNIT_CORRELATOR_INGEST_BATCHES_H_
