// RTP to a network's own loopback interface, where a probe sees it leave and arrive.

#ifndef TESTS_E2E_RTP_SENDER_H_
#define TESTS_E2E_RTP_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <random>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {

// Random bytes stand for audio. Not thread-safe.
class RtpSender {
 public:
  static constexpr size_t kPayloadBytes = 160;

  // Both ends of the conversation; `port` is that of the receiving one.
  static absl::StatusOr<RtpSender> Open(const NetworkNamespace& network, uint16_t port);

  // One packet of each of `streams` streams after the other, `packets` times; their sequence
  // numbers go on from call to call.
  absl::Status Send(uint32_t streams = 1, int packets = 1, uint32_t first_ssrc = 1000);

 private:
  RtpSender() = default;

  uint16_t port_ = 0;
  FileDescriptor receiver_;
  FileDescriptor sender_;
  uint16_t sequence_ = 0;
  std::mt19937 random_{1};
};

}  // namespace audio_latency::lab

#endif  // TESTS_E2E_RTP_SENDER_H_
