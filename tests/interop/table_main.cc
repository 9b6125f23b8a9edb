// Prints the results that the interop tests left in a folder.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "common/status/status_macros.h"
#include "tests/interop/result_table.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: interop-table FOLDER\n");
    return EXIT_FAILURE;
  }
  const auto results = audio_latency::lab::ReadResults(argv[1]);
  if (!results.ok()) {
    fmt::print(stderr, "interop-table: {}\n", audio_latency::Message(results.status()));
    return EXIT_FAILURE;
  }
  fmt::print("{}", audio_latency::lab::ResultTable(*results));
  return EXIT_SUCCESS;
}
