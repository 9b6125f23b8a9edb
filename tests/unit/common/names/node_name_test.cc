#include "common/names/node_name.h"

#include <catch2/catch.hpp>

#include "common/status/status_macros.h"

namespace audio_latency {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("names of nodes are those of hosts") {
  for (const std::string& name :
       {std::string("node-a"), std::string("Worker_1.eu.example"), std::string(253, 'a')}) {
    CHECK(CheckNodeName(name).ok());
  }
  CHECK_THAT(Message(CheckNodeName("")), Contains("1 to 253"));
  CHECK_THAT(Message(CheckNodeName(std::string(5000, 'a'))), Contains("it has 5000"));
  CHECK_THAT(Message(CheckNodeName("a\x1b[2J")), Contains("byte 2") && Contains("0x1b"));
  for (const std::string& name : {std::string("a b"), std::string("a\n"), std::string("a\0b", 3),
                                  std::string("n\xc3\xb6"), std::string("a\"b")}) {
    CHECK_FALSE(CheckNodeName(name).ok());
  }
}

TEST_CASE("plain text is printable ASCII of a bounded length") {
  CHECK(IsPlainText("a b~", 4));
  CHECK_FALSE(IsPlainText("a b~", 3));
  CHECK_FALSE(IsPlainText("a\x7f", 4));
  CHECK_FALSE(IsPlainText("\t", 4));
}

}  // namespace
}  // namespace audio_latency
