#include "common/status/status_macros.h"

#include <catch2/catch.hpp>
#include <memory>

namespace audio_latency {
namespace {

absl::StatusOr<std::unique_ptr<int>> Half(int number) {
  if (number % 2 != 0) {
    return absl::InvalidArgumentError("odd");
  }
  return std::make_unique<int>(number / 2);
}

absl::StatusOr<int> Quarter(int number) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> half, Half(number));
  ASSIGN_OR_RETURN(const std::unique_ptr<int> quarter, Half(*half));
  return *quarter;
}

absl::Status CheckQuarter(int number) {
  RETURN_IF_ERROR(Quarter(number).status());
  return absl::OkStatus();
}

TEST_CASE("a failure returns at once, a value goes on") {
  CHECK(*Quarter(8) == 2);
  CHECK(Message(Quarter(6).status()) == "odd");
  CHECK(CheckQuarter(4).ok());
  CHECK(Message(CheckQuarter(3)) == "odd");
}

}  // namespace
}  // namespace audio_latency
