// Text in aligned columns.

#ifndef CORRELATOR_CLI_TABLE_H_
#define CORRELATOR_CLI_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

namespace audio_latency::correlator {

class Table {
 public:
  enum class Align { kLeft, kRight };

  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as columns, in UTF-8; control characters are shown as '?'.
  void AddRow(std::vector<std::string> cells);

  // A heading and the rows, each line with its end; columns are two spaces apart.
  std::string Text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_TABLE_H_
