// GStreamer as the relay: of what comes in, only the payload goes out again.

#include "tests/interop/gstreamer.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/interop/case_checks.h"
#include "tests/interop/media_lab.h"
#include "tests/interop/speech_file.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

constexpr int kSeconds = 10;
constexpr int kPort = kFirstMediaPort;

struct Call {
  RtpCodec codec;
  SpeechFile speech;
  const Pod* caller = nullptr;
  const Pod* relay = nullptr;
  const Pod* callee = nullptr;
  Process* speaking = nullptr;
};

TEST_CASE("a GStreamer relay of PCMU, L16 and Opus") {
  const std::unique_ptr<MediaLab> lab = Require(MediaLab::Create("gstreamer"));
  std::vector<Call> calls;
  for (const RtpCodec& codec : RtpCodecs()) {
    Call& call = calls.emplace_back();
    call.codec = codec;
    call.caller = Require(lab->AddCaller("caller-" + codec.name));
    call.relay = Require(lab->AddRelay("relay-" + codec.name));
    call.callee = Require(lab->AddCallee("callee-" + codec.name));
    call.speech = Require(WriteSpeechFile({"en", calls.size(), kSeconds},
                                          fmt::format("{}/{}.wav", lab->folder(), codec.name)));
  }
  Process* const plugins = Require(ListPlugins(lab.get(), *calls[0].relay));
  Require(lab->Start());
  Require(lab->WaitForEnd(plugins, "plugins", 30'000));
  for (const Call& call : calls) {
    Require(lab->Run(*call.callee, call.callee->name, Launch(ReceivePipeline(kPort))));
    Require(lab->Run(*call.relay, call.relay->name,
                     Launch(RelayPipeline(kPort, call.codec, call.callee->address, kPort))));
  }
  for (const Call& call : calls) {
    Require(lab->WaitForPort(*call.relay, kPort));
    Require(lab->WaitForPort(*call.callee, kPort));
  }
  for (Call& call : calls) {
    call.speaking = Require(lab->Run(
        *call.caller, call.caller->name,
        Launch(SendPipeline(call.speech.path, call.codec, kPort, call.relay->address, kPort))));
  }
  for (const Call& call : calls) {
    Require(lab->WaitForEnd(call.speaking, call.caller->name, 2000 * kSeconds));
  }
  Require(lab->Finish());
  const MediaLab::ReplayAnswer replay = Require(lab->ReplayCaptures());
  CheckSameHops(*lab, replay);
  for (const Call& call : calls) {
    CheckRelay(*lab, replay, *call.relay, 1,
               {.name = "gstreamer-" + call.codec.name,
                .relay_address = call.relay->address,
                .ticks_per_second = call.codec.ticks_per_second,
                .seconds_with_speech = call.speech.seconds_with_speech});
  }
}

}  // namespace
}  // namespace audio_latency::lab
