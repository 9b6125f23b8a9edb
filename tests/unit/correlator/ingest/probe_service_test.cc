// Ingest over a real gRPC server, with clients that behave and clients that do not.

#include "correlator/ingest/probe_service.h"

#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <random>
#include <string>

#include "bpf/capture_abi.h"
#include "fmt/format.h"
#include "tests/support/eventually.h"
#include "tests/unit/correlator/ingest/batches.h"
#include "tests/unit/correlator/ingest/recording_sink.h"

namespace audio_latency::correlator {
namespace {

using audio_latency::testing::Eventually;
using Catch::Matchers::Contains;

class Fixture {
 public:
  explicit Fixture(uint32_t max_streams = 100, LimitedLogger* logger = nullptr)
      : flows(FlowRegistry::Create(*directory, 1000)),
        table(flows.get(), &sink, &realtime, &monotonic, IngestLimits{}),
        service(MakeProbeService(&table, &realtime, &monotonic,
                                 {.signature = {},
                                  .max_streams = max_streams,
                                  .correlator_instance = "c-1",
                                  .logger = logger})) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kTransportMaxMessageBytes);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service.get());
    server = builder.BuildAndStart();
    REQUIRE(server != nullptr);
    address = fmt::format("127.0.0.1:{}", port);
  }
  ~Fixture() { server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1)); }

  const MonotonicClock monotonic;
  const RealtimeClock realtime;
  RecordingSink sink;
  std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  std::unique_ptr<FlowRegistry> flows;
  NodeTable table;
  std::unique_ptr<v1::ProbeService::CallbackService> service;
  std::unique_ptr<grpc::Server> server;
  std::string address;
};

// One stream of a probe.
class Client {
 public:
  explicit Client(const Fixture& fixture)
      : stub_(v1::ProbeService::NewStub(
            grpc::CreateChannel(fixture.address, grpc::InsecureChannelCredentials()))) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    stream_ = stub_->Stream(&context_);
  }
  ~Client() {
    if (stream_ != nullptr) {
      context_.TryCancel();
      Finish();
    }
  }

  bool Write(const v1::StreamRequest& request) { return stream_->Write(request); }
  bool SayHello(const std::string& node, const std::string& instance) {
    return SayHello(MakeHello(node, instance));
  }
  bool SayHello(const v1::Hello& hello) {
    v1::StreamRequest request;
    *request.mutable_hello() = hello;
    return Write(request);
  }
  bool Send(const v1::EventBatch& batch) {
    v1::StreamRequest request;
    *request.mutable_event_batch() = batch;
    return Write(request);
  }
  bool Read(v1::StreamResponse* response) { return stream_->Read(response); }
  // The next response but for what follows every welcome: sampling, and credit.
  v1::StreamResponse MustRead() {
    v1::StreamResponse response;
    do {
      REQUIRE(Read(&response));
      credit =
          response.has_acknowledgement() ? response.acknowledgement().credit_batches() : credit;
      sampling_threshold =
          response.has_sampling() ? response.sampling().threshold() : sampling_threshold;
    } while (response.has_sampling() ||
             (response.has_acknowledgement() && response.acknowledgement().batch_number() == 0));
    return response;
  }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }
  // Reads to the end.
  grpc::Status Finish() {
    v1::StreamResponse response;
    while (Read(&response)) {
    }
    const grpc::Status status = stream_->Finish();
    stream_ = nullptr;
    return status;
  }

  // As told last.
  uint32_t credit = 0;
  uint32_t sampling_threshold = 0;

 private:
  std::unique_ptr<v1::ProbeService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>> stream_;
};

TEST_CASE("A probe is welcomed, its batches are acknowledged, its clock is answered") {
  Fixture fixture;
  Client client(fixture);
  REQUIRE(client.SayHello("node-a", "1"));
  const v1::StreamResponse welcome = client.MustRead();
  REQUIRE(welcome.has_welcome());
  CHECK(welcome.welcome().correlator_instance() == "c-1");
  CHECK(welcome.welcome().acknowledged_batch_number() == 0);

  v1::StreamRequest request;
  request.mutable_clock_request()->set_sequence(41);
  const int64_t before_ns = fixture.monotonic.NowNs();
  request.mutable_clock_request()->set_probe_send_time_ns(1234);
  v1::ClockSample* const previous = request.mutable_clock_request()->mutable_previous();
  previous->set_probe_send_time_ns(1);
  previous->set_correlator_receive_time_ns(2);
  previous->set_correlator_send_time_ns(3);
  previous->set_probe_receive_time_ns(4);
  REQUIRE(client.Write(request));
  const v1::StreamResponse answer = client.MustRead();
  REQUIRE(answer.has_clock_response());
  CHECK(answer.clock_response().sequence() == 41);
  CHECK(answer.clock_response().probe_send_time_ns() == 1234);
  CHECK(answer.clock_response().correlator_receive_time_ns() >= before_ns);
  CHECK(answer.clock_response().correlator_send_time_ns() >=
        answer.clock_response().correlator_receive_time_ns());
  CHECK(answer.clock_response().correlator_send_time_ns() <= fixture.monotonic.NowNs());
  REQUIRE(fixture.sink.exchanges().size() == 1);
  CHECK(fixture.sink.exchanges()[0].probe_receive_ns == 4);

  v1::EventBatch batch = MakeBatch(1, {7});
  AddEvents({11, 12}, 7, &batch);
  REQUIRE(client.Send(batch));
  const v1::StreamResponse acknowledgement = client.MustRead();
  REQUIRE(acknowledgement.has_acknowledgement());
  CHECK(acknowledgement.acknowledgement().batch_number() == 1);
  CHECK(fixture.sink.events().size() == 2);

  client.HalfClose();
  CHECK(client.Finish().ok());
  CHECK(Eventually([&] { return !fixture.table.Nodes().at(0).connected; }));
}

TEST_CASE("A probe is told its credit and what to keep, at once and when they change") {
  Fixture fixture;
  Client client(fixture);
  REQUIRE(client.SayHello("node-a", "1"));
  CHECK(client.MustRead().has_welcome());
  v1::EventBatch batch = MakeBatch(1, {7});
  REQUIRE(client.Send(batch));
  CHECK(client.MustRead().acknowledgement().batch_number() == 1);
  CHECK(client.credit == kMostCreditBatches);
  CHECK(client.sampling_threshold == kSamplingAll);
  // No message of the probe's is needed for it.
  fixture.table.SetFlowControl(kSamplingAll >> 3, 0);
  CHECK(client.MustRead().acknowledgement().batch_number() == 1);
  CHECK(client.credit == 0);
  CHECK(client.sampling_threshold == kSamplingAll >> 3);

  // A probe that comes now is told the same.
  Client next(fixture);
  REQUIRE(next.SayHello("node-b", "1"));
  CHECK(next.MustRead().has_welcome());
  v1::StreamRequest clock;
  clock.mutable_clock_request()->set_sequence(1);
  REQUIRE(next.Write(clock));
  CHECK(next.MustRead().has_clock_response());
  fixture.table.SetFlowControl(kSamplingAll >> 3, kMostCreditBatches);
  REQUIRE(next.Send(batch));
  CHECK(next.MustRead().acknowledgement().batch_number() == 1);
  CHECK(next.sampling_threshold == kSamplingAll >> 3);
  CHECK(next.credit == kMostCreditBatches);
}

// Gives credit at the moment at which a probe is told that there is none.
class CreditGiver final : public Logger {
 public:
  bool IsOn(LogLevel) const override { return true; }
  void Log(LogLevel, std::string_view event_type, std::string_view,
           const nlohmann::json&) override {
    if (event_type == "probe_connected") {
      table->SetFlowControl(kSamplingAll, kMostCreditBatches);
    }
  }
  NodeTable* table = nullptr;
};

TEST_CASE("Credit that is given while a message is answered is not taken back by the answer") {
  CreditGiver giver;
  const MonotonicClock clock;
  LimitedLogger logger(&giver, &clock);
  Fixture fixture(100, &logger);
  giver.table = &fixture.table;
  fixture.table.SetFlowControl(kSamplingAll, 0);
  Client client(fixture);
  REQUIRE(client.SayHello("node-a", "1"));
  CHECK(client.MustRead().has_welcome());
  // Without anything to send, the probe would wait for good.
  for (int i = 0; i < 5; ++i) {
    v1::StreamRequest request;
    request.mutable_clock_request()->set_sequence(i);
    REQUIRE(client.Write(request));
    CHECK(client.MustRead().has_clock_response());
  }
  CHECK(client.credit == kMostCreditBatches);
}

TEST_CASE("A probe that signs otherwise is refused by the parameter's name and both values") {
  struct Difference {
    const char* parameter;
    std::string values[2];
    void (*apply)(v1::Hello*);
  };
  const Difference differences[] = {
      {"SIGNATURE_WINDOW_SIZE",
       {"32", "64"},
       [](v1::Hello* hello) { hello->mutable_signature_parameters()->set_window_size_bytes(32); }},
      {"SIGNATURE_RATE",
       {"128", "256"},
       [](v1::Hello* hello) { hello->mutable_signature_parameters()->set_rate_bytes(128); }},
      {"SIGNATURE_ALGORITHM",
       {"crc32", "xxhash"},
       [](v1::Hello* hello) { hello->mutable_signature_parameters()->set_algorithm("crc32"); }},
      {"SIGNATURE_SEED",
       {"0000000000000005", "fingerprint"},
       [](v1::Hello* hello) { hello->mutable_signature_parameters()->set_seed_fingerprint(5); }},
      {"CAPTURE_ABI_VERSION",
       {"99", std::to_string(CAPTURE_ABI_VERSION)},
       [](v1::Hello* hello) { hello->set_capture_abi_version(99); }},
  };
  Fixture fixture;
  for (const Difference& difference : differences) {
    v1::Hello hello = MakeHello("node-a", "1");
    difference.apply(&hello);
    Client client(fixture);
    client.SayHello(hello);
    const grpc::Status status = client.Finish();
    CHECK(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
    CHECK_THAT(status.error_message(), Contains(difference.parameter) &&
                                           Contains(difference.values[0]) &&
                                           Contains(difference.values[1]));
  }
  CHECK(fixture.table.Nodes().empty());
}

TEST_CASE("A stream that does not begin with Hello, or says it twice, is ended") {
  Fixture fixture;
  {
    Client client(fixture);
    client.Send(MakeBatch(1, {7}));
    CHECK(client.Finish().error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  }
  Client client(fixture);
  client.SayHello("node-a", "1");
  CHECK(client.MustRead().has_welcome());
  client.SayHello("node-a", "1");
  CHECK(client.Finish().error_code() == grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_CASE("A second probe of a node ends the first, with a message") {
  Fixture fixture;
  Client older(fixture);
  older.SayHello("node-a", "1");
  CHECK(older.MustRead().has_welcome());
  Client newer(fixture);
  newer.SayHello("node-a", "2");
  CHECK(newer.MustRead().has_welcome());
  const grpc::Status status = older.Finish();
  CHECK(status.error_code() == grpc::StatusCode::ALREADY_EXISTS);
  CHECK_THAT(status.error_message(), Contains("node-a") && Contains("K8S_NODE_NAME"));
  newer.Send(MakeBatch(1, {}));
  CHECK(newer.MustRead().acknowledgement().batch_number() == 1);
}

TEST_CASE("A stream that names an undefined flow is aborted, for the probe to define it anew") {
  Fixture fixture;
  Client client(fixture);
  client.SayHello("node-a", "1");
  CHECK(client.MustRead().has_welcome());
  v1::EventBatch batch = MakeBatch(1, {});
  AddEvents({11}, 7, &batch);
  client.Send(batch);
  CHECK(client.Finish().error_code() == grpc::StatusCode::ABORTED);
  Client again(fixture);
  again.SayHello("node-a", "1");
  CHECK(again.MustRead().welcome().acknowledged_batch_number() == 0);
  *batch.add_flows() = MakeBatch(1, {7}).flows(0);
  again.Send(batch);
  CHECK(again.MustRead().acknowledgement().batch_number() == 1);
  CHECK(fixture.sink.events().size() == 1);
}

TEST_CASE("Streams are bounded, and there is room again when one ends") {
  Fixture fixture(/*max_streams=*/1);
  {
    Client first(fixture);
    first.SayHello("node-a", "1");
    CHECK(first.MustRead().has_welcome());
    Client second(fixture);
    const grpc::Status status = second.Finish();
    CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
    CHECK_THAT(status.error_message(), Contains("MAX_PROBES"));
  }
  CHECK(Eventually([&] {
    Client third(fixture);
    third.SayHello("node-a", "1");
    v1::StreamResponse response;
    return third.Read(&response) && response.has_welcome();
  }));
}

TEST_CASE("A message beyond the limit ends the stream, not the correlator") {
  Fixture fixture;
  Client client(fixture);
  client.SayHello("node-a", "1");
  CHECK(client.MustRead().has_welcome());
  v1::EventBatch batch = MakeBatch(1, {7});
  batch.mutable_columns()->set_fields(std::string(kMaxMessageBytes, 'x'));
  client.Send(batch);
  CHECK(client.Finish().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  Client next(fixture);
  next.SayHello("node-a", "1");
  CHECK(next.MustRead().has_welcome());
}

TEST_CASE("Clients that hang up at any moment leave nothing behind") {
  Fixture fixture;
  std::mt19937_64 random(7);
  for (int i = 0; i < 60; ++i) {
    Client client(fixture);
    client.SayHello(fmt::format("node-{}", i % 3), fmt::format("{}", i));
    for (uint64_t number = 1; number <= random() % 20; ++number) {
      v1::EventBatch batch = MakeBatch(number, {number});
      AddEvents({number}, number, &batch);
      if (!client.Send(batch)) {
        break;
      }
    }
    if (random() % 2 == 0) {
      client.Cancel();
    }
  }
  CHECK(Eventually([&] {
    for (const NodeSnapshot& node : fixture.table.Nodes()) {
      if (node.connected) {
        return false;
      }
    }
    return true;
  }));
  Client client(fixture);
  client.SayHello("node-0", "last");
  CHECK(client.MustRead().has_welcome());
}

TEST_CASE("Random requests neither crash nor stop the correlator") {
  Fixture fixture;
  std::mt19937_64 random(8);
  Client hostile(fixture);
  hostile.SayHello("node-a", "1");
  CHECK(hostile.MustRead().has_welcome());
  // After a refused definition, events of unknown flows do not end the stream.
  v1::EventBatch refused = MakeBatch(1, {7});
  refused.mutable_flows(0)->set_transport(1);
  REQUIRE(hostile.Send(refused));
  for (int i = 0; i < 2000; ++i) {
    v1::StreamRequest request;
    if (i % 3 == 0) {
      v1::ClockSample* const sample = request.mutable_clock_request()->mutable_previous();
      sample->set_probe_send_time_ns(static_cast<int64_t>(random()));
      sample->set_correlator_receive_time_ns(static_cast<int64_t>(random()));
      sample->set_correlator_send_time_ns(static_cast<int64_t>(random()));
      sample->set_probe_receive_time_ns(static_cast<int64_t>(random()));
    } else {
      v1::EventBatch* const batch = request.mutable_event_batch();
      *batch = MakeBatch(random(), {random() % 10, random() % 10});
      batch->mutable_flows(0)->set_source_address(std::string(random() % 20, 'a'));
      batch->mutable_flows(1)->set_flow_id(random());
      batch->add_ended_flow_ids(random() % 10);
      batch->add_drops()->set_cause(std::string(random() % 300, 'c'));
      v1::EventColumns* const columns = batch->mutable_columns();
      columns->set_event_count(static_cast<uint32_t>(random() % 70'000));
      columns->add_flow_ids(random() % 10);
      columns->add_signatures(random());
      std::string fields(random() % 100, '\0');
      for (char& byte : fields) {
        byte = static_cast<char>(random());
      }
      columns->set_fields(fields);
    }
    REQUIRE(hostile.Write(request));
  }
  Client client(fixture);
  client.SayHello("node-b", "1");
  CHECK(client.MustRead().has_welcome());
}

}  // namespace
}  // namespace audio_latency::correlator
