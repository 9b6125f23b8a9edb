// What one observation point saw, as a capture file.

#ifndef TESTS_ACCURACY_CAPTURE_FILE_H_
#define TESTS_ACCURACY_CAPTURE_FILE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace audio_latency::accuracy {

class CaptureFile {
 public:
  // Unix time. Frames may come in any order; those of one time stay in the order of the calls.
  void Add(int64_t time_ns, std::string frame) { frames_.emplace_back(time_ns, std::move(frame)); }
  // Forgets what passed before: the capture began in the middle.
  void BeginAt(int64_t time_ns);
  // As pcap with nanoseconds, Ethernet. An error names the file.
  absl::Status Write(const std::string& path);

  // As if the clock had shown so much more.
  void Skew(int64_t ahead_ns);
  void Sort();
  const std::vector<std::pair<int64_t, std::string>>& frames() const { return frames_; }

 private:
  std::vector<std::pair<int64_t, std::string>> frames_;
};

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_CAPTURE_FILE_H_
