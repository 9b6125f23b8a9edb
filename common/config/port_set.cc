#include "common/config/port_set.h"

#include <bit>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "common/config/text.h"
#include "fmt/format.h"

namespace audio_latency {
namespace {

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return std::nullopt;
  }
  return port;
}

}  // namespace

PortSet PortSet::All() {
  PortSet set;
  set.words_.fill(~uint64_t{0});
  return set;
}

absl::StatusOr<PortSet> PortSet::Parse(std::string_view text) {
  PortSet set;
  for (const std::string_view item : SplitList(text)) {
    const size_t dash = item.find('-');
    const std::optional<uint16_t> first = ParsePort(TrimBlanks(item.substr(0, dash)));
    const std::optional<uint16_t> last =
        dash == std::string_view::npos ? first : ParsePort(TrimBlanks(item.substr(dash + 1)));
    if (!first || !last || *first > *last) {
      return absl::InvalidArgumentError(
          fmt::format("\"{}\" is no port (1 to 65535) and no range of ports (10000-20000)", item));
    }
    for (uint32_t port = *first; port <= *last; ++port) {
      set.Add(static_cast<uint16_t>(port));
    }
  }
  return set;
}

std::optional<uint16_t> PortSet::FirstInCommon(const PortSet& other) const {
  for (size_t word = 0; word < kWords; ++word) {
    if (const uint64_t both = words_[word] & other.words_[word]; both != 0) {
      return static_cast<uint16_t>(word * 64 + static_cast<size_t>(std::countr_zero(both)));
    }
  }
  return std::nullopt;
}

}  // namespace audio_latency
