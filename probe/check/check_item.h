// One line of what `audio-latency-probe check` tells, and how all of them are shown.

#ifndef PROBE_CHECK_CHECK_ITEM_H_
#define PROBE_CHECK_CHECK_ITEM_H_

#include <span>
#include <string>

#include "absl/status/status.h"

namespace audio_latency::probe {

enum class CheckState {
  // Good as it is.
  kOk,
  // Works, and is worth knowing.
  kNote,
  // Cannot be told with these rights.
  kUnknown,
  // The probe cannot run, or not as it is configured.
  kMissing,
};

struct CheckItem {
  // "kernel", "capabilities", …
  std::string what;
  CheckState state = CheckState::kOk;
  std::string found;
  // What to do about it, in one line; empty where there is nothing to do.
  std::string advice;
};

// What an error of ours means: its first half says what failed, the second, after "; ", what to do.
CheckItem MissingItem(const char* what, const absl::Status& status);

bool IsAnythingMissing(std::span<const CheckItem> items);

// A table for people: a line an item, then a line of advice for each item that has any.
std::string CheckTable(std::span<const CheckItem> items);

// {"ok":true,"checks":[{"what":"kernel","state":"ok","found":"…","advice":""},…]}, one line.
std::string CheckJson(std::span<const CheckItem> items);

}  // namespace audio_latency::probe

#endif  // PROBE_CHECK_CHECK_ITEM_H_
