#include "tests/lab/audio/tcp_programs.h"

#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <string_view>

#include "common/status/status_macros.h"
#include "tests/lab/audio/delay_line.h"
#include "tests/lab/audio/pacing.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/audio/transfer_report.h"

namespace audio_latency::lab {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kFrameNs = 20 * kNsPerMs;
constexpr size_t kFrameBytes = 640;  // 20 ms at 16 kHz

}  // namespace

absl::Status RunTcpSource(const TcpSourceOptions& options) {
  ASSIGN_OR_RETURN(const auto speech, LoadSpeech(options.speech));
  const std::string audio = PcmBytes(DoubleSampleRate(speech));
  ASSIGN_OR_RETURN(const FileDescriptor connection, ConnectTcp(options.destination));
  RunAtRealTimePriority();
  TransferReport report;
  PayloadDigest digest;
  int64_t due_ns = MonotonicNowNs();
  for (size_t at = 0; at < audio.size(); at += kFrameBytes, due_ns += kFrameNs) {
    SleepUntilNs(due_ns);
    const std::string_view frame = std::string_view(audio).substr(at, kFrameBytes);
    RETURN_IF_ERROR(SendAll(connection, frame.data(), frame.size()));
    report.bytes += static_cast<int64_t>(frame.size());
    digest.Add(frame);
  }
  report.digest = digest.Text();
  return WriteReport(report, options.report_path);
}

absl::Status RunTcpRelay(const TcpRelayOptions& options) {
  ASSIGN_OR_RETURN(const FileDescriptor listener, ListenTcp(options.port));
  SayListening();
  ASSIGN_OR_RETURN(const FileDescriptor incoming, AcceptTcp(listener));
  ASSIGN_OR_RETURN(const FileDescriptor outgoing, ConnectTcp(options.destination));
  EnableArrivalTimes(incoming);
  RunAtRealTimePriority();
  std::mt19937_64 random(options.seed);
  absl::Status send_status;
  {
    DelayLine line([&](const std::string& bytes) {
      constexpr size_t kShortestPiece = 20;
      for (size_t at = 0; at < bytes.size() && send_status.ok();) {
        // A third or so of what was read: three writes on average.
        std::uniform_int_distribution<size_t> length(kShortestPiece,
                                                     kShortestPiece + bytes.size() / 2);
        const size_t piece = std::min(length(random), bytes.size() - at);
        send_status = SendAll(outgoing, bytes.data() + at, piece);
        at += piece;
      }
    });
    for (;;) {
      ASSIGN_OR_RETURN(Arrival arrival, Receive(incoming));
      if (arrival.bytes.empty()) {
        break;
      }
      line.Add(arrival.time_ns + options.hold_ms * kNsPerMs, std::move(arrival.bytes));
    }
  }
  return send_status;
}

absl::Status RunTcpSink(const TcpSinkOptions& options) {
  ASSIGN_OR_RETURN(const FileDescriptor listener, ListenTcp(options.port));
  SayListening();
  ASSIGN_OR_RETURN(const FileDescriptor incoming, AcceptTcp(listener));
  TransferReport report;
  PayloadDigest digest;
  for (;;) {
    ASSIGN_OR_RETURN(const Arrival arrival, Receive(incoming));
    if (arrival.bytes.empty()) {
      break;
    }
    report.bytes += static_cast<int64_t>(arrival.bytes.size());
    digest.Add(arrival.bytes);
  }
  report.digest = digest.Text();
  return WriteReport(report, options.report_path);
}

}  // namespace audio_latency::lab
