#include "probe/check/check_item.h"

#include <algorithm>

#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::probe {
namespace {

const char* StateName(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kNote:
      return "note";
    case CheckState::kUnknown:
      return "unknown";
    case CheckState::kMissing:
      break;
  }
  return "missing";
}

}  // namespace

CheckItem MissingItem(const char* what, const absl::Status& status) {
  const std::string message = Message(status);
  const size_t cut = message.rfind("; ");
  if (cut == std::string::npos) {
    return {what, CheckState::kMissing, message, "see the line above"};
  }
  return {what, CheckState::kMissing, message.substr(0, cut), message.substr(cut + 2)};
}

bool IsAnythingMissing(std::span<const CheckItem> items) {
  return std::any_of(items.begin(), items.end(),
                     [](const CheckItem& item) { return item.state == CheckState::kMissing; });
}

std::string CheckTable(std::span<const CheckItem> items) {
  size_t what_width = 0;
  for (const CheckItem& item : items) {
    what_width = std::max(what_width, item.what.size());
  }
  const auto line = [what_width](std::string_view what, std::string_view state,
                                 std::string_view found) {
    return fmt::format("{:<{}}  {:<7}  {}\n", what, what_width, state, found);
  };
  std::string table = line("CHECK", "STATE", "FOUND");
  std::string advice;
  for (const CheckItem& item : items) {
    table += line(item.what, StateName(item.state), item.found);
    if (!item.advice.empty()) {
      advice += fmt::format("{}: {}\n", item.what, item.advice);
    }
  }
  return advice.empty() ? table : fmt::format("{}\n{}", table, advice);
}

std::string CheckJson(std::span<const CheckItem> items) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const CheckItem& item : items) {
    checks.push_back({{"what", item.what},
                      {"state", StateName(item.state)},
                      {"found", item.found},
                      {"advice", item.advice}});
  }
  const nlohmann::ordered_json all = {{"ok", !IsAnythingMissing(items)}, {"checks", checks}};
  // What others call their programs need not be UTF-8.
  return all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace audio_latency::probe
