// One leg of a call: from a sender over a network to a receiver, each with a capture point.

#ifndef TESTS_ACCURACY_LEG_H_
#define TESTS_ACCURACY_LEG_H_

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "tests/accuracy/capture_file.h"
#include "tests/accuracy/frame.h"
#include "tests/accuracy/framing.h"
#include "tests/accuracy/message.h"
#include "tests/accuracy/track.h"
#include "tests/accuracy/truth.h"

namespace audio_latency::accuracy {

// What the way does to packets.
struct Way {
  Network network = Network::kPlain;
  int64_t delay_ns = 300'000;
  // Mean of what queues add; it keeps the order.
  int64_t queueing_ns = 60'000;
  // Shares of the packets, 0 to 1.
  double loss = 0;
  double reordering = 0;
};

// How a host cuts what its application writes.
enum class Cut : uint8_t {
  kWrites,     // each write goes out at once, in segments of at most the MSS
  kRandom,     // anywhere, often across writes
  kCoalesced,  // up to four writes together
  kOffloaded,  // in packets of up to 64 KB, as a host sees them that leaves cutting to its card
};

struct TcpOptions {
  Cut cut = Cut::kWrites;
  uint32_t mss_bytes = 1448;
  uint32_t first_sequence = 1'000'000;
};

struct RtpOptions {
  // 0: the scenario chooses it, and where the numbers begin.
  uint32_t ssrc = 0;
  uint16_t first_sequence = 0;
  uint32_t first_timestamp = 0;
  // RFC 3550 §5.1: contributing sources, 0 to 15.
  int contributing_sources = 0;
  // RFC 6464: an extension with the level.
  bool has_extension = false;
  // 0 to 255.
  uint8_t padding_bytes = 0;
};

struct LegEnds {
  SocketAddress source;
  SocketAddress destination;
  // What stands at its ends.
  CaptureFile* at_sender = nullptr;
  CaptureFile* at_receiver = nullptr;
};

// Both send the messages, in order of their ordinals, and tell for each when the receiving
// application has it (kNever: lost). `stream` takes what is to be known of it.

// Lost segments come again as Linux sends them: after three later ones have told of the loss, or
// when the timer ends (200 ms, then twice as long each time).
std::vector<int64_t> SendOverTcp(std::span<const Message> messages, Framing framing,
                                 const TcpOptions& options, const Way& way, const LegEnds& ends,
                                 std::mt19937_64* random, StreamTruth* stream);

std::vector<int64_t> SendOverRtp(std::span<const Message> messages, const Track& track,
                                 const RtpOptions& options, const Way& way, const LegEnds& ends,
                                 std::mt19937_64* random, StreamTruth* stream);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_LEG_H_
