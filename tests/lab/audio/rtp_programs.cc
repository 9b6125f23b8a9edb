#include "tests/lab/audio/rtp_programs.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

#include "common/status/status_macros.h"
#include "tests/lab/audio/delay_line.h"
#include "tests/lab/audio/pacing.h"
#include "tests/lab/audio/rtp_packet.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/audio/transfer_report.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kFrameNs = 20 * kNsPerMs;
constexpr size_t kFrameBytes = 160;  // 20 ms at 8 kHz

absl::Status SendTo(const FileDescriptor& socket, const sockaddr_in6& destination,
                    const std::string& bytes) {
  if (sendto(socket.get(), bytes.data(), bytes.size(), 0,
             reinterpret_cast<const sockaddr*>(&destination), sizeof(destination)) < 0) {
    return ErrnoStatus("sending a packet");
  }
  return absl::OkStatus();
}

// SIGTERM as something that poll sees. Make it before any thread.
absl::StatusOr<FileDescriptor> CatchTermination() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  FileDescriptor termination(signalfd(-1, &signals, SFD_CLOEXEC));
  if (!termination.is_open()) {
    return ErrnoStatus("making a signal descriptor");
  }
  return termination;
}

// The next packet, or nothing when the program is to end.
absl::StatusOr<std::optional<Arrival>> ReceiveOrEnd(const FileDescriptor& socket,
                                                    const FileDescriptor& termination) {
  pollfd polled[] = {{socket.get(), POLLIN, 0}, {termination.get(), POLLIN, 0}};
  while (poll(polled, 2, -1) < 0) {
    if (errno != EINTR) {
      return ErrnoStatus("waiting for a packet");
    }
  }
  if (polled[0].revents == 0) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(Arrival arrival, Receive(socket));
  return arrival;
}

}  // namespace

absl::Status RunRtpSource(const RtpSourceOptions& options) {
  ASSIGN_OR_RETURN(const auto speech, LoadSpeech(options.speech));
  const std::string audio = MuLawBytes(speech);
  ASSIGN_OR_RETURN(const sockaddr_in6 destination, ParseSocketAddress(options.destination));
  ASSIGN_OR_RETURN(const FileDescriptor socket, BindUdp(0));
  RunAtRealTimePriority();
  TransferReport report;
  PayloadDigest digest;
  RtpPacket packet;
  packet.ssrc = options.ssrc;
  packet.sequence = options.first_sequence;
  packet.marker = true;
  int64_t due_ns = MonotonicNowNs();
  for (size_t at = 0; at + kFrameBytes <= audio.size(); at += kFrameBytes, due_ns += kFrameNs) {
    packet.payload = audio.substr(at, kFrameBytes);
    SleepUntilNs(due_ns);
    RETURN_IF_ERROR(SendTo(socket, destination, EncodeRtp(packet)));
    digest.Add(packet.payload);
    report.bytes += static_cast<int64_t>(kFrameBytes);
    ++report.packets;
    ++packet.sequence;
    packet.timestamp += static_cast<uint32_t>(kFrameBytes);
    packet.marker = false;
  }
  report.digest = digest.Text();
  return WriteReport(report, options.report_path);
}

absl::Status RunRtpRelay(const RtpRelayOptions& options) {
  ASSIGN_OR_RETURN(const FileDescriptor termination, CatchTermination());
  ASSIGN_OR_RETURN(const sockaddr_in6 destination, ParseSocketAddress(options.destination));
  ASSIGN_OR_RETURN(const FileDescriptor incoming, BindUdp(options.port));
  SayListening();
  ASSIGN_OR_RETURN(const FileDescriptor outgoing, BindUdp(0));
  EnableArrivalTimes(incoming);
  RunAtRealTimePriority();
  absl::Status send_status;
  {
    DelayLine line([&](const std::string& bytes) {
      if (absl::Status sent = SendTo(outgoing, destination, bytes); !sent.ok()) {
        send_status = sent;
      }
    });
    for (;;) {
      ASSIGN_OR_RETURN(std::optional<Arrival> arrival, ReceiveOrEnd(incoming, termination));
      if (!arrival.has_value()) {
        break;
      }
      std::optional<RtpPacket> packet = DecodeRtp(arrival->bytes);
      if (packet.has_value()) {
        packet->ssrc = options.ssrc;
        packet->sequence = static_cast<uint16_t>(packet->sequence + options.sequence_offset);
        packet->timestamp += options.timestamp_offset;
        line.Add(arrival->time_ns + options.hold_ms * kNsPerMs, EncodeRtp(*packet));
      }
    }
  }
  return send_status;
}

absl::Status RunRtpSink(const RtpSinkOptions& options) {
  ASSIGN_OR_RETURN(const FileDescriptor termination, CatchTermination());
  ASSIGN_OR_RETURN(const FileDescriptor incoming, BindUdp(options.port));
  SayListening();
  TransferReport report;
  PayloadDigest digest;
  std::optional<uint16_t> next_sequence;
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<Arrival> arrival, ReceiveOrEnd(incoming, termination));
    if (!arrival.has_value()) {
      break;
    }
    const std::optional<RtpPacket> packet = DecodeRtp(arrival->bytes);
    if (packet.has_value()) {
      report.missing +=
          static_cast<uint16_t>(packet->sequence - next_sequence.value_or(packet->sequence));
      next_sequence = static_cast<uint16_t>(packet->sequence + 1);
      report.bytes += static_cast<int64_t>(packet->payload.size());
      ++report.packets;
      digest.Add(packet->payload);
    }
  }
  report.digest = digest.Text();
  return WriteReport(report, options.report_path);
}

}  // namespace audio_latency::lab
