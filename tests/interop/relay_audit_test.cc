// The audit finds what is false and what is missing, and the truth is read right: a test of media
// programs that could not fail would show nothing.

#include "tests/interop/relay_audit.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/interop/hop_answers.h"
#include "tests/interop/result_table.h"
#include "tests/interop/rtp_truth.h"
#include "tests/interop/rtpengine.h"

namespace audio_latency::lab {
namespace {

constexpr char kRelay[] = "10.0.0.2";
constexpr char kCaller[] = "10.0.0.1";
constexpr char kCallee[] = "10.0.0.3";
constexpr uint16_t kShift = 1000;
constexpr int kPackets = 100;  // two seconds
constexpr int64_t kStartNs = 1'700'000'000'000'000'000;

// What tcpdump would have seen of one direction: every packet held for 80 us.
void AddStream(const std::string& from, const std::string& to, uint32_t ssrc, uint32_t new_ssrc,
               std::vector<RtpRecord>* records) {
  for (int i = 0; i < kPackets; ++i) {
    RtpRecord record = {kStartNs + i * int64_t{20'000'000},
                        from,
                        kRelay,
                        ssrc,
                        static_cast<uint16_t>(65500 + i),
                        static_cast<uint32_t>(7000 + i * 160),
                        fmt::format("{:08x}", i * 2654435761U)};
    records->push_back(record);
    record.unix_time_ns += 80'000;
    record.source = kRelay;
    record.destination = to;
    record.ssrc = new_ssrc;
    record.sequence = static_cast<uint16_t>(record.sequence + kShift);
    records->push_back(record);
  }
}

audio_latency::v1::Trace MakeTrace(uint16_t in_sequence, uint16_t out_sequence, double delay_us) {
  audio_latency::v1::Trace trace;
  const auto add = [&trace](const char* source, const char* destination, uint32_t ssrc,
                            uint16_t position, double seconds) {
    audio_latency::v1::TracePoint* point = trace.add_points();
    point->mutable_source()->set_address(source);
    point->mutable_destination()->set_address(destination);
    point->set_rtp_ssrc(ssrc);
    point->set_position(position);
    point->set_delay_seconds(seconds);
  };
  add(kCaller, kRelay, 11, in_sequence, 0);
  add(kCaller, kRelay, 11, in_sequence, 50e-6);
  add(kRelay, kCallee, 22, out_sequence, 50e-6 + delay_us * 1e-6);
  add(kRelay, kCallee, 22, out_sequence, 150e-6 + delay_us * 1e-6);
  return trace;
}

uint16_t In(int packet) { return static_cast<uint16_t>(65500 + packet); }
uint16_t Out(int packet) { return static_cast<uint16_t>(65500 + packet + kShift); }

AuditOptions Options() {
  return {.name = "case",
          .relay_address = kRelay,
          .ticks_per_second = 8000,
          .seconds_with_speech = {true, true}};
}

RelayTruth OneWay() {
  std::vector<RtpRecord> records;
  AddStream(kCaller, kCallee, 11, 22, &records);
  return MakeRelayTruth(records, kRelay);
}

TEST_CASE("Streams are paired by their payloads, never with what goes back") {
  std::vector<RtpRecord> records;
  AddStream(kCaller, kCallee, 11, 22, &records);
  AddStream(kCallee, kCaller, 33, 44, &records);
  const RelayTruth truth = MakeRelayTruth(records, kRelay);
  REQUIRE(truth.streams.size() == 2);
  const RelayedStream* onward = truth.Find({kCaller, kRelay, 11});
  REQUIRE(onward != nullptr);
  CHECK(onward->out == RtpStreamKey{kRelay, kCallee, 22});
  CHECK(onward->sequence_shift == kShift);
  CHECK(onward->passages.size() == kPackets);
  CHECK(onward->passages.at(In(99)).delay_ns() == 80'000);
  CHECK(onward->passages.at(In(99)).media_time == 99 * 160);
  CHECK(truth.Find({kCallee, kRelay, 33})->out.destination == kCaller);
}

TEST_CASE("A packet that left otherwise than it came is no passage; a stream of such is none") {
  std::vector<RtpRecord> records;
  AddStream(kCaller, kCallee, 11, 22, &records);
  records[1].payload = "00";
  CHECK(MakeRelayTruth(records, kRelay).streams.at(0).passages.size() == kPackets - 1);
  for (size_t i = 1; i < records.size(); i += 2) {
    records[i].payload += "00";
  }
  CHECK(MakeRelayTruth(records, kRelay).streams.empty());
}

TEST_CASE("Matches are counted once, with the distance from the truth") {
  const RelayTruth truth = OneWay();
  const CaseResult result = AuditRelay(
      truth,
      {MakeTrace(In(0), Out(0), 81), MakeTrace(In(0), Out(0), 81), MakeTrace(In(60), Out(60), 75)},
      Options());
  CHECK(result.matches == 2);
  CHECK(result.matched_packets == 2);
  CHECK(result.false_matches == 0);
  CHECK(result.speech_seconds == 2);
  CHECK(result.covered_seconds == 2);
  CHECK(result.max_error_us == Approx(5).margin(0.01));
  CHECK(result.median_delay_us == Approx(80));
}

TEST_CASE("Two signatures of one packet are two matches") {
  audio_latency::v1::Trace other = MakeTrace(In(0), Out(0), 81);
  other.set_signature("0123456789abcdef");
  const CaseResult result = AuditRelay(OneWay(), {MakeTrace(In(0), Out(0), 81), other}, Options());
  CHECK(result.matches == 2);
  CHECK(result.matched_packets == 1);
}

TEST_CASE("A second with speech and without a match is not covered") {
  const CaseResult result = AuditRelay(OneWay(), {MakeTrace(In(0), Out(0), 80)}, Options());
  CHECK(result.speech_seconds == 2);
  CHECK(result.covered_seconds == 1);
}

TEST_CASE("Another packet of the stream, another stream and the way back are false") {
  const RelayTruth truth = OneWay();
  CHECK(AuditRelay(truth, {MakeTrace(In(0), Out(1), 80)}, Options()).false_matches == 1);
  audio_latency::v1::Trace other_stream = MakeTrace(In(0), Out(0), 80);
  other_stream.mutable_points(2)->set_rtp_ssrc(23);
  other_stream.mutable_points(3)->set_rtp_ssrc(23);
  CHECK(AuditRelay(truth, {other_stream}, Options()).false_matches == 1);
  audio_latency::v1::Trace back = MakeTrace(In(0), Out(0), 80);
  back.mutable_points(2)->mutable_destination()->set_address(kCaller);
  back.mutable_points(3)->mutable_destination()->set_address(kCaller);
  const CaseResult result = AuditRelay(truth, {back}, Options());
  CHECK(result.false_matches == 1);
  CHECK(result.first_false_match.find("10.0.0.2 > 10.0.0.1") != std::string::npos);
}

TEST_CASE("tshark's lines are read, and refused where they are something else") {
  const auto records =
      ParseTsharkFields("1700000000.123456789\t10.0.0.1\t10.0.0.2\t0x0000000b\t65535\t160\tff7e\n");
  REQUIRE(records.ok());
  REQUIRE(records->size() == 1);
  CHECK(records->at(0).unix_time_ns == 1'700'000'000'123'456'789);
  CHECK(records->at(0).ssrc == 11);
  CHECK(records->at(0).sequence == 65535);
  for (const char* line : {"1700000000.123456\t1\t2\t0x1\t1\t1\tff", "x\t1\t2\t0x1\t1\t1\tff",
                           "1700000000.123456789\t1\t2\t0x1\t65536\t1\tff", "1\t2"}) {
    CAPTURE(line);
    CHECK_FALSE(ParseTsharkFields(line).ok());
  }
}

TEST_CASE("rtpengine's answers are read") {
  const std::string answer = "d6:streamli1ed1:ai-2eee3:sdp5:v=0\r\n6:result2:oke";
  CHECK(*BencodeFind(answer, "sdp") == "v=0\r\n");
  CHECK(*BencodeFind(answer, "result") == "ok");
  CHECK(BencodeFind(answer, "tags").status().code() == absl::StatusCode::kNotFound);
  for (const char* broken : {"", "x", "d", "d3:ab", "d1:a", "d1:ai1", "d1:al", "d9999999999:a1:be",
                             "d1:alllllllllllllllllllllllllllllle"}) {
    CAPTURE(broken);
    CHECK_FALSE(BencodeFind(broken, "result").ok());
  }
  const auto media = MediaAddressOf(
      "v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 20002 RTP/AVP 0\r\nm=audio 7 RTP/AVP 0\r\n");
  REQUIRE(media.ok());
  CHECK(media->address == "10.0.0.2");
  CHECK(media->port == 20002);
  CHECK_FALSE(MediaAddressOf("v=0\r\n").ok());
}

TEST_CASE("The command line's hops are read") {
  const auto hops = ParseHops(
      R"({"hops":[{"kind":"PROCESSING","source":{"pod":"relay-1"},"destination":{"pod":"relay-1"},)"
      R"("count":7,"one_way_delay":{"p50_seconds":0.0001,"max_seconds":0.002},)"
      R"("error_bound_seconds":1e-06}]})");
  REQUIRE(hops.ok());
  REQUIRE(hops->size() == 1);
  CHECK(hops->at(0).name() == "PROCESSING relay-1 > relay-1");
  CHECK(hops->at(0).count == 7);
  CHECK(hops->at(0).p50_us == Approx(100));
  CHECK(hops->at(0).error_bound_us == Approx(1));
  CHECK_FALSE(ParseHops("no hops").ok());
  CHECK_FALSE(ParseHops(R"({"hops":[{}]})").ok());
}

TEST_CASE("Results are kept, and make one table") {
  const ScratchFolder folder;
  CaseResult result;
  result.name = "relay";
  result.matches = 77;
  result.speech_seconds = 4;
  result.covered_seconds = 3;
  result.max_error_us = 12.34;
  REQUIRE(WriteResult(result, folder.path()).ok());
  const auto read = ReadResults(folder.path());
  REQUIRE(read.ok());
  const std::string table = ResultTable(*read);
  for (const char* expected : {"relay", "77", "75.0 %", "12.3 us"}) {
    CAPTURE(expected);
    CHECK(table.find(expected) != std::string::npos);
  }
  folder.Write("broken.json", "{");
  CHECK_FALSE(ReadResults(folder.path()).ok());
  CHECK(ReadResults(folder.path() + "/nothing").status().code() == absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace audio_latency::lab
