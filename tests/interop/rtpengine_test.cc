// rtpengine as the relay, driven as a SIP proxy drives it. Packets pass with their RTP headers as
// they are; addresses and ports change. A call that it transcodes is the counter-proof: other bytes
// leave than come, so that nothing may match.

#include "tests/interop/rtpengine.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/interop/case_checks.h"
#include "tests/interop/gstreamer.h"
#include "tests/interop/media_lab.h"
#include "tests/interop/result_table.h"
#include "tests/interop/speech_file.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

constexpr int kSeconds = 10;
constexpr int kPhonePort = kFirstMediaPort;

struct Call {
  RtpCodec codec;
  std::string callee_codec;
  SpeechFile speech;
  const Pod* caller = nullptr;
  const Pod* relay = nullptr;
  const Pod* callee = nullptr;
  Process* speaking = nullptr;
};

Call Prepare(MediaLab* lab, const RtpCodec& codec, const std::string& name,
             const std::string& callee_codec, uint64_t seed) {
  Call call;
  call.codec = codec;
  call.callee_codec = callee_codec;
  call.caller = Require(lab->AddCaller("caller-" + name));
  call.relay = Require(lab->AddRelay("relay-" + name));
  call.callee = Require(lab->AddCallee("callee-" + name));
  call.speech = Require(
      WriteSpeechFile({"es", seed, kSeconds}, fmt::format("{}/{}.wav", lab->folder(), name)));
  return call;
}

void StartSpeaking(MediaLab* lab, Call* call) {
  const RelayAddresses addresses = Require(OfferAndAnswer(
      *call->relay, {.call_id = call->caller->name,
                     .caller = {call->caller->address, kPhonePort},
                     .callee = {call->callee->address, kPhonePort},
                     .codec = fmt::format("{} {}", call->codec.payload_type, call->codec.rtpmap),
                     .callee_codec = call->callee_codec}));
  Require(lab->Run(*call->callee, call->callee->name, Launch(ReceivePipeline(kPhonePort))));
  Require(lab->WaitForPort(*call->callee, kPhonePort));
  call->speaking = Require(
      lab->Run(*call->caller, call->caller->name,
               Launch(SendPipeline(call->speech.path, call->codec, kPhonePort,
                                   addresses.for_caller.address, addresses.for_caller.port))));
}

// Packets came and went, the product saw both sides, and yet none of the one is any of the other.
void CheckTranscoded(const MediaLab& lab, const Call& call) {
  const std::vector<RtpRecord> records = Require(lab.ReadRelay(*call.relay));
  const RelayTruth truth = MakeRelayTruth(records, call.relay->address);
  constexpr int kPacketsPerSecond = 50;
  CHECK(truth.packets_in > (kSeconds - 2) * kPacketsPerSecond);
  CHECK(truth.packets_out > (kSeconds - 2) * kPacketsPerSecond);
  CHECK(truth.streams.empty());
  const CaseResult result = AuditRelay(truth, lab.traces(),
                                       {.name = "rtpengine-transcoding",
                                        .relay_address = call.relay->address,
                                        .ticks_per_second = call.codec.ticks_per_second,
                                        .seconds_with_speech = {}});
  Require(lab.Keep(result));
  INFO(result.first_false_match);
  CHECK(result.false_matches == 0);
  CHECK(result.matches == 0);
  CHECK(FindInside(lab.hops(), *call.relay) == nullptr);
  int64_t into = 0;
  int64_t out_of = 0;
  for (const audio_latency::v1::Trace& trace : lab.traces()) {
    into += trace.points(0).destination().pod() == call.relay->name;
    out_of += trace.points(0).source().pod() == call.relay->name;
  }
  CHECK(into > 0);
  CHECK(out_of > 0);
}

TEST_CASE(
    "rtpengine driven by its ng protocol: PCMU, L16 and Opus pass, a transcoded call does not") {
  const std::unique_ptr<MediaLab> lab = Require(MediaLab::Create("rtpengine"));
  std::vector<Call> calls;
  for (const RtpCodec& codec : RtpCodecs()) {
    calls.push_back(Prepare(lab.get(), codec, codec.name, "", 100 + calls.size()));
  }
  calls.push_back(Prepare(lab.get(), RtpCodecs().front(), "transcoding", "8 PCMA/8000", 104));
  Process* const plugins = Require(ListPlugins(lab.get(), *calls[0].relay));
  Require(lab->Start());
  Require(lab->WaitForEnd(plugins, "plugins", 30'000));
  for (const Call& call : calls) {
    Require(StartRtpengine(lab.get(), *call.relay));
  }
  for (Call& call : calls) {
    StartSpeaking(lab.get(), &call);
  }
  for (const Call& call : calls) {
    Require(lab->WaitForEnd(call.speaking, call.caller->name, 2000 * kSeconds));
  }
  Require(lab->Finish());
  const MediaLab::ReplayAnswer replay = Require(lab->ReplayCaptures());
  CheckSameHops(*lab, replay);
  for (const Call& call : calls) {
    if (!call.callee_codec.empty()) {
      CheckTranscoded(*lab, call);
      continue;
    }
    CheckRelay(*lab, replay, *call.relay, 1,
               {.name = "rtpengine-" + call.codec.name,
                .relay_address = call.relay->address,
                .ticks_per_second = call.codec.ticks_per_second,
                .seconds_with_speech = call.speech.seconds_with_speech});
  }
}

}  // namespace
}  // namespace audio_latency::lab
