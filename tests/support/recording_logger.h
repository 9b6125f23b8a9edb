// A logger whose lines a test can read.

#ifndef TESTS_SUPPORT_RECORDING_LOGGER_H_
#define TESTS_SUPPORT_RECORDING_LOGGER_H_

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/logging/logger.h"
#include "nlohmann/json.hpp"

namespace audio_latency::testing {

// Keeps lines of every level. Thread-safe.
class RecordingLogger final : public Logger {
 public:
  struct Line {
    LogLevel level = LogLevel::kInfo;
    std::string event_type;
    std::string message;
    nlohmann::json fields;
  };

  bool IsOn(LogLevel) const override { return true; }
  void Log(LogLevel level, std::string_view event_type, std::string_view message,
           const nlohmann::json& fields) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back({level, std::string(event_type), std::string(message), fields});
  }

  std::vector<Line> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  int Count(std::string_view event_type) const {
    int count = 0;
    for (const Line& line : lines()) {
      count += line.event_type == event_type ? 1 : 0;
    }
    return count;
  }
  bool Has(std::string_view event_type) const { return Count(event_type) > 0; }
  // "event_type: message", of all lines that begin so, each ended by a line feed.
  std::string Text(std::string_view begin = "") const {
    std::string text;
    for (const Line& line : lines()) {
      const std::string shown = line.event_type + ": " + line.message + "\n";
      text += shown.starts_with(begin) ? shown : "";
    }
    return text;
  }
  // "event_type: message {fields}" of all lines, each ended by a line feed.
  std::string Everything() const {
    std::string text;
    for (const Line& line : lines()) {
      text += line.event_type + ": " + line.message + " " + line.fields.dump() + "\n";
    }
    return text;
  }
  // The message of the last line; empty when there is none.
  std::string Last() const {
    const std::lock_guard lock(mutex_);
    return lines_.empty() ? std::string() : lines_.back().message;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Line> lines_;
};

}  // namespace audio_latency::testing

#endif  // TESTS_SUPPORT_RECORDING_LOGGER_H_
