#include "correlator/cli/table.h"

#include <catch2/catch.hpp>

namespace audio_latency::correlator {
namespace {

TEST_CASE("columns are aligned by letters, not by bytes") {
  Table table({{"NAME"}, {"± ERROR", Table::Align::kRight}, {"X"}});
  table.AddRow({"a", "2.00 µs", "x"});
  table.AddRow({"a longer name", "0 µs", ""});
  CHECK(table.Text() ==
        "NAME           ± ERROR  X\n"
        "a              2.00 µs  x\n"
        "a longer name     0 µs\n");
}

TEST_CASE("an empty table is its heading") { CHECK(Table({{"A"}, {"B"}}).Text() == "A  B\n"); }

TEST_CASE("names cannot move the cursor") {
  Table table({{"A"}});
  table.AddRow({"a\x1b[2J\nb"});
  CHECK(table.Text() == "A\na?[2J?b\n");
}

}  // namespace
}  // namespace audio_latency::correlator
