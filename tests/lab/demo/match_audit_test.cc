// The audit finds what is false and what is missing: a demo that could not fail would show nothing.

#include "tests/lab/demo/match_audit.h"

#include <catch2/catch.hpp>

namespace audio_latency::lab {
namespace {

CallTruth TcpTruth() {
  return {"ingress > processor > egress",
          false,
          {{"ingress-1", "processor-2", 0, 0}, {"processor-2", "egress-3", 0, 0}},
          32000,
          {true, true, false, true}};
}

CallTruth RtpTruth() {
  return {"caller > relay > callee",
          true,
          {{"caller-1", "relay-1", 11, 65500}, {"relay-1", "callee-1", 22, 1000}},
          50,
          {true, true, true}};
}

void AddPoint(audio_latency::v1::Trace* trace, const Leg& leg, const std::string& transport,
              uint32_t position) {
  audio_latency::v1::TracePoint* point = trace->add_points();
  point->mutable_source()->set_pod(leg.source_pod);
  point->mutable_destination()->set_pod(leg.destination_pod);
  point->set_transport(transport);
  if (transport == "udp") {
    point->set_rtp_ssrc(leg.ssrc);
    point->set_position(position);
  } else {
    point->set_position(position + 77777);
    point->set_stream_offset_bytes(position);
  }
}

audio_latency::v1::Trace TcpTrace(uint32_t first, uint32_t second) {
  audio_latency::v1::Trace trace;
  AddPoint(&trace, TcpTruth().legs[0], "tcp", first);
  AddPoint(&trace, TcpTruth().legs[0], "tcp", first);
  AddPoint(&trace, TcpTruth().legs[1], "tcp", second);
  return trace;
}

audio_latency::v1::Trace RtpTrace(uint32_t first_index, uint32_t second_index) {
  audio_latency::v1::Trace trace;
  AddPoint(&trace, RtpTruth().legs[0], "udp", (65500 + first_index) & 0xffff);
  AddPoint(&trace, RtpTruth().legs[1], "udp", (1000 + second_index) & 0xffff);
  return trace;
}

TEST_CASE("matches at the right positions are true and cover their seconds") {
  MatchAudit audit({TcpTruth(), RtpTruth()});
  audit.Add(TcpTrace(100, 100));
  audit.Add(TcpTrace(31999, 31999));
  audit.Add(TcpTrace(3 * 32000, 3 * 32000));
  audit.Add(RtpTrace(0, 0));
  audit.Add(RtpTrace(60, 60));  // its sequence number has wrapped
  CHECK(audit.matches() == 5);
  CHECK(audit.false_matches() == 0);
  const auto calls = audit.Calls();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].whole_matches == 3);
  CHECK(calls[0].speech_seconds == 3);
  CHECK(calls[0].covered_seconds == 2);
  CHECK(calls[1].covered_seconds == 2);
  CHECK(calls[1].coverage() == Approx(2.0 / 3));
}

TEST_CASE("sequence numbers are followed through many turns") {
  CallTruth truth = RtpTruth();
  truth.seconds_with_speech.assign(4000, true);
  MatchAudit audit({truth});
  for (uint32_t index = 0; index < 4000 * 50; index += 25) {
    audit.Add(RtpTrace(index, index));
  }
  CHECK(audit.false_matches() == 0);
  CHECK(audit.Calls()[0].covered_seconds == 4000);
}

TEST_CASE("a match of part of the way covers nothing") {
  MatchAudit audit({TcpTruth()});
  audio_latency::v1::Trace trace;
  AddPoint(&trace, TcpTruth().legs[1], "tcp", 5);
  AddPoint(&trace, TcpTruth().legs[1], "tcp", 5);
  audit.Add(trace);
  CHECK(audit.false_matches() == 0);
  CHECK(audit.Calls()[0].covered_seconds == 0);
}

TEST_CASE("matches of other positions, calls or places are false") {
  MatchAudit audit({TcpTruth(), RtpTruth()});
  SECTION("another byte") {
    audit.Add(TcpTrace(100, 101));
    CHECK(audit.first_false_match().find("position 101") != std::string::npos);
  }
  SECTION("another packet") { audit.Add(RtpTrace(7, 8)); }
  SECTION("another call") {
    audio_latency::v1::Trace trace = TcpTrace(7, 7);
    AddPoint(&trace, RtpTruth().legs[0], "udp", 65507);
    audit.Add(trace);
  }
  SECTION("a conversation that is no call") {
    audio_latency::v1::Trace trace;
    AddPoint(&trace, {"egress-3", "ingress-1", 0, 0}, "tcp", 100);
    audit.Add(trace);
    CHECK(audit.first_false_match().find("no conversation") != std::string::npos);
  }
  SECTION("an SSRC that is no call's") {
    audio_latency::v1::Trace trace;
    Leg leg = RtpTruth().legs[0];
    leg.ssrc = 99;
    AddPoint(&trace, leg, "udp", 65500);
    audit.Add(trace);
  }
  SECTION("nothing at all") { audit.Add(audio_latency::v1::Trace()); }
  CHECK(audit.false_matches() == 1);
  CHECK(audit.Calls()[0].covered_seconds == 0);
}

}  // namespace
}  // namespace audio_latency::lab
