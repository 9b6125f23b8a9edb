#include "common/names/node_name.h"

#include <algorithm>

#include "fmt/format.h"

namespace audio_latency {
namespace {

bool IsNodeNameByte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.';
}

}  // namespace

absl::Status CheckNodeName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNodeNameBytes) {
    return absl::InvalidArgumentError(fmt::format(
        "a node's name must have 1 to {} bytes, it has {}", kMaxNodeNameBytes, name.size()));
  }
  const auto odd = std::find_if_not(name.begin(), name.end(), IsNodeNameByte);
  if (odd != name.end()) {
    return absl::InvalidArgumentError(
        fmt::format("a node's name is made of letters, digits, '-', '_' and '.'; byte {} of it is "
                    "0x{:02x}",
                    odd - name.begin() + 1, static_cast<unsigned char>(*odd)));
  }
  return absl::OkStatus();
}

bool IsPlainText(std::string_view text, size_t max_bytes) {
  constexpr char kFirstPrintable = 0x20;
  constexpr char kLastPrintable = 0x7e;
  return text.size() <= max_bytes && std::all_of(text.begin(), text.end(), [](char byte) {
           return byte >= kFirstPrintable && byte <= kLastPrintable;
         });
}

}  // namespace audio_latency
