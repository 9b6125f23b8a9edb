#include "correlator/cli/table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace audio_latency::correlator {
namespace {

constexpr size_t kGap = 2;

// Letters as the terminal shows them: UTF-8's continuation bytes take no place.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// A name must not be able to move the cursor.
void HideControls(std::string* text) {
  std::replace_if(
      text->begin(), text->end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::string& cell : cells) {
    HideControls(&cell);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Text() const {
  std::vector<std::string> headings;
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    headings.push_back(column.heading);
    widths.push_back(Width(column.heading));
  }
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  std::string text;
  const auto append = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      line += columns_[i].align == Align::kRight ? padding + row[i] : row[i] + padding;
      line.append(kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  append(headings);
  for (const std::vector<std::string>& row : rows_) {
    append(row);
  }
  return text;
}

}  // namespace audio_latency::correlator
