// A call as capture files would hold it: A sends to B, which holds the audio and sends it on to C.

#ifndef TESTS_UNIT_CORRELATOR_REPLAY_CAPTURED_CALL_H_
#define TESTS_UNIT_CORRELATOR_REPLAY_CAPTURED_CALL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/flows/flow_registry.h"

namespace audio_latency::correlator::testing {

inline constexpr int64_t kMillisecondNs = 1'000'000;
inline constexpr int64_t kSecondNs = 1'000'000'000;
// 2026-01-02T03:04:05Z
inline constexpr int64_t kCallBeginNs = 1'767'323'045 * kSecondNs;
inline constexpr int64_t kTransitNs = 300'000;
inline constexpr int64_t kHoldNs = 40 * kMillisecondNs;

// The pods' veths, one a node.
enum Place { kAtA, kAtB, kAtC };

struct CapturedPacket {
  int64_t time_ns = 0;
  Place place = kAtA;
  // Seen from the node: out of the pod is ingress.
  Direction direction = Direction::kIngress;
  // Ethernet, IPv4.
  std::vector<uint8_t> frame;
};

struct CallOptions {
  int seconds = 4;
  bool is_rtp = false;
  uint32_t seed = 1;
  // Last byte of A's address, 10.0.0.x; B and C have the next ones.
  uint8_t first_address = 1;
};

// Speech, in the order of time. Both legs are cut differently.
std::vector<CapturedPacket> CaptureCall(const CallOptions& options);

// Whose packet it is, at offsets of an Ethernet frame with IPv4 and no VLAN tag.
void SetAddresses(std::vector<uint8_t>* frame, uint8_t source, uint8_t destination);
void SetHopsLeft(std::vector<uint8_t>* frame, uint8_t hops_left);

// Names 10.0.0.1 to 10.0.0.3: ingress-1 (node a), processor-1 (b), egress-1 (c).
class CallNames final : public EndpointDirectory {
 public:
  Resolution Resolve(const EndpointQuery& query) const override;
};

}  // namespace audio_latency::correlator::testing

#endif  // TESTS_UNIT_CORRELATOR_REPLAY_CAPTURED_CALL_H_
