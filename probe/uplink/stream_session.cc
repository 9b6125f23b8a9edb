#include "probe/uplink/stream_session.h"

#include <algorithm>
#include <utility>

#include "common/address/peer_host.h"
#include "probe/clock/clock_reporter.h"
#include "probe/clock/kernel_clock.h"
#include "probe/uplink/stream_definitions.h"

namespace audio_latency::probe {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

StreamSession::StreamSession(BatchQueue* queue, ClockExchange* clock_exchange,
                             DatagramExchange* datagrams, const Clock& monotonic,
                             std::function<void(uint32_t threshold)> on_sampling)
    : queue_(queue),
      clock_exchange_(clock_exchange),
      datagrams_(datagrams),
      monotonic_(monotonic),
      on_sampling_(std::move(on_sampling)) {}

void StreamSession::Cancel() {
  over_ = true;
  context_.TryCancel();
  queue_->Wake();
}

grpc::Status StreamSession::Run(v1::ProbeService::Stub* stub, const v1::Hello& hello,
                                std::chrono::milliseconds patience,
                                const std::function<void()>& on_welcome) {
  const std::unique_ptr<Stream> stream = stub->Stream(&context_);
  v1::StreamRequest request;
  *request.mutable_hello() = hello;
  stream->Write(request);
  std::jthread reader([&] { Read(stream.get(), on_welcome); });
  const bool welcomed = WaitForWelcome(patience);
  if (welcomed) {
    Write(stream.get());
  }
  const bool was_silent = !welcomed && !over_;
  if (was_silent) {
    context_.TryCancel();
  }
  // The reader ends when the stream is broken, cancelled, or ended by the correlator.
  reader.join();
  datagrams_->End();
  queue_->EndStream();
  const grpc::Status status = stream->Finish();
  return was_silent ? grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED,
                                   "it accepts connections but does not answer")
                    : status;
}

void StreamSession::OnWelcome(const v1::Welcome& welcome) {
  clock_exchange_->Begin();
  if (welcome.has_datagram_clock()) {
    if (const std::optional<std::string> host = HostOfPeer(context_.peer())) {
      datagrams_->Begin(*host, welcome.datagram_clock(), [this] { queue_->Wake(); });
    }
  }
  queue_->BeginStream(welcome.acknowledged_batch_number());
}

void StreamSession::Read(Stream* stream, const std::function<void()>& on_welcome) {
  v1::StreamResponse response;
  while (stream->Read(&response)) {
    const int64_t received_ns = monotonic_.NowNs();
    if (response.has_clock_response()) {
      clock_exchange_->OnResponse(response.clock_response(), received_ns);
    } else if (response.has_acknowledgement()) {
      queue_->Acknowledge(response.acknowledgement().batch_number(),
                          response.acknowledgement().credit_batches());
    } else if (response.has_sampling()) {
      on_sampling_(response.sampling().threshold());
    } else if (response.has_welcome() && !welcomed_) {
      OnWelcome(response.welcome());
      on_welcome();
      welcomed_ = true;
      queue_->Wake();
    }
  }
  over_ = true;
  queue_->Wake();
}

bool StreamSession::WaitForWelcome(std::chrono::milliseconds patience) {
  const SteadyClock::time_point deadline = SteadyClock::now() + patience;
  constexpr std::chrono::milliseconds kStep(5);
  while (!welcomed_ && !over_ && SteadyClock::now() < deadline) {
    std::this_thread::sleep_for(kStep);
  }
  return welcomed_ && !over_;
}

void StreamSession::Write(Stream* stream) {
  StreamDefinitions definitions;
  ClockReporter clock_reporter(datagrams_, monotonic_, ReadKernelClock);
  v1::StreamRequest request;
  while (!over_) {
    const int64_t until_due_ns = clock_exchange_->NextDueNs() - monotonic_.NowNs();
    if (until_due_ns <= 0) {
      // Before any batch: what is queued in front of it would count as delay.
      clock_exchange_->Fill(request.mutable_clock_request(), datagrams_->statistics().works
                                                                 ? ClockExchange::kBesideDatagramsNs
                                                                 : ClockExchange::kIntervalNs);
      if (!stream->Write(request)) {
        return;
      }
      continue;
    }
    if (clock_reporter.Fill(request.mutable_clock_report())) {
      request.mutable_clock_report()->set_pending_events(queue_->UnsentEvents());
      if (!stream->Write(request)) {
        return;
      }
      continue;
    }
    if (const std::shared_ptr<const OutgoingBatch> batch = queue_->Next(); batch != nullptr) {
      definitions.Complete(*batch, request.mutable_event_batch());
      if (!stream->Write(request)) {
        return;
      }
      continue;
    }
    queue_->WaitUntil(SteadyClock::now() + std::chrono::nanoseconds(until_due_ns));
  }
}

}  // namespace audio_latency::probe
