// What is known of a scenario: for each audio byte of each call, when it passed each point.

#ifndef TESTS_ACCURACY_TRUTH_H_
#define TESTS_ACCURACY_TRUTH_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/address/ip_address.h"
#include "tests/accuracy/track.h"

namespace audio_latency::accuracy {

// When each byte of a stream first passed a point.
class PassTimes {
 public:
  // Calls come in the order of time: what has passed already keeps its time.
  void Add(uint64_t begin, uint64_t end, int64_t time_ns);
  // When all of [begin, end) had passed; nothing where some of it never did.
  std::optional<int64_t> PassedAt(uint64_t begin, uint64_t end) const;

 private:
  struct Part {
    uint64_t end = 0;
    int64_t time_ns = 0;
  };
  std::map<uint64_t, Part> parts_;  // by begin; they do not overlap
};

// A 5-tuple and, of RTP, the SSRC.
struct FlowKey {
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  bool is_rtp = false;
  uint32_t rtp_ssrc = 0;

  friend auto operator<=>(const FlowKey&, const FlowKey&) = default;
};

struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// Bytes of a stream that are bytes of the audio, in its order.
struct AudioRun {
  uint64_t stream_begin = 0;
  uint64_t audio_begin = 0;
  uint64_t bytes = 0;
};

// One TCP connection in one direction, or the packets of one RTP source: what a leg of a call is
// made of (it may reconnect). A byte's place in the stream counts TCP bytes from the first one on,
// or bytes of RTP payload.
struct StreamTruth {
  FlowKey key;
  // TCP: sequence number of the first byte. RTP: of the first packet.
  uint32_t first_position = 0;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  std::vector<AudioRun> runs;
  // RTP: [i] is what the packet with sequence number first_position + i carries; empty: not sent.
  std::vector<ByteRange> packets;
  // At the sender's and at the receiver's point.
  std::array<PassTimes, 2> passed;

  // Adds a run, or lengthens the last one.
  void AddRun(const AudioRun& run);
  // The audio from the first to the last audio byte among these; nothing where none is audio.
  std::optional<ByteRange> AudioOf(const ByteRange& stream_range) const;
  // Where the audio lies in the stream, when it is here as a whole and without a break.
  std::optional<ByteRange> StreamOf(const ByteRange& audio_range) const;
};

struct LegTruth {
  std::vector<StreamTruth> streams;
  // Indices of the capture files at its ends.
  std::array<size_t, 2> points = {};

  // When the audio had passed the leg's `side` (0: sender); nothing where some of it never did.
  std::optional<int64_t> PassedAt(const ByteRange& audio_range, size_t side) const;
};

struct CallTruth {
  Track track;
  std::vector<LegTruth> legs;
  int64_t start_ns = 0;
  // RTP all the way, and each packet goes on as one: its payload is the piece that is followed.
  bool is_packet_for_packet = false;
};

struct Truth {
  std::vector<CallTruth> calls;
  // When the captures began.
  int64_t captured_from_ns = 0;
  // How long a stream is watched before it is signed, where the product has to find the audio.
  int64_t watched_for_ns = 0;
};

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_TRUTH_H_
