// rtpengine, the media relay of SIP proxies, and the protocol by which they drive it.

#ifndef TESTS_INTEROP_RTPENGINE_H_
#define TESTS_INTEROP_RTPENGINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/interop/media_lab.h"
#include "tests/lab/cluster.h"

namespace audio_latency::lab {

inline constexpr int kRtpenginePort = 2223;

// Starts the daemon in the pod, all in user space, and waits until it listens. Media ports are
// those of MediaLab.
absl::Status StartRtpengine(MediaLab* lab, const Pod& relay);

// Where a phone's audio goes: an address and an even UDP port.
struct MediaAddress {
  std::string address;
  int port = 0;
};

// A call between two phones through rtpengine.
struct RelayedCall {
  std::string call_id;
  MediaAddress caller;
  MediaAddress callee;
  // As in SDP's rtpmap (RFC 8866): "0 PCMU/8000".
  std::string codec;
  // Empty: packets pass as they are. Else the callee is offered this codec alone, "8 PCMA/8000",
  // and rtpengine translates.
  std::string callee_codec;
};

// Where the two must send to.
struct RelayAddresses {
  MediaAddress for_caller;
  MediaAddress for_callee;
};

// An offer and its answer, as a SIP proxy would send them. `call_id` must not have been used
// before.
absl::StatusOr<RelayAddresses> OfferAndAnswer(const Pod& relay, const RelayedCall& call);

// A string as the protocol writes it: "3:abc".
std::string BencodeText(std::string_view text);
// The value of a text in a bencoded dictionary; numbers, lists and dictionaries in it are passed
// over. NOT_FOUND where it is not there.
absl::StatusOr<std::string> BencodeFind(std::string_view dictionary, std::string_view key);
// Where an SDP wants its first audio stream (c= and m= lines).
absl::StatusOr<MediaAddress> MediaAddressOf(std::string_view sdp);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_RTPENGINE_H_
