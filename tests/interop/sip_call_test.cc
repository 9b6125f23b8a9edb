// A telephone call as providers carry them: two baresip phones, kamailio in front, rtpengine in the
// middle. Both ends play the same file at the same time, so that what each of them says comes to
// the relay twice and leaves it twice: only the rule of reflections tells which is which.

#include <chrono>
#include <string>
#include <thread>

#include "tests/interop/case_checks.h"
#include "tests/interop/media_lab.h"
#include "tests/interop/rtpengine.h"
#include "tests/interop/sip_phone.h"
#include "tests/interop/speech_file.h"
#include "tests/lab/lab_test.h"

namespace audio_latency::lab {
namespace {

constexpr int kSeconds = 10;

TEST_CASE("a call of two phones that play the same file at the same time") {
  const std::unique_ptr<MediaLab> lab = Require(MediaLab::Create("sip-call"));
  const Pod& caller = *Require(lab->AddCaller("phone-1"));
  const Pod& relay = *Require(lab->AddRelay("sip-gateway-1"));
  const Pod& callee = *Require(lab->AddCallee("phone-2"));
  const SpeechFile speech =
      Require(WriteSpeechFile({"en", 21, kSeconds}, lab->folder() + "/speech.wav"));
  Require(lab->Start());
  Require(StartRtpengine(lab.get(), relay));
  Require(StartSipProxy(lab.get(), relay, callee));
  Process* const answering = Require(StartSipPhone(lab.get(), callee, speech.path, ""));
  Process* const calling = Require(
      StartSipPhone(lab.get(), caller, speech.path, "sip:" + callee.name + "@" + relay.address));
  std::this_thread::sleep_for(std::chrono::seconds(kSeconds));
  CHECK(calling->IsRunning());
  CHECK(answering->IsRunning());
  Require(lab->Finish());
  const MediaLab::ReplayAnswer replay = Require(lab->ReplayCaptures());
  CheckSameHops(*lab, replay);
  CheckRelay(*lab, replay, relay, 2,
             {.name = "sip-call-both-play-one-file",
              .relay_address = relay.address,
              .ticks_per_second = 8000,
              .seconds_with_speech = speech.seconds_with_speech});
}

}  // namespace
}  // namespace audio_latency::lab
