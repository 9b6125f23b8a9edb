#include "correlator/metrics/series_limit.h"

#include <catch2/catch.hpp>

namespace audio_latency::correlator {
namespace {

using Combine = SeriesLimit::Combine;

Series Pod(const std::string& name, std::vector<double> numbers) {
  return {{{"pod", name}}, std::move(numbers)};
}

std::string Text(const std::vector<Series>& series) {
  std::string text;
  for (const Series& one : series) {
    text += one.labels[0].value + "=";
    for (const double number : one.numbers) {
      text += std::to_string(static_cast<int>(number)) + ",";
    }
    text += " ";
  }
  return text;
}

TEST_CASE("what finds no place is put together as other") {
  SeriesLimit limit(2, Combine::kSum);
  CHECK(Text(limit.Apply({Pod("a", {1, 10}), Pod("b", {2, 20})})) == "a=1,10, b=2,20, ");
  CHECK(limit.limited() == 0);
  CHECK(Text(limit.Apply({Pod("c", {3, 30}), Pod("a", {1, 10}), Pod("b", {2, 20}),
                          Pod("d", {4, 40})})) == "a=1,10, b=2,20, other=7,70, ");
  CHECK(limit.limited() == 2);
}

TEST_CASE("series of equal labels become one") {
  SeriesLimit sum(10, Combine::kSum);
  CHECK(Text(sum.Apply({Pod("a", {1}), Pod("b", {5}), Pod("a", {2})})) == "a=3, b=5, ");
  SeriesLimit max(10, Combine::kMax);
  CHECK(Text(max.Apply({Pod("a", {1}), Pod("b", {5}), Pod("a", {2})})) == "a=2, b=5, ");
}

TEST_CASE("other never counts backwards") {
  SeriesLimit limit(1, Combine::kSum);
  CHECK(Text(limit.Apply({Pod("a", {1}), Pod("b", {2}), Pod("c", {3})})) == "a=1, other=5, ");
  // a is gone: its place is for newcomers, not for those whose count is in other already.
  CHECK(Text(limit.Apply({Pod("b", {4}), Pod("c", {3})})) == "other=7, ");
  CHECK(Text(limit.Apply({Pod("b", {4}), Pod("d", {9})})) == "d=9, other=7, ");
  CHECK(Text(limit.Apply({Pod("d", {9})})) == "d=9, other=7, ");
  CHECK(limit.limited() == 0);
}

TEST_CASE("other is the largest where numbers do not add up") {
  SeriesLimit limit(1, Combine::kMax);
  CHECK(Text(limit.Apply({Pod("a", {1}), Pod("b", {2}), Pod("c", {3})})) == "a=1, other=3, ");
  CHECK(Text(limit.Apply({Pod("a", {1})})) == "a=1, ");
}

TEST_CASE("no series, no page") {
  SeriesLimit limit(1, Combine::kSum);
  CHECK(limit.Apply({}).empty());
}

}  // namespace
}  // namespace audio_latency::correlator
