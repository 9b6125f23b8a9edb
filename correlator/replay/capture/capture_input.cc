#include "correlator/replay/capture/capture_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/status/status_macros.h"

namespace audio_latency::correlator {

absl::Status CaptureInput::ReadAll(std::span<uint8_t> bytes, std::string_view what) {
  ASSIGN_OR_RETURN(const size_t count, source_->Read(bytes));
  if (count == bytes.size()) {
    return absl::OkStatus();
  }
  // A source that fails in the middle tells why in the next call.
  std::array<uint8_t, 1> probe;
  RETURN_IF_ERROR(source_->Read(probe).status());
  return DataLoss(offset(), fmt::format("the file ends inside {}: the capture was cut off (was it "
                                        "ended before it was closed, or copied in part?)",
                                        what));
}

absl::Status CaptureInput::Skip(uint64_t count, std::string_view what) {
  std::array<uint8_t, 4096> scratch;
  while (count > 0) {
    const size_t step = static_cast<size_t>(std::min<uint64_t>(count, scratch.size()));
    RETURN_IF_ERROR(ReadAll(std::span(scratch).first(step), what));
    count -= step;
  }
  return absl::OkStatus();
}

std::string CaptureInput::Where(uint64_t offset, std::string_view what) const {
  return fmt::format("{}: at byte {}{}: {}", name_, offset,
                     source_->is_gzip() ? " of what is unpacked" : "", what);
}

absl::Status CaptureInput::DataLoss(uint64_t offset, std::string_view what) const {
  return absl::DataLossError(Where(offset, what));
}

absl::Status CaptureInput::Unsupported(uint64_t offset, std::string_view what) const {
  return absl::UnimplementedError(Where(offset, what));
}

std::optional<LinkLayer> LinkLayerOf(uint32_t link_type) {
  switch (link_type) {
    case 1:
      return LinkLayer::kEthernet;
    case 0:
    case 108:
      return LinkLayer::kNull;
    case 101:
    case 228:
    case 229:
      return LinkLayer::kRawIp;
    case 113:
      return LinkLayer::kLinuxCookedV1;
    case 276:
      return LinkLayer::kLinuxCookedV2;
    default:
      return std::nullopt;
  }
}

std::string UnsupportedLinkType(uint32_t link_type) {
  return fmt::format(
      "link type {} is not supported: capture at an interface with Ethernet or IP (link types 1, "
      "101, 113, 276, 0, 108, 228, 229)",
      link_type);
}

}  // namespace audio_latency::correlator
