// How applications wrap audio on a byte stream.

#ifndef TESTS_ACCURACY_FRAMING_H_
#define TESTS_ACCURACY_FRAMING_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/accuracy/message.h"

namespace audio_latency::accuracy {

enum class Framing : uint8_t {
  kRaw,              // nothing but audio
  kLengthPrefix,     // 4 bytes of length, network order
  kWebSocketMasked,  // RFC 6455, as clients send
  kWebSocket,        // as servers send
  kGrpc,             // RFC 9113 DATA frames with gRPC messages in them
};

// What goes over the stream before the first message.
std::string Preamble(Framing framing);

struct FramedMessage {
  std::string bytes;
  // Places are in `bytes`. Masked bytes count as the audio that they stand for.
  std::vector<AudioRun> runs;
};

// `random` gives the masks.
FramedMessage Frame(Framing framing, const Message& message, std::mt19937_64* random);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_FRAMING_H_
