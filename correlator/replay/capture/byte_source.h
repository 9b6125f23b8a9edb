// The bytes of a file or of standard input, gzip or not, one after another.

#ifndef CORRELATOR_REPLAY_CAPTURE_BYTE_SOURCE_H_
#define CORRELATOR_REPLAY_CAPTURE_BYTE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace audio_latency::correlator {

// Memory is bounded whatever the file's size. Not thread-safe.
class ByteSource {
 public:
  // "-" is standard input. Gzip is known by its first bytes, also with several members one behind
  // another. Once `stop_descriptor` is readable, reading ends with CANCELLED (-1: never). An error
  // names the file.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& path,
                                                          int stop_descriptor);
  virtual ~ByteSource() = default;

  // Fills `bytes` and gives how many there were: fewer only at the end, or ahead of a failure,
  // which the next call tells. DATA_LOSS: gzip data is damaged or ends early.
  virtual absl::StatusOr<size_t> Read(std::span<uint8_t> bytes) = 0;

  // How many bytes were given; of gzip: unpacked ones.
  virtual uint64_t offset() const = 0;
  virtual bool is_gzip() const = 0;
  // Of the file as it is stored: read so far, and in all (0: unknown, as of a pipe).
  virtual uint64_t stored_bytes_read() const = 0;
  virtual uint64_t stored_bytes() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_CAPTURE_BYTE_SOURCE_H_
