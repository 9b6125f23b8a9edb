#include "tests/unit/correlator/replay/capture_writer.h"

#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace audio_latency::correlator::testing {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

}  // namespace

Writer& Writer::Number(uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    const int shift = 8 * (is_big_endian_ ? bytes - 1 - i : i);
    bytes_.push_back(static_cast<uint8_t>(value >> shift));
  }
  return *this;
}

Writer& Writer::Bytes(std::span<const uint8_t> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return *this;
}

Writer& Writer::Text(const std::string& text) {
  bytes_.insert(bytes_.end(), text.begin(), text.end());
  return *this;
}

Writer& Writer::Pad() {
  bytes_.resize((bytes_.size() + 3) / 4 * 4);
  return *this;
}

PcapWriter::PcapWriter(const PcapOptions& options)
    : options_(options), writer_(options.is_big_endian) {
  writer_.U32(options.is_nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
  writer_.U16(options.major_version).U16(4).U32(0).U32(0).U32(262'144).U32(options.link_type);
}

void PcapWriter::Packet(int64_t time_ns, std::span<const uint8_t> bytes, uint32_t original_bytes) {
  const int64_t rest_ns = time_ns % kNsPerSecond;
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  writer_.U32(static_cast<uint32_t>(time_ns / kNsPerSecond))
      .U32(static_cast<uint32_t>(options_.is_nanoseconds ? rest_ns : rest_ns / 1000))
      .U32(size)
      .U32(original_bytes == 0 ? size : original_bytes)
      .Bytes(bytes);
}

void PcapngWriter::Block(uint32_t type, std::span<const uint8_t> body) {
  const uint32_t total = static_cast<uint32_t>(12 + (body.size() + 3) / 4 * 4);
  writer_.U32(type).U32(total).Bytes(body).Pad().U32(total);
}

void PcapngWriter::Section() {
  Writer body(writer_.is_big_endian());
  // No length; an option with a text that is no multiple of four.
  body.U32(0x1a2b3c4d).U16(1).U16(0).U64(UINT64_MAX);
  body.U16(4).U16(5).Text("tests").Pad().U32(0);
  Block(0x0a0d0d0a, body.bytes());
}

void PcapngWriter::Interface(const PcapngInterface& interface) {
  Writer body(writer_.is_big_endian());
  body.U16(interface.link_type).U16(0).U32(262'144);
  if (!interface.name.empty()) {
    body.U16(2).U16(static_cast<uint16_t>(interface.name.size())).Text(interface.name).Pad();
  }
  if (interface.resolution.has_value()) {
    body.U16(9).U16(1).U8(*interface.resolution).Pad();
  }
  if (interface.offset_seconds.has_value()) {
    body.U16(14).U16(8).U64(static_cast<uint64_t>(*interface.offset_seconds));
  }
  body.U32(0);
  Block(1, body.bytes());
}

void PcapngWriter::EnhancedPacket(uint32_t interface, uint64_t count,
                                  std::span<const uint8_t> bytes, std::optional<uint32_t> flags) {
  Writer body(writer_.is_big_endian());
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  body.U32(interface).U32(static_cast<uint32_t>(count >> 32)).U32(static_cast<uint32_t>(count));
  body.U32(size).U32(size).Bytes(bytes).Pad();
  if (flags.has_value()) {
    // Behind a comment.
    body.U16(1).U16(3).Text("hi!").Pad().U16(2).U16(4).U32(*flags).U32(0);
  }
  Block(6, body.bytes());
}

void PcapngWriter::OldPacket(uint16_t interface, uint64_t count, std::span<const uint8_t> bytes) {
  Writer body(writer_.is_big_endian());
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  body.U16(interface).U16(0);
  body.U32(static_cast<uint32_t>(count >> 32)).U32(static_cast<uint32_t>(count));
  body.U32(size).U32(size).Bytes(bytes).Pad();
  Block(2, body.bytes());
}

void PcapngWriter::SimplePacket(std::span<const uint8_t> bytes) {
  Writer body(writer_.is_big_endian());
  body.U32(static_cast<uint32_t>(bytes.size())).Bytes(bytes).Pad();
  Block(3, body.bytes());
}

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2 failed");
  }
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
    throw std::runtime_error("deflate failed");
  }
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TemporaryFile::TemporaryFile(const std::string& text, const std::string& name) {
  std::string pattern = std::filesystem::temp_directory_path() / "audio-latency-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("no folder can be made as " + pattern);
  }
  folder_ = pattern;
  path_ = folder_ + "/" + name;
  std::ofstream(path_, std::ios::binary) << text;
}

TemporaryFile::~TemporaryFile() { std::filesystem::remove_all(folder_); }

}  // namespace audio_latency::correlator::testing
