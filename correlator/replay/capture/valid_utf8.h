// Names of files and interfaces may hold any bytes; answers are UTF-8.

#ifndef CORRELATOR_REPLAY_CAPTURE_VALID_UTF8_H_
#define CORRELATOR_REPLAY_CAPTURE_VALID_UTF8_H_

#include <string>

namespace audio_latency::correlator {

// What is not UTF-8 becomes U+FFFD; all else stays as it is.
std::string ValidUtf8(const std::string& text);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_CAPTURE_VALID_UTF8_H_
