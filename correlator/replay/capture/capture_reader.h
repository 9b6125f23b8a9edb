// Reads capture files: pcap and pcapng, gzip or not, from a file or standard input.

#ifndef CORRELATOR_REPLAY_CAPTURE_CAPTURE_READER_H_
#define CORRELATOR_REPLAY_CAPTURE_CAPTURE_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/replay/observation_point.h"

namespace audio_latency::correlator {

// An interface of a capture file. A pcap file has one, without a name.
struct CaptureInterface {
  // UTF-8.
  std::string name;
  LinkLayer link_layer = LinkLayer::kEthernet;
  // Of its packets' times, at least 1.
  int64_t time_resolution_ns = 1;
};

struct CapturePacket {
  // Number in interfaces().
  size_t interface = 0;
  // Unix time.
  int64_t time_ns = 0;
  // As much as was captured; valid until the next call.
  std::span<const uint8_t> bytes;
  // What there was on the wire.
  uint32_t original_bytes = 0;
  Direction direction = Direction::kUnknown;
  // Where it begins in the file, unpacked.
  uint64_t offset = 0;
};

// Packets in the order of the file. Memory is bounded. Not thread-safe.
class CaptureReader {
 public:
  // "-" is standard input. Errors name the file and the byte where it is wrong, and say what to do.
  // Reading ends with CANCELLED once `stop_descriptor` is readable (-1: never).
  static absl::StatusOr<std::unique_ptr<CaptureReader>> Open(const std::string& path,
                                                             int stop_descriptor = -1);
  virtual ~CaptureReader() = default;

  // Nothing at the end. After an error (DATA_LOSS: cut off or damaged; UNIMPLEMENTED: what cannot
  // be read here) there is nothing more to be had; the packets before it are good.
  virtual absl::StatusOr<std::optional<CapturePacket>> Next() = 0;

  // DATA_LOSS as of Next, for what a reader cannot know to be wrong with a packet:
  // "a.pcap: at byte 24: <what>".
  virtual absl::Status DataLoss(const CapturePacket& packet, std::string_view what) const = 0;

  // Grows while reading.
  virtual const std::vector<CaptureInterface>& interfaces() const = 0;
  // Packets that the file holds without a time (pcapng's Simple Packet Blocks): passed over.
  virtual uint64_t untimed_packets() const = 0;
  // How far the file is read, as it is stored, and its size (0: unknown).
  virtual uint64_t stored_bytes_read() const = 0;
  virtual uint64_t stored_bytes() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_CAPTURE_CAPTURE_READER_H_
