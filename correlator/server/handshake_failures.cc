#include "correlator/server/handshake_failures.h"

#include <grpc/support/log.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace audio_latency::correlator {
namespace {

using Sink = std::function<void(const HandshakeFailure&)>;

// The one state of the whole process in this program: gRPC's log function cannot be given any.
struct Sinks {
  std::mutex mutex;
  std::vector<const Sink*> all;
};

Sinks& ProcessSinks() {
  // Never destroyed: gRPC's threads may log while the process ends.
  static auto* const sinks = new Sinks();
  return *sinks;
}

void OnLog(gpr_log_func_args* line) {
  const std::optional<HandshakeFailure> failure = ReadHandshakeFailure(line->message);
  if (!failure.has_value()) {
    return;
  }
  Sinks& sinks = ProcessSinks();
  const std::scoped_lock lock(sinks.mutex);
  for (const Sink* const sink : sinks.all) {
    (*sink)(*failure);
  }
}

// What stands between `begin` and the next `end`; "" where that is not there.
std::string_view Between(std::string_view text, std::string_view begin, std::string_view end) {
  const size_t at = text.find(begin);
  if (at == std::string_view::npos) {
    return {};
  }
  text.remove_prefix(at + begin.size());
  return text.substr(0, text.find(end));
}

std::string Printable(std::string_view text) {
  constexpr size_t kMaxBytes = 200;
  std::string printable(text.substr(0, kMaxBytes));
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

}  // namespace

// Such as: Handshaking failed: UNKNOWN:Handshake read failed {…, children:[INTERNAL:Socket closed
// {…, target_address:"ipv4:127.0.0.1:4711"}]}
std::optional<HandshakeFailure> ReadHandshakeFailure(std::string_view message) {
  constexpr std::string_view kBegin = "Handshaking failed: ";
  if (!message.starts_with(kBegin)) {
    return std::nullopt;
  }
  const std::string_view reason = Between(message, kBegin, " {");
  const std::string_view cause = Between(message, "children:[", " {");
  HandshakeFailure failure{.peer = Printable(Between(message, "target_address:\"", "\"")),
                           .reason = Printable(reason)};
  if (!cause.empty()) {
    failure.reason += ": " + Printable(cause);
  }
  return failure;
}

HandshakeFailures::HandshakeFailures(std::function<void(const HandshakeFailure&)> on_failure)
    : on_failure_(std::move(on_failure)) {
  Sinks& sinks = ProcessSinks();
  {
    const std::scoped_lock lock(sinks.mutex);
    sinks.all.push_back(&on_failure_);
  }
  gpr_set_log_function(OnLog);
  // What tells of handshakes is of this severity.
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_DEBUG);
}

HandshakeFailures::~HandshakeFailures() {
  Sinks& sinks = ProcessSinks();
  const std::scoped_lock lock(sinks.mutex);
  std::erase(sinks.all, &on_failure_);
}

}  // namespace audio_latency::correlator
