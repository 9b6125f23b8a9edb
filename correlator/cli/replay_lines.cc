#include "correlator/cli/replay_lines.h"

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "common/address/ip_address.h"
#include "common/time/clock.h"
#include "correlator/cli/answers_to_text.h"
#include "correlator/cli/json_text.h"
#include "correlator/endpoints/endpoint_text.h"
#include "correlator/query/matches_to_proto.h"

namespace audio_latency::correlator {
namespace {

const char* DirectionText(Direction direction) {
  return direction == Direction::kIngress ? "ingress" : "egress";
}

}  // namespace

void ReplayLines::OnEvent(const ReplayEvent& seen) {
  if (!options_.events || !seen.flow.has_value()) {
    return;
  }
  const signature_event& event = seen.event;
  const FlowRegistry& flows = replay_->flows();
  const FlowRecord& record = flows.Record(*seen.flow);
  const std::string time = FormatRfc3339(seen.time_ns);
  nlohmann::ordered_json line;
  line["timestamp"] = time;
  line["level"] = "INFO";
  nlohmann::ordered_json& fields = line["fields"];
  fields["event_type"] = "audio_signature";
  fields["timestamp_ns"] = seen.time_ns;
  fields["signature"] = event.signature;
  fields["node"] = flows.NodeName(record.node);
  fields["interface"] = seen.interface_name;
  if (seen.direction != Direction::kUnknown) {
    fields["direction"] = DirectionText(seen.direction);
  }
  fields["src_ip"] = IpAddress::FromMapped(event.source_address).ToString();
  fields["src_port"] = event.source_port;
  AddEndpointFields("src", flows.EndpointOf(record.source), &fields);
  fields["dst_ip"] = IpAddress::FromMapped(event.destination_address).ToString();
  fields["dst_port"] = event.destination_port;
  AddEndpointFields("dst", flows.EndpointOf(record.destination), &fields);
  fields["timestamp_human"] = time;
  fields["message"] = "Audio signature detected";
  output_ << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void ReplayLines::OnMatch(const Match& match) {
  if (!options_.matches) {
    return;
  }
  const TraceWriter writer(replay_->flows(), replay_->nodes().Nodes(), 0);
  v1::TraceSignatureResponse response;
  writer.Write(match, response.add_traces());
  if (!options_.as_json) {
    output_ << TracesText(response.traces()) << '\n';
    return;
  }
  if (const absl::StatusOr<std::string> text = JsonText(response.traces(0), JsonForm::kOneLine);
      text.ok()) {
    output_ << *text;
  } else {
    output_.setstate(std::ios::failbit);
  }
}

}  // namespace audio_latency::correlator
