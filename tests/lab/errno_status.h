// absl::Status of a failed system call.

#ifndef TESTS_LAB_ERRNO_STATUS_H_
#define TESTS_LAB_ERRNO_STATUS_H_

#include <fmt/format.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"

namespace audio_latency::lab {

// "<what>: <text of errno>"; EPERM and EACCES become PERMISSION_DENIED.
inline absl::Status ErrnoStatus(std::string_view what, int error_number = errno) {
  const std::string text =
      fmt::format("{}: {}", what, std::generic_category().message(error_number));
  if (error_number == EPERM || error_number == EACCES) {
    return absl::PermissionDeniedError(text);
  }
  return absl::InternalError(text);
}

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_ERRNO_STATUS_H_
