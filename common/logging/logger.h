// JSON lines: one object a line, in the form that the product's users already parse:
// {"timestamp":"2024-01-01T12:00:00.123456789Z","level":"INFO",
//  "fields":{"event_type":"startup","message":"…", …}}

#ifndef COMMON_LOGGING_LOGGER_H_
#define COMMON_LOGGING_LOGGER_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/time/clock.h"
#include "nlohmann/json_fwd.hpp"

namespace audio_latency {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

// "trace", "debug", "info", "warn" or "error".
absl::StatusOr<LogLevel> ParseLogLevel(std::string_view text);

// Thread-safe. Lines go out whole.
class Logger {
 public:
  virtual ~Logger() = default;

  // True when lines of this level are written at all; saves making the fields.
  virtual bool IsOn(LogLevel level) const = 0;
  // `event_type` is a fixed name in snake_case; `fields` is a JSON object that is put beside it.
  virtual void Log(LogLevel level, std::string_view event_type, std::string_view message,
                   const nlohmann::json& fields) = 0;

  void Info(std::string_view event_type, std::string_view message);
  void Info(std::string_view event_type, std::string_view message, const nlohmann::json& fields);
  void Warn(std::string_view event_type, std::string_view message);
  void Warn(std::string_view event_type, std::string_view message, const nlohmann::json& fields);
  void Error(std::string_view event_type, std::string_view message);
  void Error(std::string_view event_type, std::string_view message, const nlohmann::json& fields);
  void Debug(std::string_view event_type, std::string_view message, const nlohmann::json& fields);
};

// Writes to `file_descriptor`, standard output unless told otherwise; it is not closed. `realtime`
// stamps the lines and must outlive the logger. What is not UTF-8 is written as U+FFFD.
std::unique_ptr<Logger> MakeJsonLogger(LogLevel level, const Clock& realtime,
                                       int file_descriptor = 1);

}  // namespace audio_latency

#endif  // COMMON_LOGGING_LOGGER_H_
