// What really passed a relay, packet by packet: the truth that the product's matches are held
// against.

#ifndef TESTS_INTEROP_RTP_TRUTH_H_
#define TESTS_INTEROP_RTP_TRUTH_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace audio_latency::lab {

// An RTP packet (RFC 3550) as tshark reads it.
struct RtpRecord {
  int64_t unix_time_ns = 0;
  std::string source;  // "10.244.1.2"
  std::string destination;
  uint32_t ssrc = 0;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  std::string payload;  // hexadecimal
};

// The RTP packets of a capture file, in its order. All UDP from `first_port` to `last_port` is
// taken for RTP; what tshark cannot read as such (RTCP) is left out.
absl::StatusOr<std::vector<RtpRecord>> ReadRtp(const std::string& capture_path, int first_port,
                                               int last_port);
// What tshark printed: one packet a line, fields by tabs.
absl::StatusOr<std::vector<RtpRecord>> ParseTsharkFields(std::string_view text);

// One stream of a conversation.
struct RtpStreamKey {
  std::string source;
  std::string destination;
  uint32_t ssrc = 0;

  friend auto operator<=>(const RtpStreamKey&, const RtpStreamKey&) = default;
};

// A stream into the relay and the one out of it that goes on with its audio.
struct RelayedStream {
  RtpStreamKey in;
  RtpStreamKey out;
  // What is added to a sequence number on the way.
  uint16_t sequence_shift = 0;
  // By sequence number of `in`: both times of each packet whose payload left byte for byte as it
  // came.
  struct Passage {
    int64_t in_ns = 0;
    int64_t out_ns = 0;
    // From the stream's first packet on, in its clock's ticks.
    uint32_t media_time = 0;
    int64_t delay_ns() const { return out_ns - in_ns; }
  };
  std::map<uint16_t, Passage> passages;
};

// What the relay at one address did.
struct RelayTruth {
  // Packets that came to it and left it, of all streams.
  int64_t packets_in = 0;
  int64_t packets_out = 0;
  std::vector<RelayedStream> streams;

  // The stream that `in` is part of; null where the relay did not send it on as it was.
  const RelayedStream* Find(const RtpStreamKey& in) const;
};

// Pairs each stream into the relay with the one out of it that carries most of its payloads at one
// shift of the sequence numbers. A stream never pairs with one that goes back to where it came
// from. Sequence numbers must not wrap twice.
RelayTruth MakeRelayTruth(const std::vector<RtpRecord>& records, const std::string& relay_address);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_RTP_TRUTH_H_
