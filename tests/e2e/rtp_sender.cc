#include "tests/e2e/rtp_sender.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <string>

#include "common/status/status_macros.h"
#include "tests/lab/audio/rtp_packet.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {

absl::StatusOr<RtpSender> RtpSender::Open(const NetworkNamespace& network, uint16_t port) {
  RtpSender sender;
  sender.port_ = port;
  RETURN_IF_ERROR(network.RunInside([&]() -> absl::Status {
    ASSIGN_OR_RETURN(sender.receiver_, BindUdp(port));
    ASSIGN_OR_RETURN(sender.sender_, BindUdp(0));
    return absl::OkStatus();
  }));
  return sender;
}

absl::Status RtpSender::Send(uint32_t streams, int packets, uint32_t first_ssrc) {
  ASSIGN_OR_RETURN(const sockaddr_in6 to, ParseSocketAddress(fmt::format("127.0.0.1:{}", port_)));
  for (int i = 0; i < packets; ++i) {
    for (uint32_t stream = 0; stream < streams; ++stream) {
      RtpPacket packet;
      packet.sequence = sequence_;
      packet.ssrc = first_ssrc + stream;
      for (size_t byte = 0; byte < kPayloadBytes; ++byte) {
        packet.payload.push_back(static_cast<char>(random_()));
      }
      const std::string bytes = EncodeRtp(packet);
      if (sendto(sender_.get(), bytes.data(), bytes.size(), 0,
                 reinterpret_cast<const sockaddr*>(&to),
                 sizeof(to)) != static_cast<ssize_t>(bytes.size())) {
        return ErrnoStatus("sending RTP");
      }
    }
    ++sequence_;
  }
  return absl::OkStatus();
}

}  // namespace audio_latency::lab
