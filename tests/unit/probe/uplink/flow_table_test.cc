#include "probe/uplink/flow_table.h"

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/probe/uplink/test_events.h"

namespace audio_latency::probe {
namespace {

constexpr int64_t kTimeoutNs = 1'000;

TEST_CASE("a flow is told by all that makes it up") {
  InterfaceDirectory directory;
  FlowTable table(100, kTimeoutNs, directory, nullptr);
  const signature_event first = RtpEvent(1, 10, 99, 1);
  const uint64_t first_id = table.Find(first)->record->id();
  CHECK(first_id == 1);

  const std::vector<std::function<void(signature_event*)>> same = {
      [](signature_event* e) { e->signature = 2; },
      [](signature_event* e) { e->position = 2; },
      [](signature_event* e) { e->time_ns = 11; },
      [](signature_event* e) { e->level = 1; },
      // Means nothing for RTP.
      [](signature_event* e) { e->initial_sequence = 5; },
  };
  for (const auto& change : same) {
    signature_event event = first;
    change(&event);
    CHECK(table.Find(event)->record->id() == first_id);
  }
  const std::vector<std::function<void(signature_event*)>> other = {
      [](signature_event* e) { e->source_address[0] = 1; },
      [](signature_event* e) { e->destination_address[15] = 9; },
      [](signature_event* e) { e->source_port = 1; },
      [](signature_event* e) { e->destination_port = 1; },
      [](signature_event* e) { e->interface_index = 8; },
      [](signature_event* e) { e->direction = CAPTURE_DIRECTION_EGRESS; },
      [](signature_event* e) { e->transport = 6; },
      [](signature_event* e) { e->rtp_ssrc = 100; },
      [](signature_event* e) { e->kind = CAPTURE_SIGNATURE_CONTENT; },
  };
  uint64_t next_id = first_id;
  for (const auto& change : other) {
    signature_event event = first;
    change(&event);
    CHECK(table.Find(event)->record->id() == ++next_id);
  }
}

TEST_CASE("a later connection on the same ports is another flow") {
  InterfaceDirectory directory;
  FlowTable table(100, kTimeoutNs, directory, nullptr);
  signature_event event = TcpEvent(1, 10);
  const uint64_t unknown = table.Find(event)->record->id();
  event.flags |= CAPTURE_EVENT_INITIAL_SEQUENCE_KNOWN;
  event.initial_sequence = 1000;
  const uint64_t first = table.Find(event)->record->id();
  event.initial_sequence = 2000;
  const uint64_t second = table.Find(event)->record->id();
  CHECK(unknown != first);
  CHECK(first != second);
  event.initial_sequence = 1000;
  CHECK(table.Find(event)->record->id() == first);
}

TEST_CASE("the container of each new flow is asked for once, with what its end is") {
  class Asked final : public FlowContainers {
   public:
    void Ask(const FlowQuestion& question, const std::shared_ptr<ContainerSlot>& slot) override {
      questions.push_back(question);
      slots.push_back(slot);
    }
    std::vector<FlowQuestion> questions;
    std::vector<std::shared_ptr<ContainerSlot>> slots;
  };
  InterfaceDirectory directory;
  directory.Put(7, "veth7", InterfaceRole::kContainer);
  Asked asked;
  FlowTable table(100, kTimeoutNs, directory, &asked);
  signature_event event = RtpEvent(1, 10, 99, 1);
  const auto record = table.Find(event)->record;
  table.Find(event);
  REQUIRE(asked.questions.size() == 1);
  CHECK(asked.slots[0] == record->container);
  CHECK(asked.questions[0].interface_index == 7);
  CHECK(asked.questions[0].transport == event.transport);
  CHECK(asked.questions[0].source.ToString() == "10.0.0.1");
  CHECK(asked.questions[0].destination_port == event.destination_port);
  // Out of the container; into it; out of a socket of the node; into one.
  CHECK(asked.questions[0].IsAtSource());
  event.direction = CAPTURE_DIRECTION_EGRESS;
  table.Find(event);
  CHECK_FALSE(asked.questions[1].IsAtSource());
  event.interface_index = 8;
  table.Find(event);
  CHECK(asked.questions[2].IsAtSource());
  event.direction = CAPTURE_DIRECTION_INGRESS;
  table.Find(event);
  CHECK_FALSE(asked.questions[3].IsAtSource());
}

TEST_CASE("a definition tells the correlator all of it") {
  InterfaceDirectory directory;
  directory.Put(7, "veth7", InterfaceRole::kContainer);
  FlowTable table(100, kTimeoutNs, directory, nullptr);

  const FlowRecord rtp = *table.Find(RtpEvent(1, 10, 99, 1))->record;
  CHECK(rtp.definition.interface_index() == 7);
  CHECK(rtp.definition.direction() == v1::DIRECTION_INGRESS);
  CHECK(rtp.definition.source_address() == std::string("\x0a\0\0\x01", 4));
  CHECK(rtp.definition.destination_address() == std::string("\x0a\0\0\x02", 4));
  CHECK(rtp.definition.source_port() == 40000);
  CHECK(rtp.definition.destination_port() == 8080);
  CHECK(rtp.definition.transport() == 17);
  CHECK(rtp.definition.is_rtp());
  CHECK(rtp.definition.rtp_ssrc() == 99);
  CHECK_FALSE(rtp.definition.has_initial_sequence());
  CHECK(rtp.interface->name == "veth7");
  CHECK(rtp.interface->role == InterfaceRole::kContainer);

  signature_event tcp = TcpEvent(1, 10);
  tcp.flags |= CAPTURE_EVENT_INITIAL_SEQUENCE_KNOWN;
  tcp.direction = CAPTURE_DIRECTION_EGRESS;
  tcp.source_address[0] = 0xfd;
  const FlowRecord record = *table.Find(tcp)->record;
  CHECK(record.definition.direction() == v1::DIRECTION_EGRESS);
  CHECK(record.definition.source_address().size() == 16);
  CHECK_FALSE(record.definition.is_rtp());
  // Zero is a sequence number as good as any other.
  CHECK(record.definition.has_initial_sequence());
}

TEST_CASE("the table is bounded, and silent flows make room") {
  InterfaceDirectory directory;
  FlowTable table(2, kTimeoutNs, directory, nullptr);
  REQUIRE(table.Find(TcpEvent(1, 100, 1)) != nullptr);
  REQUIRE(table.Find(TcpEvent(1, 200, 2)) != nullptr);
  CHECK(table.Find(TcpEvent(1, 300, 3)) == nullptr);
  CHECK(table.Find(TcpEvent(1, 300, 2)) != nullptr);

  CHECK(table.Expire(1'099).empty());
  CHECK(table.Expire(1'100) == std::vector<uint64_t>{1});
  CHECK(table.size() == 1);
  FlowTable::Entry* const entry = table.Find(TcpEvent(1, 1'100, 1));
  REQUIRE(entry != nullptr);
  // Numbers are not used twice.
  CHECK(entry->record->id() == 3);
  CHECK(table.Expire(10'000).size() == 2);
  CHECK(table.expired_total() == 3);
}

}  // namespace
}  // namespace audio_latency::probe
