#include "probe/uplink/batch_queue.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <vector>

namespace audio_latency::probe {
namespace {

using SteadyClock = std::chrono::steady_clock;

// A batch of `events` events without signatures, recognised by its base time.
SealedBatch MakeBatch(int64_t base_time_ns, uint32_t events = 1, size_t bytes = 10) {
  SealedBatch batch;
  batch.columns.set_base_time_ns(base_time_ns);
  batch.columns.set_event_count(events);
  batch.columns.set_fields(std::string(bytes, 'x'));
  return batch;
}

constexpr uint32_t kCredit = 100;

// A stream on which the correlator gives enough credit for every test.
void Begin(BatchQueue* queue, uint64_t acknowledged_number) {
  queue->BeginStream(acknowledged_number);
  queue->Acknowledge(acknowledged_number, kCredit);
}

std::vector<uint64_t> DrainNumbers(BatchQueue* queue) {
  std::vector<uint64_t> numbers;
  while (const auto batch = queue->Next()) {
    numbers.push_back(batch->message.batch_number());
  }
  return numbers;
}

TEST_CASE("batches are numbered from 1 and kept until they are acknowledged") {
  BatchQueue queue({});
  for (int i = 0; i < 3; ++i) {
    queue.Push(MakeBatch(i));
  }
  Begin(&queue, 0);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{1, 2, 3});
  CHECK(queue.statistics().buffered_batches == 3);
  queue.Acknowledge(2, kCredit);
  CHECK(queue.statistics().buffered_batches == 1);
  CHECK(queue.statistics().batches_acknowledged == 2);
  queue.Acknowledge(3, kCredit);
  CHECK(queue.statistics().buffered_bytes == 0);
}

TEST_CASE("each batch is stamped with what held for its own events") {
  BatchQueue queue({});
  for (const uint32_t threshold : {100u, 50u, 0u}) {
    SealedBatch batch = MakeBatch(1);
    batch.sampling_threshold = threshold;
    queue.Push(std::move(batch));
  }
  Begin(&queue, 0);
  for (const uint32_t threshold : {100u, 50u, 0u}) {
    CHECK(queue.Next()->message.sampling_threshold() == threshold);
  }
}

TEST_CASE("what has not gone out on this stream is told as such") {
  BatchQueue queue({});
  SealedBatch batch = MakeBatch(1, 5);
  batch.unread_events = 3;
  queue.Push(std::move(batch));
  batch = MakeBatch(2, 7);
  batch.unread_events = 2;
  queue.Push(std::move(batch));
  CHECK(queue.UnsentEvents() == 5 + 7 + 2);
  Begin(&queue, 0);
  queue.Next();
  CHECK(queue.UnsentEvents() == 7 + 2);
  CHECK(queue.statistics().buffered_events == 5 + 7);
  queue.Next();
  CHECK(queue.UnsentEvents() == 2);
  queue.Acknowledge(1, kCredit);
  CHECK(queue.statistics().buffered_events == 7);
  // On another stream it goes again.
  queue.EndStream();
  Begin(&queue, 1);
  CHECK(queue.UnsentEvents() == 7 + 2);
}

TEST_CASE("after a break what is not acknowledged goes again, in order, before what is new") {
  BatchQueue queue({});
  for (int i = 0; i < 4; ++i) {
    queue.Push(MakeBatch(i));
  }
  Begin(&queue, 0);
  DrainNumbers(&queue);
  queue.Acknowledge(1, kCredit);
  queue.Push(MakeBatch(4));
  // The correlator had taken one more than it could tell.
  Begin(&queue, 2);
  const auto third = queue.Next();
  REQUIRE(third != nullptr);
  CHECK(third->message.batch_number() == 3);
  CHECK(third->message.columns().base_time_ns() == 2);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{4, 5});
  CHECK(queue.statistics().batches_sent == 5);
  CHECK(queue.statistics().batches_resent == 2);
}

TEST_CASE("a correlator that starts anew gets everything that is left") {
  BatchQueue queue({});
  queue.Push(MakeBatch(0));
  queue.Push(MakeBatch(1));
  Begin(&queue, 0);
  DrainNumbers(&queue);
  queue.Acknowledge(1, kCredit);
  Begin(&queue, 0);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{2});
}

TEST_CASE("a full buffer drops the oldest batches that were never sent, and counts their events") {
  BatchQueue::Limits limits;
  limits.waiting_bytes = 50'000;
  BatchQueue queue(limits);
  queue.Push(MakeBatch(0, 5, 10'000));
  Begin(&queue, 0);
  REQUIRE(queue.Next() != nullptr);
  SealedBatch with_drops = MakeBatch(1, 7, 10'000);
  with_drops.drops["ring_full"] = 3;
  with_drops.ended_flow_ids = {42};
  queue.Push(std::move(with_drops));
  for (int i = 2; i < 8; ++i) {
    queue.Push(MakeBatch(i, 7, 10'000));
  }
  const BatchQueueStatistics statistics = queue.statistics();
  CHECK(statistics.batches_dropped == 3);
  CHECK(statistics.drops.at(kCauseProbeBufferFull) == 21);
  CHECK(statistics.drops.at("ring_full") == 3);
  CHECK(statistics.buffered_bytes < 50'000 + 12'000);

  // The batch in flight is still there, the numbers have no gap, and what was lost is told.
  Begin(&queue, 0);
  CHECK(queue.Next()->message.batch_number() == 1);
  const auto next = queue.Next();
  CHECK(next->message.batch_number() == 2);
  CHECK(next->message.columns().base_time_ns() == 4);
  DropCounts told;
  for (const v1::DropCount& drop : next->message.drops()) {
    told[drop.cause()] = drop.count();
  }
  CHECK(told == DropCounts{{kCauseProbeBufferFull, 21}, {"ring_full", 3}});
  CHECK(queue.Next()->message.drops().empty());
  DrainNumbers(&queue);
  queue.Acknowledge(100, kCredit);
  // The end of a flow outlives the batch that it came with.
  const auto last = queue.Next();
  REQUIRE(last != nullptr);
  REQUIRE(last->message.ended_flow_ids_size() == 1);
  CHECK(last->message.ended_flow_ids(0) == 42);
}

TEST_CASE("ended flows are told only when the batches that name them are taken") {
  BatchQueue queue({});
  queue.Push(MakeBatch(0));
  SealedBatch second = MakeBatch(1);
  second.ended_flow_ids = {7, 8};
  queue.Push(std::move(second));
  queue.Push(MakeBatch(2));
  Begin(&queue, 0);
  for (int i = 0; i < 3; ++i) {
    CHECK(queue.Next()->message.ended_flow_ids().empty());
  }
  queue.Acknowledge(1, kCredit);
  CHECK(queue.Next() == nullptr);
  queue.Acknowledge(2, kCredit);
  // Nothing waits, so they get a batch of their own.
  const auto fourth = queue.Next();
  REQUIRE(fourth != nullptr);
  CHECK(fourth->message.batch_number() == 4);
  CHECK(fourth->message.ended_flow_ids_size() == 2);
  CHECK(fourth->message.columns().event_count() == 0);
  queue.Acknowledge(4, kCredit);
  CHECK(queue.Next() == nullptr);
}

TEST_CASE("no more than the limit is in flight") {
  BatchQueue::Limits limits;
  limits.in_flight_bytes = 20'000;
  BatchQueue queue(limits);
  for (int i = 0; i < 6; ++i) {
    queue.Push(MakeBatch(i, 1, 10'000));
  }
  Begin(&queue, 0);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{1, 2});
  queue.Acknowledge(1, kCredit);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{3});
}

TEST_CASE("a batch larger than every limit still goes") {
  BatchQueue::Limits limits;
  limits.in_flight_bytes = 10;
  limits.waiting_bytes = 10;
  BatchQueue queue(limits);
  queue.Push(MakeBatch(0, 1, 1'000));
  Begin(&queue, 0);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{1});
}

TEST_CASE("nothing is sent without credit, old or new, and what waits too long is counted so") {
  BatchQueue::Limits limits;
  limits.waiting_bytes = 50'000;
  BatchQueue queue(limits);
  for (int i = 0; i < 3; ++i) {
    queue.Push(MakeBatch(i, 5));
  }
  queue.BeginStream(0);
  CHECK(queue.Next() == nullptr);
  queue.Acknowledge(0, 2);
  CHECK(queue.statistics().credit_batches == 2);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{1, 2});
  CHECK(queue.statistics().credit_batches == 0);
  CHECK(queue.statistics().credit_used_up == 1);
  queue.Acknowledge(1, 1);
  CHECK(queue.Next() == nullptr);
  queue.Acknowledge(1, 2);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{3});

  // What was sent on the stream before goes again only with credit.
  queue.BeginStream(1);
  CHECK(queue.Next() == nullptr);
  queue.Acknowledge(1, 1);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{2});

  queue.Acknowledge(2, 0);
  for (int i = 0; i < 10; ++i) {
    queue.Push(MakeBatch(i, 7, 10'000));
  }
  BatchQueueStatistics statistics = queue.statistics();
  CHECK(statistics.drops.contains(kCauseCorrelatorOverloaded));
  CHECK_FALSE(statistics.drops.contains(kCauseProbeBufferFull));
  CHECK(statistics.buffered_bytes <= statistics.most_buffered_bytes);
  queue.EndStream();
  for (int i = 0; i < 10; ++i) {
    queue.Push(MakeBatch(i, 7, 10'000));
  }
  statistics = queue.statistics();
  CHECK(statistics.drops.contains(kCauseProbeBufferFull));

  // Every event that was sealed is taken or counted.
  queue.BeginStream(2);
  queue.Acknowledge(2, kCredit);
  const std::vector<uint64_t> rest = DrainNumbers(&queue);
  queue.Acknowledge(rest.back(), kCredit);
  statistics = queue.statistics();
  CHECK(statistics.events_sealed == 15 + 140);
  CHECK(statistics.events_acknowledged + statistics.drops[kCauseCorrelatorOverloaded] +
            statistics.drops[kCauseProbeBufferFull] ==
        statistics.events_sealed);
}

TEST_CASE("waiting ends when there is something to do") {
  BatchQueue queue({});
  Begin(&queue, 0);
  const auto far = SteadyClock::now() + std::chrono::seconds(30);
  {
    std::jthread pusher([&] { queue.Push(MakeBatch(0)); });
    queue.WaitUntil(far);
  }
  CHECK(queue.Next() != nullptr);
  {
    std::jthread waker([&] { queue.Wake(); });
    queue.WaitUntil(far);
  }
  CHECK_FALSE(queue.WaitUntilEmpty(SteadyClock::now() + std::chrono::milliseconds(10)));
  {
    std::jthread acknowledger([&] { queue.Acknowledge(1, kCredit); });
    CHECK(queue.WaitUntilEmpty(far));
  }
  CHECK(SteadyClock::now() < far);
}

}  // namespace
}  // namespace audio_latency::probe
