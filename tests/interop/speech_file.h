// Speech as a file that media programs play.

#ifndef TESTS_INTEROP_SPEECH_FILE_H_
#define TESTS_INTEROP_SPEECH_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/lab/audio/speech.h"

namespace audio_latency::lab {

struct SpeechFile {
  std::string path;
  // For each second of it, whether it holds speech.
  std::vector<bool> seconds_with_speech;
};

// A RIFF WAVE file, 8 kHz, 16-bit, one channel.
absl::StatusOr<SpeechFile> WriteSpeechFile(const SpeechOptions& options, const std::string& path);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_SPEECH_FILE_H_
