#include "tests/unit/probe/uplink/test_correlator.h"

#include <thread>
#include <utility>

#include "common/time/clock.h"
#include "fmt/format.h"

namespace audio_latency::probe {

TestCorrelator::TestCorrelator(Behaviour behaviour, int port) : behaviour_(std::move(behaviour)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(fmt::format("127.0.0.1:{}", port), grpc::InsecureServerCredentials(),
                           &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

TestCorrelator::~TestCorrelator() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

std::string TestCorrelator::address() const { return fmt::format("127.0.0.1:{}", port_); }

bool TestCorrelator::WaitFor(const std::function<bool(const Seen&)>& condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return condition(seen_); });
}

TestCorrelator::Seen TestCorrelator::seen() {
  const std::lock_guard lock(mutex_);
  return seen_;
}

void TestCorrelator::Take(const v1::EventBatch& batch, Defined* defined) {
  const std::lock_guard lock(mutex_);
  for (const v1::InterfaceDefinition& interface : batch.interfaces()) {
    defined->interfaces.insert(interface.interface_index());
  }
  for (const v1::FlowDefinition& flow : batch.flows()) {
    defined->flows.insert(flow.flow_id());
    seen_.undefined += defined->interfaces.contains(flow.interface_index()) ? 0 : 1;
  }
  for (const uint64_t flow_id : batch.columns().flow_ids()) {
    seen_.undefined += defined->flows.contains(flow_id) ? 0 : 1;
  }
  const uint64_t last = seen_.batches.empty() ? 0 : seen_.batches.rbegin()->first;
  if (seen_.batches.contains(batch.batch_number())) {
    ++seen_.duplicates;
  } else {
    seen_.gaps += batch.batch_number() == last + 1 ? 0 : 1;
    seen_.batches[batch.batch_number()] = batch;
  }
  changed_.notify_all();
}

grpc::Status TestCorrelator::Stream(grpc::ServerContext* context, ServerStream* stream) {
  v1::StreamRequest request;
  if (!stream->Read(&request) || !request.has_hello()) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "no hello"};
  }
  int break_after = 0;
  v1::StreamResponse welcome;
  {
    const std::lock_guard lock(mutex_);
    seen_.instances.insert(request.hello().instance());
    if (static_cast<size_t>(seen_.streams) < behaviour_.break_after_batches.size()) {
      break_after = behaviour_.break_after_batches[seen_.streams];
    }
    ++seen_.streams;
    // As if the last batch taken had not been written down yet.
    const uint64_t taken = seen_.batches.empty() ? 0 : seen_.batches.rbegin()->first - 1;
    welcome.mutable_welcome()->set_acknowledged_batch_number(taken);
    changed_.notify_all();
  }
  if (!behaviour_.refusal.empty()) {
    return {behaviour_.refusal_code, behaviour_.refusal};
  }
  while (behaviour_.is_mute && !context->IsCancelled()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  stream->Write(welcome);
  v1::StreamResponse credit;
  credit.mutable_acknowledgement()->set_batch_number(welcome.welcome().acknowledged_batch_number());
  credit.mutable_acknowledgement()->set_credit_batches(behaviour_.credit_batches);
  stream->Write(credit);
  if (behaviour_.sampling_threshold != 0) {
    v1::StreamResponse sampling;
    sampling.mutable_sampling()->set_threshold(behaviour_.sampling_threshold);
    stream->Write(sampling);
  }
  return Serve(context, stream, break_after);
}

grpc::Status TestCorrelator::Serve(grpc::ServerContext* context, ServerStream* stream,
                                   int break_after) {
  Defined defined;
  v1::StreamRequest request;
  int batches = 0;
  while (stream->Read(&request)) {
    v1::StreamResponse response;
    if (request.has_clock_request()) {
      v1::ClockResponse* const clock = response.mutable_clock_response();
      clock->set_sequence(request.clock_request().sequence());
      clock->set_probe_send_time_ns(request.clock_request().probe_send_time_ns());
      clock->set_correlator_receive_time_ns(MonotonicClock().NowNs());
      clock->set_correlator_send_time_ns(MonotonicClock().NowNs());
      stream->Write(response);
      const std::lock_guard lock(mutex_);
      seen_.clock_requests.push_back(request.clock_request());
      changed_.notify_all();
      continue;
    }
    if (!request.has_event_batch()) {
      continue;
    }
    Take(request.event_batch(), &defined);
    if (++batches == break_after) {
      context->TryCancel();
      return grpc::Status::CANCELLED;
    }
    if (batches % behaviour_.acknowledge_every == 0) {
      response.mutable_acknowledgement()->set_batch_number(request.event_batch().batch_number());
      response.mutable_acknowledgement()->set_credit_batches(behaviour_.credit_batches);
      stream->Write(response);
    }
  }
  return grpc::Status::OK;
}

}  // namespace audio_latency::probe
