// GStreamer pipelines that speak, relay and listen.

#ifndef TESTS_INTEROP_GSTREAMER_H_
#define TESTS_INTEROP_GSTREAMER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/interop/media_lab.h"

namespace audio_latency::lab {

struct RtpCodec {
  std::string name;  // "pcmu"
  int payload_type = 0;
  std::string rtpmap;  // as in SDP: "PCMU/8000"
  int ticks_per_second = 0;
  // What tells udpsrc what comes in.
  std::string caps;
  // Elements, in gst-launch's words: from samples to RTP, from RTP to what it carried, and back.
  std::string encode;
  std::string depayload;
  std::string payload;
};

// PCMU in telephony's frames of 20 ms, L16 at 48 kHz in studio frames of 10 ms, Opus in frames of
// 20 ms.
std::vector<RtpCodec> RtpCodecs();

// Plays a WAVE file in real time from `own_port`, and ends.
std::string SendPipeline(const std::string& wav_path, const RtpCodec& codec, int own_port,
                         const std::string& address, int port);
// Takes each packet apart and makes a new one of its payload, with SSRC, sequence numbers and
// timestamps of its own.
std::string RelayPipeline(int own_port, const RtpCodec& codec, const std::string& address,
                          int port);
std::string ReceivePipeline(int own_port);

// The command line that runs a pipeline.
std::vector<std::string> Launch(const std::string& pipeline);

// The first GStreamer program of a lab looks through all plugins and keeps a list; run this to its
// end before what must be quick. Its log's name is "plugins".
absl::StatusOr<Process*> ListPlugins(MediaLab* lab, const Pod& pod);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_GSTREAMER_H_
