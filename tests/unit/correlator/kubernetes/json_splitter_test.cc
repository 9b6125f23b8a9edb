#include "correlator/kubernetes/json_splitter.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace audio_latency::correlator {
namespace {

struct Split {
  bool is_good = true;
  bool is_complete = false;
  std::vector<std::string> values;
  std::string envelope;
  uint64_t oversized = 0;
};

// In pieces of `piece` bytes.
Split SplitList(const std::string& text, size_t piece, size_t max_bytes = 1000) {
  Split split;
  ListSplitter splitter(max_bytes, [&](std::string_view value) {
    split.values.emplace_back(value);
    return true;
  });
  for (size_t i = 0; i < text.size() && split.is_good; i += piece) {
    split.is_good = splitter.Feed(std::string_view(text).substr(i, piece));
  }
  split.is_complete = splitter.complete();
  split.envelope = splitter.envelope();
  split.oversized = splitter.oversized();
  return split;
}

Split SplitLines(const std::string& text, size_t piece, size_t max_bytes = 1000) {
  Split split;
  LineSplitter splitter(max_bytes, [&](std::string_view value) {
    split.values.emplace_back(value);
    return true;
  });
  for (size_t i = 0; i < text.size() && split.is_good; i += piece) {
    split.is_good = splitter.Feed(std::string_view(text).substr(i, piece));
  }
  split.oversized = splitter.oversized();
  return split;
}

TEST_CASE("A list comes apart into its items and what stands around them, however it is cut") {
  const std::string text =
      R"( {"kind":"PodList", "metadata":{"resourceVersion":"7","items":["no"]},
           "items": [ {"a":"]},{\"","b":[1,{"c":2}]}, {"d":"\\"} ,null, 5 ], "more":{"items":[1]}} )";
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, text.size()}) {
    const Split split = SplitList(text, piece);
    REQUIRE(split.is_good);
    CHECK(split.is_complete);
    REQUIRE(split.values.size() == 4);
    CHECK(split.values[0] == R"({"a":"]},{\"","b":[1,{"c":2}]})");
    CHECK(split.values[1].starts_with(R"({"d":"\\"})"));
    CHECK(split.values[2] == "null");
    CHECK(split.values[3].starts_with("5"));
    CHECK(split.envelope.find(R"("items":[])") != std::string::npos);
    CHECK(split.envelope.find(R"("resourceVersion":"7")") != std::string::npos);
  }
}

TEST_CASE("An empty list has no items") {
  const Split split = SplitList(R"({"items":[],"metadata":{}})", 3);
  CHECK(split.is_complete);
  CHECK(split.values.empty());
  CHECK(SplitList(R"({"items":null,"metadata":{}})", 3).is_complete);
}

TEST_CASE("An item that is too large is left out and counted, the rest is not") {
  const std::string large(5000, 'x');
  const Split split = SplitList(R"({"items":[{"a":1},{"b":")" + large + R"("},{"c":3}]})", 64, 100);
  CHECK(split.is_complete);
  CHECK(split.values == std::vector<std::string>{R"({"a":1})", R"({"c":3})"});
  CHECK(split.oversized == 1);
}

TEST_CASE("What is no list is refused or never complete") {
  for (const char* const text : {"[]", "}", "{}}", R"({"items":[}]})", R"({"items":[{"a":1}})",
                                 "\"", "{", R"({"items":[)"}) {
    CAPTURE(text);
    const Split split = SplitList(text, 1);
    CHECK_FALSE((split.is_good && split.is_complete));
  }
  // What stands around the items is bounded.
  CHECK_FALSE(SplitList("{\"a\":\"" + std::string(1 << 20, 'x') + "\"}", 4096).is_good);
}

TEST_CASE("Whoever takes the items may end it") {
  int taken = 0;
  ListSplitter splitter(100, [&](std::string_view) { return ++taken < 2; });
  CHECK_FALSE(splitter.Feed(R"({"items":[1,2,3,4]})"));
  CHECK(taken == 2);
}

TEST_CASE("Lines come out one by one, long ones are left out and counted") {
  for (const size_t piece : {size_t{1}, size_t{5}, size_t{1000}}) {
    const Split split =
        SplitLines("{\"a\":1}\n\n" + std::string(200, 'x') + "\n{\"b\":2}\n{\"un", piece, 100);
    CHECK(split.values == std::vector<std::string>{R"({"a":1})", R"({"b":2})"});
    CHECK(split.oversized == 1);
  }
}

}  // namespace
}  // namespace audio_latency::correlator
