// A thousand calls: RTP streams of G.711 speech in packets of 20 ms from one pod to another.

#ifndef TESTS_BENCH_PROBE_MEDIA_LOAD_H_
#define TESTS_BENCH_PROBE_MEDIA_LOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"
#include "tests/lab/cluster.h"

namespace audio_latency::bench {

inline constexpr uint16_t kFirstPort = 10000;
// Of each stream.
inline constexpr int kPacketsPerSecond = 50;

// Not thread-safe.
class MediaLoad {
 public:
  // Opens `streams` ports from kFirstPort on in `receiver`, where what comes is left unread.
  static absl::StatusOr<MediaLoad> Create(const lab::Pod& sender, const lab::Pod& receiver,
                                          int streams);

  // Sends for `milliseconds`, each stream 50 packets a second, the streams spread over the 20 ms.
  // RESOURCE_EXHAUSTED when the machine cannot keep up: what was measured then is worth nothing.
  absl::Status Send(int milliseconds);

  // In all calls of Send.
  uint64_t packets_sent() const { return packets_sent_; }

 private:
  MediaLoad(const lab::Pod& receiver, std::string audio) : receiver_(receiver), audio_(audio) {}

  const lab::Pod& receiver_;
  std::string audio_;
  FileDescriptor socket_;
  std::vector<FileDescriptor> ports_;
  uint64_t frame_ = 0;
  uint64_t packets_sent_ = 0;
};

}  // namespace audio_latency::bench

#endif  // TESTS_BENCH_PROBE_MEDIA_LOAD_H_
