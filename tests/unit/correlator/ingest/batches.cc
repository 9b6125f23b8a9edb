#include "tests/unit/correlator/ingest/batches.h"

#include <stdexcept>

#include "bpf/capture_abi.h"
#include "common/signature/signature_parameters.h"

namespace audio_latency::correlator {

v1::Hello MakeHello(const std::string& node, const std::string& instance) {
  const SignatureParameters defaults;
  v1::Hello hello;
  hello.set_node(node);
  hello.set_instance(instance);
  hello.set_version("1.2.3");
  hello.set_capture_abi_version(CAPTURE_ABI_VERSION);
  v1::SignatureParameters* const parameters = hello.mutable_signature_parameters();
  parameters->set_algorithm(defaults.algorithm);
  parameters->set_window_size_bytes(static_cast<uint32_t>(defaults.window_size_bytes));
  parameters->set_rate_bytes(static_cast<uint32_t>(defaults.rate_bytes));
  parameters->set_seed_fingerprint(SignatureSeedFingerprint(""));
  return hello;
}

v1::EventBatch MakeBatch(uint64_t batch_number, const std::vector<uint64_t>& defined_flows) {
  v1::EventBatch batch;
  batch.set_batch_number(batch_number);
  v1::InterfaceDefinition* const interface = batch.add_interfaces();
  interface->set_interface_index(1);
  interface->set_name("eth0");
  interface->set_role(v1::INTERFACE_ROLE_UPLINK);
  for (const uint64_t flow_id : defined_flows) {
    v1::FlowDefinition* const flow = batch.add_flows();
    flow->set_flow_id(flow_id);
    flow->set_interface_index(1);
    flow->set_direction(v1::DIRECTION_EGRESS);
    flow->set_source_address(std::string("\x0a\x00\x00\x01", 4));
    flow->set_destination_address(std::string("\x0a\x00\x00\x02", 4));
    flow->set_source_port(static_cast<uint32_t>(flow_id % 65536));
    flow->set_destination_port(5000);
    flow->set_transport(6);
  }
  return batch;
}

void AddEvents(const std::vector<uint64_t>& signatures, uint64_t flow_id, v1::EventBatch* batch) {
  std::vector<wire::WireEvent> events;
  for (const uint64_t signature : signatures) {
    wire::WireEvent& event = events.emplace_back();
    event.signature = signature;
    event.time_ns = 1'000'000'000 + static_cast<int64_t>(events.size()) * 1'024'000;
    event.position = static_cast<uint32_t>(events.size() * 100);
    event.is_signed = true;
  }
  const uint64_t flow_ids[] = {flow_id};
  const uint8_t flow_is_rtp[] = {0};
  if (!wire::Encode(events, flow_ids, flow_is_rtp, batch->mutable_columns()).ok()) {
    throw std::logic_error("cannot encode the test's events");
  }
}

}  // namespace audio_latency::correlator
