#include "correlator/kubernetes/uid.h"

#include <cstddef>

namespace audio_latency::correlator {
namespace {

constexpr size_t kTextBytes = 36;
constexpr std::string_view kDigits = "0123456789abcdef";

bool IsDashPlace(size_t place) { return place == 8 || place == 13 || place == 18 || place == 23; }

int DigitOf(char letter) {
  if (letter >= '0' && letter <= '9') {
    return letter - '0';
  }
  const char lower = static_cast<char>(letter | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::optional<Uid> Uid::Parse(std::string_view text) {
  if (text.size() != kTextBytes) {
    return std::nullopt;
  }
  Uid uid;
  size_t digits = 0;
  for (size_t place = 0; place < kTextBytes; ++place) {
    if (IsDashPlace(place)) {
      if (text[place] != '-') {
        return std::nullopt;
      }
      continue;
    }
    const int digit = DigitOf(text[place]);
    if (digit < 0) {
      return std::nullopt;
    }
    uint8_t& byte = uid.bytes_[digits++ / 2];
    byte = static_cast<uint8_t>(byte << 4 | digit);
  }
  return uid;
}

std::string Uid::ToString() const {
  if (*this == Uid()) {
    return {};
  }
  std::string text;
  text.reserve(kTextBytes);
  for (const uint8_t byte : bytes_) {
    if (IsDashPlace(text.size())) {
      text.push_back('-');
    }
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 0xF]);
  }
  return text;
}

}  // namespace audio_latency::correlator
