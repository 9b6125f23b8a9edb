#include "tests/accuracy/framing.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "tests/accuracy/frame.h"

namespace audio_latency::accuracy {
namespace {

constexpr size_t kHttp2FrameMaxBytes = 16'384;

void AppendHttp2Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view body,
                      std::string* bytes) {
  AppendBigEndian(bytes, body.size(), 3);
  AppendBigEndian(bytes, type, 1);
  AppendBigEndian(bytes, flags, 1);
  AppendBigEndian(bytes, stream, 4);
  bytes->append(body);
}

std::string Http2Preamble() {
  constexpr uint8_t kHeaders = 1;
  constexpr uint8_t kSettings = 4;
  constexpr uint8_t kWindowUpdate = 8;
  constexpr uint8_t kEndHeaders = 4;
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  AppendHttp2Frame(kSettings, 0, 0, std::string_view("\x00\x03\x00\x00\x00\x64", 6), &bytes);
  AppendHttp2Frame(kWindowUpdate, 0, 0, std::string_view("\x00\x3f\x00\x01", 4), &bytes);
  // HPACK: literal fields without indexing, which need no tables.
  std::string fields;
  const auto add = [&](std::string_view name, std::string_view value) {
    fields.push_back('\0');
    fields.push_back(static_cast<char>(name.size()));
    fields.append(name);
    fields.push_back(static_cast<char>(value.size()));
    fields.append(value);
  };
  add(":method", "POST");
  add(":scheme", "http");
  add(":path", "/speech.v1.Recognizer/StreamingRecognize");
  add(":authority", "recognizer:50051");
  add("content-type", "application/grpc");
  add("te", "trailers");
  AppendHttp2Frame(kHeaders, kEndHeaders, 1, fields, &bytes);
  return bytes;
}

// The runs of message.payload[begin, end), which lies at `at` in the framed bytes.
void MoveRuns(const Message& message, size_t begin, size_t end, size_t at, FramedMessage* framed) {
  for (const AudioRun& run : message.runs) {
    const uint64_t from = std::max<uint64_t>(begin, run.stream_begin);
    const uint64_t to = std::min<uint64_t>(end, run.stream_begin + run.bytes);
    if (from < to) {
      framed->runs.push_back({.stream_begin = at + from - begin,
                              .audio_begin = run.audio_begin + (from - run.stream_begin),
                              .bytes = to - from});
    }
  }
}

void AppendWebSocket(const Message& message, bool is_masked, std::mt19937_64* random,
                     FramedMessage* framed) {
  const size_t bytes = message.payload.size();
  const uint8_t mask_flag = is_masked ? 0x80 : 0;
  framed->bytes.push_back('\x82');  // a whole binary message
  if (bytes < 126) {
    framed->bytes.push_back(static_cast<char>(mask_flag | bytes));
  } else if (bytes < 65'536) {
    framed->bytes.push_back(static_cast<char>(mask_flag | 126));
    AppendBigEndian(&framed->bytes, bytes, 2);
  } else {
    framed->bytes.push_back(static_cast<char>(mask_flag | 127));
    AppendBigEndian(&framed->bytes, bytes, 8);
  }
  std::string mask(4, '\0');
  if (is_masked) {
    mask.clear();
    AppendBigEndian(&mask, (*random)(), 4);
    framed->bytes += mask;
  }
  MoveRuns(message, 0, bytes, framed->bytes.size(), framed);
  for (size_t i = 0; i < bytes; ++i) {
    framed->bytes.push_back(static_cast<char>(message.payload[i] ^ mask[i % 4]));
  }
}

// A message of one field of bytes, in as many DATA frames as it needs.
void AppendGrpc(const Message& message, FramedMessage* framed) {
  constexpr uint8_t kData = 0;
  std::string field("\x0a");
  size_t rest = message.payload.size();
  for (; rest >= 0x80; rest >>= 7) {
    field.push_back(static_cast<char>(rest | 0x80));
  }
  field.push_back(static_cast<char>(rest));
  std::string head(1, '\0');  // not compressed
  AppendBigEndian(&head, field.size() + message.payload.size(), 4);
  head += field;
  const std::string body = head + message.payload;
  constexpr size_t kFrameHeaderBytes = 9;
  for (size_t at = 0; at < body.size(); at += kHttp2FrameMaxBytes) {
    const size_t bytes = std::min(kHttp2FrameMaxBytes, body.size() - at);
    const size_t from = std::max(at, head.size());
    MoveRuns(message, from - head.size(), at + bytes - head.size(),
             framed->bytes.size() + kFrameHeaderBytes + (from - at), framed);
    AppendHttp2Frame(kData, 0, 1, std::string_view(body).substr(at, bytes), &framed->bytes);
  }
}

}  // namespace

std::string Preamble(Framing framing) {
  switch (framing) {
    case Framing::kWebSocketMasked:
      return "GET /media HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Version: 13\r\n\r\n";
    case Framing::kWebSocket:
      return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    case Framing::kGrpc:
      return Http2Preamble();
    case Framing::kRaw:
    case Framing::kLengthPrefix:
      return "";
  }
  return "";
}

FramedMessage Frame(Framing framing, const Message& message, std::mt19937_64* random) {
  FramedMessage framed;
  switch (framing) {
    case Framing::kRaw:
      framed.bytes = message.payload;
      framed.runs = message.runs;
      break;
    case Framing::kLengthPrefix:
      AppendBigEndian(&framed.bytes, message.payload.size(), 4);
      MoveRuns(message, 0, message.payload.size(), framed.bytes.size(), &framed);
      framed.bytes += message.payload;
      break;
    case Framing::kWebSocketMasked:
    case Framing::kWebSocket:
      AppendWebSocket(message, framing == Framing::kWebSocketMasked, random, &framed);
      break;
    case Framing::kGrpc:
      AppendGrpc(message, &framed);
      break;
  }
  return framed;
}

}  // namespace audio_latency::accuracy
