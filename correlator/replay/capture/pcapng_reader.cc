#include "correlator/replay/capture/pcapng_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/status/status_macros.h"
#include "correlator/replay/capture/pcapng_time.h"
#include "correlator/replay/capture/valid_utf8.h"

namespace audio_latency::correlator {
namespace {

enum BlockType : uint32_t {
  kInterfaceDescription = 1,
  kOldPacket = 2,
  kSimplePacket = 3,
  kEnhancedPacket = 6,
  kSectionHeader = 0x0a0d0d0a,
};

enum OptionCode : uint16_t {
  kEndOfOptions = 0,
  // Of an interface.
  kInterfaceName = 2,
  kTimeResolution = 9,
  kTimeOffset = 14,
  // Of a packet.
  kPacketFlags = 2,
};

constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr uint16_t kMajorVersion = 1;
// Type and length before the body, length again behind it.
constexpr uint32_t kFrameBytes = 12;
constexpr uint32_t kSectionHeaderBytes = 28;
// What a packet's block may have beside the packet; options and their comments.
constexpr uint32_t kMaxPacketBlockBytes = kMaxCapturedBytes + 65'536;
constexpr uint32_t kMaxDescriptionBytes = 65'536;
constexpr size_t kMaxInterfaces = 4096;
constexpr size_t kMaxNameBytes = 64;

size_t Padded(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

class PcapngReader final : public CaptureReader {
 public:
  explicit PcapngReader(CaptureInput input) : input_(std::move(input)) {}

  absl::StatusOr<std::optional<CapturePacket>> Next() override {
    while (true) {
      block_begin_ = input_.offset();
      std::array<uint8_t, 4> type;
      if (!is_open_) {
        // The type of the first block told the format, and is read.
        is_open_ = true;
        block_begin_ = 0;
        RETURN_IF_ERROR(ReadSection());
        continue;
      }
      ASSIGN_OR_RETURN(const size_t count, input_.ReadSome(std::span(type).first(1)));
      if (count == 0) {
        return std::nullopt;
      }
      RETURN_IF_ERROR(input_.ReadAll(std::span(type).subspan(1), "a block's type"));
      // Reads the same in both byte orders.
      if (order_.Read32(type) == kSectionHeader) {
        RETURN_IF_ERROR(ReadSection());
        continue;
      }
      ASSIGN_OR_RETURN(const std::optional<CapturePacket> packet, ReadBlock(order_.Read32(type)));
      if (packet.has_value()) {
        return packet;
      }
    }
  }

  absl::Status DataLoss(const CapturePacket& packet, std::string_view what) const override {
    return input_.DataLoss(packet.offset, what);
  }

  const std::vector<CaptureInterface>& interfaces() const override { return interfaces_; }
  uint64_t untimed_packets() const override { return untimed_packets_; }
  uint64_t stored_bytes_read() const override { return input_.source().stored_bytes_read(); }
  uint64_t stored_bytes() const override { return input_.source().stored_bytes(); }

 private:
  // What a section's number of an interface stands for.
  struct SectionInterface {
    // In interfaces_; absent: the link type cannot be read.
    std::optional<size_t> interface;
    uint32_t link_type = 0;
    uint64_t described_at = 0;
    PcapngTime time;
  };
  using Body = std::span<const uint8_t>;

  // Behind the type.
  absl::Status ReadSection() {
    std::array<uint8_t, 12> head;
    RETURN_IF_ERROR(input_.ReadAll(head, "a section's header"));
    const std::span<const uint8_t> magic = std::span(head).subspan(4);
    if (ByteOrder(false).Read32(magic) == kByteOrderMagic) {
      order_ = ByteOrder(false);
    } else if (ByteOrder(true).Read32(magic) == kByteOrderMagic) {
      order_ = ByteOrder(true);
    } else {
      return Damaged("a section without its byte-order magic");
    }
    const uint32_t total_bytes = order_.Read32(head);
    if (total_bytes < kSectionHeaderBytes || total_bytes % 4 != 0) {
      return Damaged(fmt::format("a section header of {} bytes", total_bytes));
    }
    if (const uint16_t version = order_.Read16(std::span(head).subspan(8));
        version != kMajorVersion) {
      return input_.Unsupported(
          block_begin_,
          fmt::format("pcapng version {} is not supported, only {}", version, kMajorVersion));
    }
    section_.clear();
    // Type, `head`, and the length at the end.
    constexpr uint32_t kRead = 4 + sizeof(head);
    RETURN_IF_ERROR(input_.Skip(total_bytes - kRead - 4, "a section's header"));
    return CheckTrailer(total_bytes);
  }

  absl::StatusOr<std::optional<CapturePacket>> ReadBlock(uint32_t type) {
    std::array<uint8_t, 4> length;
    RETURN_IF_ERROR(input_.ReadAll(length, "a block"));
    const uint32_t total_bytes = order_.Read32(length);
    if (total_bytes < kFrameBytes || total_bytes % 4 != 0) {
      return Damaged(fmt::format("a block of {} bytes", total_bytes));
    }
    const bool is_packet = type == kEnhancedPacket || type == kOldPacket || type == kSimplePacket;
    if (!is_packet && type != kInterfaceDescription) {
      RETURN_IF_ERROR(input_.Skip(total_bytes - kFrameBytes, "a block"));
      RETURN_IF_ERROR(CheckTrailer(total_bytes));
      return std::nullopt;
    }
    if (total_bytes > (is_packet ? kMaxPacketBlockBytes : kMaxDescriptionBytes)) {
      return Damaged(fmt::format("a block of {} bytes, more than any capture holds", total_bytes));
    }
    body_.resize(total_bytes - kFrameBytes);
    RETURN_IF_ERROR(input_.ReadAll(body_, is_packet ? "a packet" : "an interface's description"));
    RETURN_IF_ERROR(CheckTrailer(total_bytes));
    switch (type) {
      case kEnhancedPacket:
        return ReadEnhancedPacket(body_);
      case kOldPacket:
        return ReadOldPacket(body_);
      case kSimplePacket:
        ++untimed_packets_;
        return std::nullopt;
      default:
        RETURN_IF_ERROR(ReadInterface(body_));
        return std::nullopt;
    }
  }

  absl::Status CheckTrailer(uint32_t total_bytes) {
    std::array<uint8_t, 4> trailer;
    RETURN_IF_ERROR(input_.ReadAll(trailer, "a block"));
    return order_.Read32(trailer) == total_bytes
               ? absl::OkStatus()
               : Damaged(fmt::format("a block whose length is {} before and {} behind it",
                                     total_bytes, order_.Read32(trailer)));
  }

  // Hands each option to `take` until one is not OK.
  template <typename Take>
  absl::Status ForEachOption(Body options, Take take) const {
    while (options.size() >= 4) {
      const uint16_t code = order_.Read16(options);
      const size_t length = order_.Read16(options.subspan(2));
      options = options.subspan(4);
      if (code == kEndOfOptions) {
        break;
      }
      if (Padded(length) > options.size()) {
        return Damaged(
            fmt::format("an option of {} bytes, of which {} are there", length, options.size()));
      }
      RETURN_IF_ERROR(take(code, options.first(length)));
      options = options.subspan(Padded(length));
    }
    return absl::OkStatus();
  }

  absl::Status ReadInterface(Body body) {
    constexpr size_t kFixedBytes = 8;
    if (body.size() < kFixedBytes) {
      return Damaged(fmt::format("an interface's description of {} bytes", body.size()));
    }
    if (interfaces_.size() >= kMaxInterfaces || section_.size() >= kMaxInterfaces) {
      return input_.Unsupported(
          block_begin_, fmt::format("more than {} interfaces: split the file", kMaxInterfaces));
    }
    CaptureInterface interface;
    constexpr uint8_t kMicroseconds = 6;
    uint8_t resolution = kMicroseconds;
    int64_t offset_seconds = 0;
    RETURN_IF_ERROR(ForEachOption(body.subspan(kFixedBytes), [&](uint16_t code, Body value) {
      if (code == kInterfaceName) {
        interface.name.assign(value.begin(), value.begin() + std::min(value.size(), kMaxNameBytes));
        interface.name.erase(std::find(interface.name.begin(), interface.name.end(), '\0'),
                             interface.name.end());
        interface.name = ValidUtf8(interface.name);
      } else if (code == kTimeResolution && value.size() == 1) {
        resolution = value[0];
      } else if (code == kTimeOffset && value.size() == 8) {
        offset_seconds = static_cast<int64_t>(order_.Read64(value));
      } else if (code == kTimeResolution || code == kTimeOffset) {
        return Damaged(fmt::format("an interface's option {} of {} bytes", code, value.size()));
      }
      return absl::OkStatus();
    }));
    const std::optional<PcapngTime> time = PcapngTime::Create(resolution, offset_seconds);
    if (!time.has_value()) {
      return input_.Unsupported(
          block_begin_, fmt::format("times in units of {}^-{} seconds are finer than is supported",
                                    (resolution & 0x80) != 0 ? 2 : 10, resolution & 0x7f));
    }
    SectionInterface known{.interface = std::nullopt,
                           .link_type = order_.Read16(body),
                           .described_at = block_begin_,
                           .time = *time};
    if (const std::optional<LinkLayer> link_layer = LinkLayerOf(known.link_type)) {
      interface.link_layer = *link_layer;
      interface.time_resolution_ns = time->resolution_ns();
      known.interface = interfaces_.size();
      interfaces_.push_back(std::move(interface));
    }
    section_.push_back(known);
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<CapturePacket>> ReadEnhancedPacket(Body body) {
    if (body.size() < 20) {
      return Damaged(fmt::format("a packet's block of {} bytes", body.size()));
    }
    return MakePacket(order_.Read32(body), body.subspan(4));
  }

  // As old dumps have it: two bytes of interface, two of drops.
  absl::StatusOr<std::optional<CapturePacket>> ReadOldPacket(Body body) {
    if (body.size() < 20) {
      return Damaged(fmt::format("a packet's block of {} bytes", body.size()));
    }
    return MakePacket(order_.Read16(body), body.subspan(4));
  }

  // `rest`: time, lengths, packet, options.
  absl::StatusOr<std::optional<CapturePacket>> MakePacket(uint32_t number, Body rest) {
    if (number >= section_.size()) {
      return Damaged(fmt::format("a packet of interface {}, which is not described", number));
    }
    const SectionInterface& interface = section_[number];
    if (!interface.interface.has_value()) {
      return input_.Unsupported(interface.described_at, UnsupportedLinkType(interface.link_type));
    }
    const uint64_t count = uint64_t{order_.Read32(rest)} << 32 | order_.Read32(rest.subspan(4));
    const std::optional<int64_t> time_ns = interface.time.ToUnixNs(count);
    if (!time_ns.has_value()) {
      return Damaged("a packet's time, which is in no year up to 2262");
    }
    CapturePacket packet{.interface = *interface.interface,
                         .time_ns = *time_ns,
                         .bytes = {},
                         .original_bytes = order_.Read32(rest.subspan(12)),
                         .direction = Direction::kUnknown,
                         .offset = block_begin_};
    const size_t captured_bytes = order_.Read32(rest.subspan(8));
    rest = rest.subspan(16);
    if (captured_bytes > kMaxCapturedBytes || Padded(captured_bytes) > rest.size()) {
      return Damaged(fmt::format("a packet of {} bytes in a block with room for {}", captured_bytes,
                                 rest.size()));
    }
    packet.bytes = rest.first(captured_bytes);
    RETURN_IF_ERROR(
        ForEachOption(rest.subspan(Padded(captured_bytes)), [&](uint16_t code, Body value) {
          if (code == kPacketFlags && value.size() == 4) {
            constexpr uint32_t kInbound = 1;
            constexpr uint32_t kOutbound = 2;
            const uint32_t direction = order_.Read32(value) & 3;
            packet.direction = direction == kInbound    ? Direction::kIngress
                               : direction == kOutbound ? Direction::kEgress
                                                        : Direction::kUnknown;
          }
          return absl::OkStatus();
        }));
    return packet;
  }

  absl::Status Damaged(std::string_view what) const {
    return input_.DataLoss(block_begin_, fmt::format("{}: the file is damaged from here on", what));
  }

  CaptureInput input_;
  ByteOrder order_;
  bool is_open_ = false;
  uint64_t block_begin_ = 0;
  std::vector<SectionInterface> section_;
  std::vector<CaptureInterface> interfaces_;
  uint64_t untimed_packets_ = 0;
  std::vector<uint8_t> body_;
};

}  // namespace

bool IsPcapng(std::span<const uint8_t, 4> magic) {
  return ByteOrder(false).Read32(magic) == kSectionHeader;
}

absl::StatusOr<std::unique_ptr<CaptureReader>> OpenPcapng(CaptureInput input) {
  return std::make_unique<PcapngReader>(std::move(input));
}

}  // namespace audio_latency::correlator
