#include "correlator/kubernetes/json_splitter.h"

namespace audio_latency::correlator {
namespace {

// What stands around the items of a list: metadata with a continue token.
constexpr size_t kMaxEnvelopeBytes = 64 * 1024;
constexpr size_t kMaxKeyBytes = 64;
constexpr std::string_view kItems = "items";
// What a buffer may keep between values.
constexpr size_t kKeptBytes = 64 * 1024;

bool IsSpace(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

void Empty(std::string* buffer) {
  buffer->clear();
  if (buffer->capacity() > kKeptBytes) {
    buffer->shrink_to_fit();
  }
}

}  // namespace

bool ListSplitter::Feed(std::string_view piece) {
  for (const char letter : piece) {
    if (in_string_) {
      if (in_items_) {
        AddToElement(letter);
      } else if (!AddToEnvelope(letter)) {
        return false;
      }
      if (is_escaped_) {
        is_escaped_ = false;
      } else if (letter == '\\') {
        is_escaped_ = true;
      } else if (letter == '"') {
        in_string_ = false;
      }
      if (in_string_ && depth_ == 1 && last_string_.size() <= kMaxKeyBytes) {
        last_string_.push_back(letter);
      }
      continue;
    }
    if (!TakeStructural(letter)) {
      return false;
    }
  }
  return true;
}

bool ListSplitter::TakeStructural(char letter) {
  if (complete()) {
    return IsSpace(letter);
  }
  switch (letter) {
    case '"':
      in_string_ = true;
      if (depth_ == 1) {
        last_string_.clear();
        is_items_key_ = false;
      }
      break;
    case ':':
      if (depth_ == 1) {
        is_items_key_ = last_string_ == kItems;
      }
      break;
    case '{':
    case '[':
      if (!is_begun_ && letter != '{') {
        return false;
      }
      if (depth_ == 1 && is_items_key_ && letter == '[') {
        is_items_key_ = false;
        depth_ = kItemsDepth;
        const bool has_room = AddToEnvelope(letter);
        in_items_ = true;
        return has_room;
      }
      is_begun_ = true;
      ++depth_;
      break;
    case '}':
    case ']':
      if (in_items_ && depth_ == kItemsDepth) {
        if (letter != ']' || !EndElement()) {
          return false;
        }
        in_items_ = false;
      }
      if (--depth_ < 0) {
        return false;
      }
      break;
    case ',':
      if (in_items_ && depth_ == kItemsDepth) {
        return EndElement();
      }
      if (depth_ == 1) {
        is_items_key_ = false;
      }
      break;
    default:
      break;
  }
  if (!in_items_) {
    return IsSpace(letter) || AddToEnvelope(letter);
  }
  if (!element_.empty() || is_element_too_long_ || !IsSpace(letter)) {
    AddToElement(letter);
  }
  return true;
}

bool ListSplitter::AddToEnvelope(char letter) {
  if (envelope_.size() >= kMaxEnvelopeBytes) {
    return false;
  }
  envelope_.push_back(letter);
  return true;
}

void ListSplitter::AddToElement(char letter) {
  if (is_element_too_long_) {
    return;
  }
  if (element_.size() >= max_bytes_) {
    is_element_too_long_ = true;
    Empty(&element_);
    return;
  }
  element_.push_back(letter);
}

bool ListSplitter::EndElement() {
  if (std::exchange(is_element_too_long_, false)) {
    ++oversized_;
    return true;
  }
  const bool goes_on = element_.empty() || take_(element_);
  Empty(&element_);
  return goes_on;
}

bool LineSplitter::Feed(std::string_view piece) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (line_.size() + part.size() > max_bytes_) {
      is_line_too_long_ = true;
      Empty(&line_);
    }
    if (!is_line_too_long_) {
      line_.append(part);
    }
    if (end == std::string_view::npos) {
      return true;
    }
    piece.remove_prefix(end + 1);
    if (std::exchange(is_line_too_long_, false)) {
      ++oversized_;
      continue;
    }
    const bool goes_on = line_.empty() || take_(line_);
    Empty(&line_);
    if (!goes_on) {
      return false;
    }
  }
  return true;
}

}  // namespace audio_latency::correlator
