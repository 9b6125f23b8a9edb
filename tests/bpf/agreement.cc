#include "tests/bpf/agreement.h"

#include <catch2/catch.hpp>
#include <tuple>
#include <utility>

#include "bpf/software/software_capture.h"

namespace audio_latency::testing {
namespace {

// Everything of an event but the time and the interface, which the kernel chooses here.
auto Content(const signature_event& event) {
  return std::tuple(event.signature, event.position, event.kind, event.flags,
                    event.initial_sequence, event.rtp_ssrc, event.rtp_timestamp,
                    event.payload_bytes, event.rtp_payload_type, event.level, event.source_port,
                    event.destination_port, event.transport, event.direction,
                    Bytes(event.source_address, event.source_address + 16),
                    Bytes(event.destination_address, event.destination_address + 16));
}

}  // namespace

std::unique_ptr<KernelCapture> Load(const capture_config& config, const std::set<uint16_t>& ports,
                                    const std::set<uint16_t>& excluded,
                                    const std::set<std::string>& only) {
  auto kernel = KernelCapture::Load(config, ports, excluded, only);
  INFO(kernel.status().ToString());
  REQUIRE(kernel.ok());
  return *std::move(kernel);
}

void RequireSame(const capture_config& config, const std::vector<Bytes>& frames,
                 size_t* event_count, const PacketForm& form, uint32_t sampling_threshold) {
  auto kernel = Load(config, {}, {},
                     {form.link_layer == CAPTURE_LINK_IP ? "capture_egress_ip" : "capture_egress"});
  std::vector<signature_event> expected;
  auto software = SoftwareCapture::Create(
      config, 1024, [&](const signature_event& event) { expected.push_back(event); });
  kernel->SetSamplingThreshold(sampling_threshold);
  software->SetSamplingThreshold(sampling_threshold);
  std::vector<signature_event> found;
  for (const Bytes& frame : frames) {
    INFO("frame of " << frame.size() << " bytes, ethertype " << int{frame[12]} << ","
                     << int{frame[13]});
    const auto run = [&] {
      if (form.link_layer == CAPTURE_LINK_IP) {
        return kernel->RunIp(frame, CAPTURE_DIRECTION_EGRESS);
      }
      return form.segment_bytes > 0
                 ? kernel->RunSegments(frame, CAPTURE_DIRECTION_EGRESS, form.segment_bytes)
                 : kernel->Run(frame, CAPTURE_DIRECTION_EGRESS);
    };
    REQUIRE(run() == kUnspecified);
    for (const signature_event& event : kernel->TakeEvents()) {
      found.push_back(event);
    }
    software->Packet(frame, 1, 1, CAPTURE_DIRECTION_EGRESS, form);
  }
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    REQUIRE(Content(found[i]) == Content(expected[i]));
  }
  for (int counter = 0; counter < CAPTURE_COUNTER_COUNT; ++counter) {
    INFO(CaptureCounterName(static_cast<capture_counter>(counter)));
    CHECK(kernel->Counter(static_cast<capture_counter>(counter)) == software->counters()[counter]);
  }
  if (event_count != nullptr) {
    *event_count = found.size();
  }
}

}  // namespace audio_latency::testing
