// What an application hands to the network at once: some frames of audio.

#ifndef TESTS_ACCURACY_MESSAGE_H_
#define TESTS_ACCURACY_MESSAGE_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/accuracy/truth.h"

namespace audio_latency::accuracy {

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

struct Message {
  int64_t time_ns = 0;
  // Its number among the messages of the call, as RTP counts packets.
  uint32_t ordinal = 0;
  uint32_t first_frame = 0;
  uint32_t frame_count = 0;
  std::string payload = {};
  // Where the audio is; places are in `payload`. What is not audio (a concealed loss, comfort
  // noise) is in no run.
  std::vector<AudioRun> runs = {};
  // RFC 3389: goes out under that payload type.
  bool is_comfort_noise = false;
  // First after a pause (the RTP marker).
  bool is_onset = false;
};

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_MESSAGE_H_
