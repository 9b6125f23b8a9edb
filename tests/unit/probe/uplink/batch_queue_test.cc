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
  queue.BeginStream(0);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{1, 2, 3});
  CHECK(queue.statistics().buffered_batches == 3);
  queue.Acknowledge(2);
  CHECK(queue.statistics().buffered_batches == 1);
  CHECK(queue.statistics().batches_acknowledged == 2);
  queue.Acknowledge(3);
  CHECK(queue.statistics().buffered_bytes == 0);
}

TEST_CASE("after a break what is not acknowledged goes again, in order, before what is new") {
  BatchQueue queue({});
  for (int i = 0; i < 4; ++i) {
    queue.Push(MakeBatch(i));
  }
  queue.BeginStream(0);
  DrainNumbers(&queue);
  queue.Acknowledge(1);
  queue.Push(MakeBatch(4));
  // The correlator had taken one more than it could tell.
  queue.BeginStream(2);
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
  queue.BeginStream(0);
  DrainNumbers(&queue);
  queue.Acknowledge(1);
  queue.BeginStream(0);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{2});
}

TEST_CASE("a full buffer drops the oldest batches that were never sent, and counts their events") {
  BatchQueue::Limits limits;
  limits.waiting_bytes = 50'000;
  BatchQueue queue(limits);
  queue.Push(MakeBatch(0, 5, 10'000));
  queue.BeginStream(0);
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
  CHECK(statistics.drops.at(kCauseBufferFull) == 21);
  CHECK(statistics.drops.at("ring_full") == 3);
  CHECK(statistics.buffered_bytes < 50'000 + 12'000);

  // The batch in flight is still there, the numbers have no gap, and what was lost is told.
  queue.BeginStream(0);
  CHECK(queue.Next()->message.batch_number() == 1);
  const auto next = queue.Next();
  CHECK(next->message.batch_number() == 2);
  CHECK(next->message.columns().base_time_ns() == 4);
  DropCounts told;
  for (const v1::DropCount& drop : next->message.drops()) {
    told[drop.cause()] = drop.count();
  }
  CHECK(told == DropCounts{{kCauseBufferFull, 21}, {"ring_full", 3}});
  CHECK(queue.Next()->message.drops().empty());
  DrainNumbers(&queue);
  queue.Acknowledge(100);
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
  queue.BeginStream(0);
  for (int i = 0; i < 3; ++i) {
    CHECK(queue.Next()->message.ended_flow_ids().empty());
  }
  queue.Acknowledge(1);
  CHECK(queue.Next() == nullptr);
  queue.Acknowledge(2);
  // Nothing waits, so they get a batch of their own.
  const auto fourth = queue.Next();
  REQUIRE(fourth != nullptr);
  CHECK(fourth->message.batch_number() == 4);
  CHECK(fourth->message.ended_flow_ids_size() == 2);
  CHECK(fourth->message.columns().event_count() == 0);
  queue.Acknowledge(4);
  CHECK(queue.Next() == nullptr);
}

TEST_CASE("no more than the limit is in flight") {
  BatchQueue::Limits limits;
  limits.in_flight_bytes = 20'000;
  BatchQueue queue(limits);
  for (int i = 0; i < 6; ++i) {
    queue.Push(MakeBatch(i, 1, 10'000));
  }
  queue.BeginStream(0);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{1, 2});
  queue.Acknowledge(1);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{3});
}

TEST_CASE("a batch larger than every limit still goes") {
  BatchQueue::Limits limits;
  limits.in_flight_bytes = 10;
  limits.waiting_bytes = 10;
  BatchQueue queue(limits);
  queue.Push(MakeBatch(0, 1, 1'000));
  queue.BeginStream(0);
  CHECK(DrainNumbers(&queue) == std::vector<uint64_t>{1});
}

TEST_CASE("waiting ends when there is something to do") {
  BatchQueue queue({});
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
    std::jthread acknowledger([&] { queue.Acknowledge(1); });
    CHECK(queue.WaitUntilEmpty(far));
  }
  CHECK(SteadyClock::now() < far);
}

}  // namespace
}  // namespace audio_latency::probe
