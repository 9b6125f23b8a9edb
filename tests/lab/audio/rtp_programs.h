// Speech over RTP: G.711 mu-law, a packet of 160 bytes each 20 ms, as telephones send it.

#ifndef TESTS_LAB_AUDIO_RTP_PROGRAMS_H_
#define TESTS_LAB_AUDIO_RTP_PROGRAMS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tests/lab/audio/speech.h"

namespace audio_latency::lab {

struct RtpSourceOptions {
  SpeechOptions speech;
  std::string destination;
  std::string report_path;
  uint32_t ssrc = 1;
  uint16_t first_sequence = 0;
};

// Sends the speech in real time and ends.
absl::Status RunRtpSource(const RtpSourceOptions& options);

struct RtpRelayOptions {
  uint16_t port = 0;
  std::string destination;
  // How long after its arrival each packet is sent on.
  int hold_ms = 15;
  // What the packets are rewritten to.
  uint32_t ssrc = 2;
  uint16_t sequence_offset = 0;
  uint32_t timestamp_offset = 0;
};

// Sends each packet on under its own SSRC, sequence numbers and timestamps, until SIGTERM.
absl::Status RunRtpRelay(const RtpRelayOptions& options);

struct RtpSinkOptions {
  uint16_t port = 0;
  std::string report_path;
};

// Takes packets until SIGTERM.
absl::Status RunRtpSink(const RtpSinkOptions& options);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_RTP_PROGRAMS_H_
