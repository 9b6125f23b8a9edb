// What the readers of both file formats need: numbers in the file's byte order, and errors that say
// where.

#ifndef CORRELATOR_REPLAY_CAPTURE_CAPTURE_INPUT_H_
#define CORRELATOR_REPLAY_CAPTURE_CAPTURE_INPUT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "correlator/replay/capture/byte_source.h"
#include "correlator/replay/observation_point.h"

namespace audio_latency::correlator {

// More than any program captures of one packet (libpcap's MAXIMUM_SNAPLEN).
inline constexpr uint32_t kMaxCapturedBytes = 262'144;

// Numbers in a file that may be from a machine of the other byte order.
class ByteOrder {
 public:
  explicit ByteOrder(bool is_big_endian = false) : is_big_endian_(is_big_endian) {}

  uint16_t Read16(std::span<const uint8_t> bytes) const {
    return static_cast<uint16_t>(Read(bytes.first(2)));
  }
  uint32_t Read32(std::span<const uint8_t> bytes) const {
    return static_cast<uint32_t>(Read(bytes.first(4)));
  }
  uint64_t Read64(std::span<const uint8_t> bytes) const { return Read(bytes.first(8)); }

 private:
  uint64_t Read(std::span<const uint8_t> bytes) const {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      value = value << 8 | bytes[is_big_endian_ ? i : bytes.size() - 1 - i];
    }
    return value;
  }

  bool is_big_endian_;
};

// A byte source that knows its file's name and can say what is wrong where.
class CaptureInput {
 public:
  CaptureInput(std::unique_ptr<ByteSource> source, std::string name)
      : source_(std::move(source)), name_(std::move(name)) {}

  // How many bytes there were, up to all that were asked for.
  absl::StatusOr<size_t> ReadSome(std::span<uint8_t> bytes) { return source_->Read(bytes); }
  // All of `bytes`; DATA_LOSS "the file ends inside `what`" when there are fewer.
  absl::Status ReadAll(std::span<uint8_t> bytes, std::string_view what);
  absl::Status Skip(uint64_t count, std::string_view what);

  // "a.pcap: at byte 24: <what>".
  absl::Status DataLoss(uint64_t offset, std::string_view what) const;
  absl::Status Unsupported(uint64_t offset, std::string_view what) const;

  uint64_t offset() const { return source_->offset(); }
  const ByteSource& source() const { return *source_; }

 private:
  std::string Where(uint64_t offset, std::string_view what) const;

  std::unique_ptr<ByteSource> source_;
  const std::string name_;
};

// Of a number of https://www.tcpdump.org/linktypes.html; nothing when it cannot be read here.
std::optional<LinkLayer> LinkLayerOf(uint32_t link_type);
// "link type 127 is not supported: …", for errors.
std::string UnsupportedLinkType(uint32_t link_type);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_CAPTURE_CAPTURE_INPUT_H_
