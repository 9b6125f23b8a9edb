#include "tests/accuracy/framing.h"

#include <catch2/catch.hpp>
#include <string>

namespace audio_latency::accuracy {
namespace {

Message MessageOf(size_t bytes) {
  Message message;
  for (size_t i = 0; i < bytes; ++i) {
    message.payload.push_back(static_cast<char>(i * 7 + i / 256));
  }
  message.runs.push_back({.stream_begin = 0, .audio_begin = 1000, .bytes = bytes});
  return message;
}

// What the runs say is audio, put together.
std::string AudioIn(const FramedMessage& framed) {
  std::string audio;
  for (const AudioRun& run : framed.runs) {
    CHECK(run.audio_begin == 1000 + audio.size());
    audio += framed.bytes.substr(run.stream_begin, run.bytes);
  }
  return audio;
}

TEST_CASE("The runs of a framed message are its audio") {
  std::mt19937_64 random(1);
  const size_t bytes = GENERATE(60, 160, 640, 40'000, 70'000);
  const Message message = MessageOf(bytes);
  for (const Framing framing :
       {Framing::kRaw, Framing::kLengthPrefix, Framing::kWebSocket, Framing::kGrpc}) {
    CHECK(AudioIn(Frame(framing, message, &random)) == message.payload);
  }
}

TEST_CASE("A length of 4 bytes stands before a message") {
  std::mt19937_64 random(1);
  const FramedMessage framed = Frame(Framing::kLengthPrefix, MessageOf(640), &random);
  CHECK(framed.bytes.substr(0, 4) == std::string("\x00\x00\x02\x80", 4));
  CHECK(framed.bytes.size() == 644);
}

TEST_CASE("A masked WebSocket message is unmasked by its key") {
  std::mt19937_64 random(1);
  const size_t bytes = GENERATE(60, 160, 70'000);
  const Message message = MessageOf(bytes);
  const FramedMessage framed = Frame(Framing::kWebSocketMasked, message, &random);
  // RFC 6455 §5.2: 7, 7 + 16 or 7 + 64 bits of length, then the key.
  const size_t length_bytes = bytes < 126 ? 0 : bytes < 65'536 ? 2 : 8;
  const size_t marker = bytes < 126 ? bytes : bytes < 65'536 ? 126 : 127;
  CHECK(static_cast<uint8_t>(framed.bytes[0]) == 0x82);
  CHECK(static_cast<uint8_t>(framed.bytes[1]) == (0x80 | marker));
  const std::string key = framed.bytes.substr(2 + length_bytes, 4);
  std::string audio = AudioIn(framed);
  CHECK(audio != message.payload);
  for (size_t i = 0; i < audio.size(); ++i) {
    audio[i] = static_cast<char>(audio[i] ^ key[i % 4]);
  }
  CHECK(audio == message.payload);
  CHECK(Frame(Framing::kWebSocketMasked, message, &random).bytes != framed.bytes);
}

TEST_CASE("A long gRPC message is cut into DATA frames of 16 KiB") {
  std::mt19937_64 random(1);
  const FramedMessage framed = Frame(Framing::kGrpc, MessageOf(40'000), &random);
  CHECK(framed.runs.size() == 3);
  // RFC 9113 §4.1: length, type 0, flags, stream; then gRPC's flag and length, then the field.
  CHECK(framed.bytes.substr(0, 9) == std::string("\x00\x40\x00\x00\x00\x00\x00\x00\x01", 9));
  CHECK(framed.bytes[9] == '\0');
  CHECK(framed.bytes[14] == '\x0a');
}

}  // namespace
}  // namespace audio_latency::accuracy
