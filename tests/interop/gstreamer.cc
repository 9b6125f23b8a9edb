#include "tests/interop/gstreamer.h"

#include <fmt/format.h>

#include "absl/strings/str_split.h"

namespace audio_latency::lab {

std::vector<RtpCodec> RtpCodecs() {
  const std::string g711 = "rtppcmupay min-ptime=20000000 max-ptime=20000000";
  const std::string l16 = "rtpL16pay min-ptime=10000000 max-ptime=10000000";
  const std::string at_48_khz = "audioresample ! audio/x-raw,rate=48000 ! ";
  return {{"pcmu", 0, "PCMU/8000", 8000, "media=audio,clock-rate=8000,encoding-name=PCMU,payload=0",
           "mulawenc ! " + g711, "rtppcmudepay", g711},
          {"l16", 96, "L16/48000", 48000,
           "media=audio,clock-rate=48000,encoding-name=L16,channels=1,payload=96",
           at_48_khz + "audioconvert ! " + l16, "rtpL16depay", l16},
          {"opus", 96, "opus/48000/2", 48000,
           "media=audio,clock-rate=48000,encoding-name=OPUS,payload=96",
           at_48_khz + "opusenc frame-size=20 ! rtpopuspay", "rtpopusdepay", "rtpopuspay"}};
}

std::string SendPipeline(const std::string& wav_path, const RtpCodec& codec, int own_port,
                         const std::string& address, int port) {
  return fmt::format("filesrc location={} ! wavparse ! {} ! udpsink host={} port={} bind-port={}",
                     wav_path, codec.encode, address, port, own_port);
}

std::string RelayPipeline(int own_port, const RtpCodec& codec, const std::string& address,
                          int port) {
  return fmt::format(
      "udpsrc port={} caps=application/x-rtp,{} ! {} ! {} ! udpsink host={} port={} sync=false",
      own_port, codec.caps, codec.depayload, codec.payload, address, port);
}

std::string ReceivePipeline(int own_port) {
  return fmt::format("udpsrc port={} ! fakesink", own_port);
}

std::vector<std::string> Launch(const std::string& pipeline) {
  std::vector<std::string> arguments = {"gst-launch-1.0", "-q"};
  for (const absl::string_view word : absl::StrSplit(pipeline, ' ', absl::SkipEmpty())) {
    arguments.emplace_back(word.data(), word.size());
  }
  return arguments;
}

absl::StatusOr<Process*> ListPlugins(MediaLab* lab, const Pod& pod) {
  return lab->Run(pod, "plugins", {"gst-inspect-1.0"});
}

}  // namespace audio_latency::lab
