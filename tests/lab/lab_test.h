// What tests that run inside a lab (audio_latency_lab_test) have at hand.

#ifndef TESTS_LAB_LAB_TEST_H_
#define TESTS_LAB_LAB_TEST_H_

#include <catch2/catch.hpp>

#include "common/status/status_macros.h"
#include "tests/lab/lab.h"

namespace audio_latency::lab {

// The lab that the test program runs in.
const Lab& CurrentLab();

// The value, or a failed test that tells the error.
template <typename T>
T Require(absl::StatusOr<T> result) {
  if (!result.ok()) {
    FAIL(Message(result.status()));
  }
  return *std::move(result);
}

inline void Require(const absl::Status& status) {
  if (!status.ok()) {
    FAIL(Message(status));
  }
}

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_LAB_TEST_H_
