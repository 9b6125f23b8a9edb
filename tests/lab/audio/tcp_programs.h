// Speech over TCP: raw 16 kHz 16-bit samples, as voice pipelines stream them.

#ifndef TESTS_LAB_AUDIO_TCP_PROGRAMS_H_
#define TESTS_LAB_AUDIO_TCP_PROGRAMS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tests/lab/audio/speech.h"

namespace audio_latency::lab {

struct TcpSourceOptions {
  SpeechOptions speech;
  std::string destination;
  std::string report_path;
};

// Streams the speech in real time, 20 ms (640 bytes) a write, and ends.
absl::Status RunTcpSource(const TcpSourceOptions& options);

struct TcpRelayOptions {
  uint16_t port = 0;
  std::string destination;
  // How long after its arrival each piece is sent on.
  int hold_ms = 40;
  // Chooses how the stream is cut anew.
  uint64_t seed = 1;
};

// Takes one connection and hands its bytes on, each read held and then sent by several writes that
// know nothing of the pieces it came in. Ends when the stream does.
absl::Status RunTcpRelay(const TcpRelayOptions& options);

struct TcpSinkOptions {
  uint16_t port = 0;
  std::string report_path;
};

// Takes one connection and reads it to its end.
absl::Status RunTcpSink(const TcpSinkOptions& options);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_TCP_PROGRAMS_H_
