#include "tests/bench/probe/media_load.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>
#include <utility>

#include "common/status/status_macros.h"
#include "tests/lab/audio/rtp_packet.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/audio/speech.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::bench {
namespace {

constexpr int kFrameMs = 1000 / kPacketsPerSecond;
constexpr size_t kFrameBytes = 160;
// Each stream begins elsewhere in the same speech, so that no two send alike.
constexpr size_t kStreamShiftBytes = 4567;

}  // namespace

absl::StatusOr<MediaLoad> MediaLoad::Create(const lab::Pod& sender, const lab::Pod& receiver,
                                            int streams) {
  ASSIGN_OR_RETURN(const std::vector<int16_t> speech,
                   lab::LoadSpeech({.language = "en", .seed = 3, .seconds = 600}));
  MediaLoad load(receiver, lab::MuLawBytes(speech));
  RETURN_IF_ERROR(receiver.network.RunInside([&] {
    for (int i = 0; i < streams; ++i) {
      ASSIGN_OR_RETURN(FileDescriptor port, lab::BindUdp(static_cast<uint16_t>(kFirstPort + i)));
      load.ports_.push_back(std::move(port));
    }
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(sender.network.RunInside([&] {
    ASSIGN_OR_RETURN(load.socket_, lab::BindUdp(0));
    return absl::OkStatus();
  }));
  return load;
}

absl::Status MediaLoad::Send(int milliseconds) {
  ASSIGN_OR_RETURN(sockaddr_in6 to,
                   lab::ParseSocketAddress(fmt::format("{}:{}", receiver_.address, kFirstPort)));
  const auto begin = std::chrono::steady_clock::now();
  const size_t streams = ports_.size();
  int elapsed_ms = 0;
  for (; elapsed_ms < milliseconds; ++elapsed_ms) {
    std::this_thread::sleep_until(begin + std::chrono::milliseconds(elapsed_ms));
    const size_t part = static_cast<size_t>(elapsed_ms % kFrameMs);
    for (size_t stream = streams * part / kFrameMs; stream < streams * (part + 1) / kFrameMs;
         ++stream) {
      const size_t at =
          (stream * kStreamShiftBytes + frame_ * kFrameBytes) % (audio_.size() - kFrameBytes);
      const std::string packet =
          lab::EncodeRtp({.sequence = static_cast<uint16_t>(frame_),
                          .timestamp = static_cast<uint32_t>(frame_ * kFrameBytes),
                          .ssrc = static_cast<uint32_t>(stream + 1),
                          .payload = audio_.substr(at, kFrameBytes)});
      to.sin6_port = htons(static_cast<uint16_t>(kFirstPort + stream));
      if (sendto(socket_.get(), packet.data(), packet.size(), 0,
                 reinterpret_cast<const sockaddr*>(&to), sizeof(to)) < 0) {
        return lab::ErrnoStatus("sending RTP");
      }
      ++packets_sent_;
    }
    frame_ += part == kFrameMs - 1 ? 1 : 0;
  }
  const auto late =
      std::chrono::steady_clock::now() - begin - std::chrono::milliseconds(milliseconds);
  if (late > std::chrono::milliseconds(milliseconds / 4)) {
    return absl::ResourceExhaustedError(
        fmt::format("this machine needs {} ms longer than {} ms to send {} streams",
                    std::chrono::duration_cast<std::chrono::milliseconds>(late).count(),
                    milliseconds, streams));
  }
  return absl::OkStatus();
}

}  // namespace audio_latency::bench
