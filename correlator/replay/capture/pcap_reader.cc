#include "correlator/replay/capture/pcap_reader.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "common/status/status_macros.h"

namespace audio_latency::correlator {
namespace {

constexpr uint32_t kMicrosecondMagic = 0xa1b2c3d4;
constexpr uint32_t kNanosecondMagic = 0xa1b23c4d;
constexpr size_t kMagicBytes = 4;
constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kRecordHeaderBytes = 16;
constexpr uint16_t kMajorVersion = 2;
// The rest of the field tells of frame check sequences, which the IP lengths leave out anyway.
constexpr uint32_t kLinkTypeMask = 0x03ffffff;
constexpr int64_t kNsPerSecond = 1'000'000'000;

struct Kind {
  ByteOrder order;
  int64_t time_resolution_ns = 0;
};

std::optional<Kind> KindOf(std::span<const uint8_t> magic) {
  for (const bool is_big_endian : {false, true}) {
    const ByteOrder order(is_big_endian);
    const uint32_t value = order.Read32(magic);
    if (value == kMicrosecondMagic || value == kNanosecondMagic) {
      return Kind{.order = order, .time_resolution_ns = value == kNanosecondMagic ? 1 : 1000};
    }
  }
  return std::nullopt;
}

class PcapReader final : public CaptureReader {
 public:
  PcapReader(CaptureInput input, const Kind& kind, LinkLayer link_layer)
      : input_(std::move(input)),
        kind_(kind),
        interfaces_{
            {.name = "", .link_layer = link_layer, .time_resolution_ns = kind.time_resolution_ns}} {
  }

  absl::StatusOr<std::optional<CapturePacket>> Next() override {
    const uint64_t begin = input_.offset();
    std::array<uint8_t, kRecordHeaderBytes> header;
    ASSIGN_OR_RETURN(const size_t count, input_.ReadSome(std::span(header).first(1)));
    if (count == 0) {
      return std::nullopt;
    }
    RETURN_IF_ERROR(input_.ReadAll(std::span(header).subspan(1), "a packet's header"));
    const auto field = [&](size_t i) {
      return kind_.order.Read32(std::span(header).subspan(4 * i));
    };
    const uint32_t captured_bytes = field(2);
    if (captured_bytes > kMaxCapturedBytes) {
      return input_.DataLoss(
          begin,
          fmt::format("a packet of {} bytes, more than any capture holds: the file is damaged "
                      "from here on",
                      captured_bytes));
    }
    bytes_.resize(captured_bytes);
    RETURN_IF_ERROR(input_.ReadAll(bytes_, "a packet"));
    return CapturePacket{.interface = 0,
                         .time_ns = field(0) * kNsPerSecond + field(1) * kind_.time_resolution_ns,
                         .bytes = bytes_,
                         .original_bytes = field(3),
                         .direction = Direction::kUnknown,
                         .offset = begin};
  }

  absl::Status DataLoss(const CapturePacket& packet, std::string_view what) const override {
    return input_.DataLoss(packet.offset, what);
  }

  const std::vector<CaptureInterface>& interfaces() const override { return interfaces_; }
  uint64_t untimed_packets() const override { return 0; }
  uint64_t stored_bytes_read() const override { return input_.source().stored_bytes_read(); }
  uint64_t stored_bytes() const override { return input_.source().stored_bytes(); }

 private:
  CaptureInput input_;
  const Kind kind_;
  const std::vector<CaptureInterface> interfaces_;
  std::vector<uint8_t> bytes_;
};

}  // namespace

bool IsPcap(std::span<const uint8_t, 4> magic) { return KindOf(magic).has_value(); }

absl::StatusOr<std::unique_ptr<CaptureReader>> OpenPcap(CaptureInput input,
                                                        std::span<const uint8_t, 4> magic) {
  const std::optional<Kind> kind = KindOf(magic);
  std::array<uint8_t, kFileHeaderBytes - kMagicBytes> header;
  RETURN_IF_ERROR(input.ReadAll(header, "the file's header"));
  if (const uint16_t version = kind->order.Read16(header); version != kMajorVersion) {
    return input.Unsupported(kMagicBytes, fmt::format("pcap version {} is not supported, only {}",
                                                      version, kMajorVersion));
  }
  constexpr size_t kLinkTypeOffset = 20;
  const uint32_t link_type =
      kind->order.Read32(std::span(header).subspan(kLinkTypeOffset - kMagicBytes)) & kLinkTypeMask;
  const std::optional<LinkLayer> link_layer = LinkLayerOf(link_type);
  if (!link_layer.has_value()) {
    return input.Unsupported(kLinkTypeOffset, UnsupportedLinkType(link_type));
  }
  return std::make_unique<PcapReader>(std::move(input), *kind, *link_layer);
}

}  // namespace audio_latency::correlator
