// Early return on a failed absl::Status, and text of one for fmt.

#ifndef COMMON_STATUS_STATUS_MACROS_H_
#define COMMON_STATUS_STATUS_MACROS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Debian's absl::string_view is not std::string_view: take a message out of a status by Message().
namespace audio_latency {

inline std::string Message(const absl::Status& status) {
  const absl::string_view message = status.message();
  return {message.data(), message.size()};
}

}  // namespace audio_latency

// Returns from the function when `expression`, an absl::Status, is not OK.
#define RETURN_IF_ERROR(expression)                  \
  do {                                               \
    absl::Status status_macro_result = (expression); \
    if (!status_macro_result.ok()) {                 \
      return status_macro_result;                    \
    }                                                \
  } while (false)

#define STATUS_MACROS_CONCATENATE_INNER(a, b) a##b
#define STATUS_MACROS_CONCATENATE(a, b) STATUS_MACROS_CONCATENATE_INNER(a, b)

// ASSIGN_OR_RETURN(auto value, FunctionGivingStatusOr());
// The target may be a declaration, so it cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_INNER(STATUS_MACROS_CONCATENATE(status_or_, __LINE__), target, expression)
#define ASSIGN_OR_RETURN_INNER(temporary, target, expression) \
  auto temporary = (expression);                              \
  if (!temporary.ok()) {                                      \
    return std::move(temporary).status();                     \
  }                                                           \
  target = *std::move(temporary)
// NOLINTEND(bugprone-macro-parentheses)

#endif  // COMMON_STATUS_STATUS_MACROS_H_
