#include "common/logging/logger.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace audio_latency {
namespace {

// By LogLevel: as configured, and as written.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kLevelNames = {{
    {"trace", "TRACE"},
    {"debug", "DEBUG"},
    {"info", "INFO"},
    {"warn", "WARN"},
    {"error", "ERROR"},
}};

class JsonLogger final : public Logger {
 public:
  JsonLogger(LogLevel level, const Clock& realtime, int file_descriptor)
      : level_(level), realtime_(realtime), file_descriptor_(file_descriptor) {}

  bool IsOn(LogLevel level) const override { return level >= level_; }

  void Log(LogLevel level, std::string_view event_type, std::string_view message,
           const nlohmann::json& fields) override {
    if (!IsOn(level)) {
      return;
    }
    nlohmann::ordered_json line;
    line["timestamp"] = FormatRfc3339(realtime_.NowNs());
    line["level"] = kLevelNames[static_cast<size_t>(level)].second;
    nlohmann::ordered_json& written = line["fields"];
    written["event_type"] = event_type;
    written["message"] = message;
    for (const auto& [name, value] : fields.items()) {
      written.emplace(name, value);  // leaves event_type and message as they are
    }
    // Names of interfaces and pods may hold any bytes: what is not UTF-8 becomes U+FFFD.
    std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text += '\n';
    Write(text);
  }

 private:
  // A line longer than a pipe takes at once needs several writes; the lock keeps it whole.
  void Write(std::string_view text) {
    const std::lock_guard lock(mutex_);
    while (!text.empty()) {
      const ssize_t written = write(file_descriptor_, text.data(), text.size());
      if (written >= 0) {
        text.remove_prefix(static_cast<size_t>(written));
      } else if (errno != EINTR) {
        return;  // nobody reads the log any more; the program's work goes on
      }
    }
  }

  const LogLevel level_;
  const Clock& realtime_;
  const int file_descriptor_;
  std::mutex mutex_;
};

const nlohmann::json& NoFields() {
  static const nlohmann::json kNone = nlohmann::json::object();
  return kNone;
}

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(std::string_view text) {
  for (size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i].first == text) {
      return static_cast<LogLevel>(i);
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not a log level: use trace, debug, info, warn or error", text));
}

void Logger::Info(std::string_view event_type, std::string_view message) {
  Log(LogLevel::kInfo, event_type, message, NoFields());
}
void Logger::Info(std::string_view event_type, std::string_view message,
                  const nlohmann::json& fields) {
  Log(LogLevel::kInfo, event_type, message, fields);
}
void Logger::Warn(std::string_view event_type, std::string_view message) {
  Log(LogLevel::kWarn, event_type, message, NoFields());
}
void Logger::Warn(std::string_view event_type, std::string_view message,
                  const nlohmann::json& fields) {
  Log(LogLevel::kWarn, event_type, message, fields);
}
void Logger::Error(std::string_view event_type, std::string_view message) {
  Log(LogLevel::kError, event_type, message, NoFields());
}
void Logger::Error(std::string_view event_type, std::string_view message,
                   const nlohmann::json& fields) {
  Log(LogLevel::kError, event_type, message, fields);
}
void Logger::Debug(std::string_view event_type, std::string_view message,
                   const nlohmann::json& fields) {
  Log(LogLevel::kDebug, event_type, message, fields);
}

std::unique_ptr<Logger> MakeJsonLogger(LogLevel level, const Clock& realtime, int file_descriptor) {
  return std::make_unique<JsonLogger>(level, realtime, file_descriptor);
}

}  // namespace audio_latency
