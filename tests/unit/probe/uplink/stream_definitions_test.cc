#include "probe/uplink/stream_definitions.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

namespace audio_latency::probe {
namespace {

std::shared_ptr<const FlowRecord> MakeFlow(uint64_t id, const InterfaceDirectory& directory,
                                           uint32_t interface_index) {
  auto record = std::make_shared<FlowRecord>();
  record->definition.set_flow_id(id);
  record->definition.set_interface_index(interface_index);
  record->interface = directory.Find(interface_index);
  return record;
}

TEST_CASE("everything is defined once a stream, before its first use") {
  InterfaceDirectory directory;
  directory.Put(3, "eth0", InterfaceRole::kUplink);
  directory.Put(4, "veth4", InterfaceRole::kContainer);
  OutgoingBatch batch;
  batch.message.set_batch_number(9);
  batch.flows = {MakeFlow(1, directory, 3), MakeFlow(2, directory, 3), MakeFlow(3, directory, 4)};

  StreamDefinitions stream;
  v1::EventBatch message;
  stream.Complete(batch, &message);
  CHECK(message.batch_number() == 9);
  CHECK(message.flows_size() == 3);
  REQUIRE(message.interfaces_size() == 2);
  CHECK(message.interfaces(0).name() == "eth0");
  CHECK(message.interfaces(0).role() == v1::INTERFACE_ROLE_UPLINK);
  CHECK(message.interfaces(1).role() == v1::INTERFACE_ROLE_CONTAINER);

  stream.Complete(batch, &message);
  CHECK(message.flows().empty());
  CHECK(message.interfaces().empty());

  StreamDefinitions next_stream;
  next_stream.Complete(batch, &message);
  CHECK(message.flows_size() == 3);
  CHECK(message.interfaces_size() == 2);
}

TEST_CASE(
    "an interface that changed is defined anew, and the older definition does not come back") {
  InterfaceDirectory directory;
  directory.Put(3, "veth3", InterfaceRole::kContainer);
  OutgoingBatch old_batch;
  old_batch.flows = {MakeFlow(1, directory, 3)};
  OutgoingBatch later_batch;
  later_batch.flows = {MakeFlow(2, directory, 3)};
  directory.Put(3, "renamed", InterfaceRole::kUplink);
  OutgoingBatch new_batch;
  new_batch.flows = {MakeFlow(3, directory, 3)};

  StreamDefinitions stream;
  v1::EventBatch message;
  stream.Complete(old_batch, &message);
  CHECK(message.interfaces(0).name() == "veth3");
  stream.Complete(new_batch, &message);
  REQUIRE(message.interfaces_size() == 1);
  CHECK(message.interfaces(0).name() == "renamed");
  stream.Complete(later_batch, &message);
  CHECK(message.interfaces().empty());
}

TEST_CASE("a flow whose container is found out later is defined again, with it") {
  InterfaceDirectory directory;
  directory.Put(3, "veth3", InterfaceRole::kContainer);
  OutgoingBatch batch;
  batch.flows = {MakeFlow(1, directory, 3), MakeFlow(2, directory, 3)};
  StreamDefinitions stream;
  v1::EventBatch message;
  stream.Complete(batch, &message);
  CHECK_FALSE(message.flows(0).has_container());

  FlowContainer container{{ContainerRuntime::kCrio, std::string(64, 'a'), "uid"}, {}};
  batch.flows[1]->container->Set(std::make_shared<const FlowContainer>(container));
  stream.Complete(batch, &message);
  REQUIRE(message.flows_size() == 1);
  CHECK(message.flows(0).flow_id() == 2);
  CHECK(message.flows(0).container().runtime() == v1::CONTAINER_RUNTIME_CRIO);
  CHECK(message.flows(0).container().container_id() == std::string(64, 'a'));
  CHECK(message.flows(0).container().pod_uid() == "uid");
  CHECK(message.flows(0).container().pod_name().empty());
  CHECK(message.interfaces().empty());

  container.name = {"voice", "ingress-0"};
  batch.flows[1]->container->Set(std::make_shared<const FlowContainer>(container));
  stream.Complete(batch, &message);
  REQUIRE(message.flows_size() == 1);
  CHECK(message.flows(0).container().pod_name() == "ingress-0");
  CHECK(message.flows(0).container().pod_namespace() == "voice");
  stream.Complete(batch, &message);
  CHECK(message.flows().empty());

  StreamDefinitions next_stream;
  next_stream.Complete(batch, &message);
  REQUIRE(message.flows_size() == 2);
  CHECK(message.flows(1).container().pod_name() == "ingress-0");
}

TEST_CASE("an ended flow is forgotten") {
  InterfaceDirectory directory;
  OutgoingBatch batch;
  batch.flows = {MakeFlow(1, directory, 3)};
  StreamDefinitions stream;
  v1::EventBatch message;
  stream.Complete(batch, &message);
  OutgoingBatch end;
  end.message.add_ended_flow_ids(1);
  stream.Complete(end, &message);
  stream.Complete(batch, &message);
  CHECK(message.flows_size() == 1);
}

}  // namespace
}  // namespace audio_latency::probe
