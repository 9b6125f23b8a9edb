// Sound as a codec's bytes: what the legs of a call carry.

#ifndef TESTS_ACCURACY_TRACK_H_
#define TESTS_ACCURACY_TRACK_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace audio_latency::accuracy {

enum class Codec : uint8_t {
  kMuLaw,    // ITU-T G.711
  kALaw,     // ITU-T G.711
  kL16At8,   // RFC 3551: 16 bits, network order, 8 kHz
  kL16At16,  // 16 kHz
  kL16At48,  // 48 kHz
  kPcmAt16,  // 16 bits, little-endian, 16 kHz: what programs write to sockets
  kOpus,     // RFC 6716, about 32 kbit/s, 20 ms
  kOpusDtx,  // with discontinuous transmission
};

struct AudioFrame {
  uint64_t begin = 0;  // in Track::bytes
  uint32_t bytes = 0;
  // Quieter than the silence threshold; with Opus, a frame that the encoder said not to send.
  bool is_silent = false;
};

// The audio of a call: the "audio bytes" of everything else here.
struct Track {
  std::string bytes;
  std::vector<AudioFrame> frames;
  int64_t frame_ns = 0;
  // What a frame adds to the RTP timestamp.
  uint32_t frame_rtp_units = 0;
  uint8_t rtp_payload_type = 0;
  // What stands in for a lost byte.
  char filler = 0;
  // Codec frames that must not be cut or joined.
  bool is_opaque = false;
  // For each second, whether it holds sound above the silence threshold (lab::SecondsWithSpeech).
  std::vector<bool> seconds_with_sound;

  int64_t FrameOf(uint64_t audio_byte) const;
  // The second in which the byte is spoken.
  int64_t SecondOf(uint64_t audio_byte) const;
};

// `samples` are at 8 kHz. An error only where libopus fails.
absl::StatusOr<Track> Encode(std::span<const int16_t> samples, Codec codec);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_TRACK_H_
