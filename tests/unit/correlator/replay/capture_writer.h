// Writes capture files of every kind that the readers know, and of kinds that they must refuse.

#ifndef TESTS_UNIT_CORRELATOR_REPLAY_CAPTURE_WRITER_H_
#define TESTS_UNIT_CORRELATOR_REPLAY_CAPTURE_WRITER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace audio_latency::correlator::testing {

// Numbers one behind another, in either byte order.
class Writer {
 public:
  explicit Writer(bool is_big_endian = false) : is_big_endian_(is_big_endian) {}

  Writer& U8(uint8_t value) { return Number(value, 1); }
  Writer& U16(uint16_t value) { return Number(value, 2); }
  Writer& U32(uint32_t value) { return Number(value, 4); }
  Writer& U64(uint64_t value) { return Number(value, 8); }
  Writer& Bytes(std::span<const uint8_t> bytes);
  Writer& Text(const std::string& text);
  // Zeros up to a multiple of four.
  Writer& Pad();

  bool is_big_endian() const { return is_big_endian_; }
  std::vector<uint8_t>& bytes() { return bytes_; }
  std::string text() const { return {bytes_.begin(), bytes_.end()}; }

 private:
  Writer& Number(uint64_t value, int bytes);

  const bool is_big_endian_;
  std::vector<uint8_t> bytes_;
};

struct PcapOptions {
  bool is_big_endian = false;
  bool is_nanoseconds = true;
  uint32_t link_type = 1;
  uint16_t major_version = 2;
};

class PcapWriter {
 public:
  explicit PcapWriter(const PcapOptions& options = {});
  // `original_bytes`: 0 for all.
  void Packet(int64_t time_ns, std::span<const uint8_t> bytes, uint32_t original_bytes = 0);
  std::string text() const { return writer_.text(); }
  Writer& writer() { return writer_; }

 private:
  const PcapOptions options_;
  Writer writer_;
};

struct PcapngInterface {
  uint16_t link_type = 1;
  std::string name = "";
  // if_tsresol; absent: microseconds.
  std::optional<uint8_t> resolution = std::nullopt;
  std::optional<int64_t> offset_seconds = std::nullopt;
};

class PcapngWriter {
 public:
  explicit PcapngWriter(bool is_big_endian = false) : writer_(is_big_endian) {}
  void Section();
  void Interface(const PcapngInterface& interface);
  // `count`: in the interface's unit. `flags`: epb_flags.
  void EnhancedPacket(uint32_t interface, uint64_t count, std::span<const uint8_t> bytes,
                      std::optional<uint32_t> flags = std::nullopt);
  void OldPacket(uint16_t interface, uint64_t count, std::span<const uint8_t> bytes);
  void SimplePacket(std::span<const uint8_t> bytes);
  void Block(uint32_t type, std::span<const uint8_t> body);
  std::string text() const { return writer_.text(); }
  Writer& writer() { return writer_; }

 private:
  Writer writer_;
};

// As one gzip member.
std::string Gzip(const std::string& text);

// A file that goes with this.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text, const std::string& name = "capture.pcap");
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  std::string path_;
};

}  // namespace audio_latency::correlator::testing

#endif  // TESTS_UNIT_CORRELATOR_REPLAY_CAPTURE_WRITER_H_
