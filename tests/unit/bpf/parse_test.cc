// The parser: what is found in good frames, and that no cut or malformed frame is read beyond its
// end (each frame lies in memory of just its size, so that AddressSanitizer sees a byte too far).

#include <catch2/catch.hpp>
#include <cstring>
#include <iterator>
#include <memory>
#include <random>
#include <vector>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::FrameOptions;
using testing::RandomBytes;
using testing::TcpFrame;
using testing::UdpFrame;

class Parser {
 public:
  Parser()
      : capture_(SoftwareCapture::Create(
            capture_config_make(1, 16, 5, 0, CAPTURE_ALGORITHM_XXHASH), 64,
            [this](const signature_event& event) { events.push_back(event); })) {}

  // Feeds the frame from memory of exactly its size.
  void Feed(const Bytes& frame, capture_link_layer link_layer = CAPTURE_LINK_ETHERNET) {
    auto exact = std::make_unique<uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), exact.get());
    capture_->Packet({exact.get(), frame.size()}, 1, 3, CAPTURE_DIRECTION_INGRESS,
                     {.link_layer = link_layer});
  }

  uint64_t Count(capture_counter counter) const { return capture_->counters()[counter]; }

  std::vector<signature_event> events;

 private:
  std::unique_ptr<SoftwareCapture> capture_;
};

const Bytes& Payload() {
  static const Bytes payload = RandomBytes(700, 1);
  return payload;
}

std::vector<FrameOptions> Shapes() {
  std::vector<FrameOptions> shapes(1);
  shapes.push_back({.vlan_tags = {7}});
  shapes.push_back({.vlan_tags = {7, 8}});
  shapes.push_back({.ipv4_options = Bytes(40, 1)});
  shapes.push_back({.tcp_options = Bytes(40, 1)});
  shapes.push_back({.ipv6 = true});
  shapes.push_back({.ipv6 = true, .vlan_tags = {9}, .tcp_options = Bytes(12, 1)});
  shapes.push_back({.ipv6 = true, .ipv6_extensions = {{0, Bytes(6, 0)}, {60, Bytes(14, 0)}}});
  shapes.push_back({.ipv6 = true, .ipv6_extensions = {{43, Bytes(22, 0)}, {51, Bytes(10, 0)}}});
  shapes.push_back({.ipv6 = true, .ipv6_extensions = {{44, Bytes(6, 0)}}});  // atomic fragment
  shapes.push_back({.trailing_bytes = 9});
  shapes.push_back({.zero_ip_length = true});
  shapes.push_back({.ipv6 = true, .zero_ip_length = true});
  return shapes;
}

TEST_CASE("the payload is found in every shape of frame, and the same") {
  Parser plain;
  plain.Feed(TcpFrame(Payload()));
  REQUIRE(plain.events.size() > 5);
  for (const FrameOptions& shape : Shapes()) {
    Parser parser;
    parser.Feed(TcpFrame(Payload(), shape));
    REQUIRE(parser.events.size() == plain.events.size());
    for (size_t i = 0; i < parser.events.size(); ++i) {
      CHECK(parser.events[i].signature == plain.events[i].signature);
      CHECK(parser.events[i].position == plain.events[i].position);
    }
    const signature_event& event = parser.events.front();
    CHECK(event.source_port == 40000);
    CHECK(event.destination_port == 9000);
    CHECK(event.transport == 6);
    CHECK(event.source_address[15] == 5);
    CHECK(event.destination_address[15] == 7);
    CHECK(event.source_address[0] == (shape.ipv6 ? 0xfd : 0));
    CHECK(event.source_address[10] == (shape.ipv6 ? 0 : 0xff));
  }
}

TEST_CASE("a packet of a device without Ethernet header begins with its IP header") {
  constexpr std::ptrdiff_t kEthernetBytes = 14;
  for (const FrameOptions& shape : Shapes()) {
    if (!shape.vlan_tags.empty()) {
      continue;
    }
    const Bytes frame = TcpFrame(Payload(), shape);
    Parser with_header;
    with_header.Feed(frame);
    Parser without_header;
    without_header.Feed({frame.begin() + kEthernetBytes, frame.end()}, CAPTURE_LINK_IP);
    REQUIRE(without_header.events.size() == with_header.events.size());
    CHECK(std::memcmp(without_header.events.data(), with_header.events.data(),
                      sizeof(signature_event) * with_header.events.size()) == 0);
    if (shape.trailing_bytes || shape.zero_ip_length) {
      continue;
    }
    Parser cut;
    for (std::ptrdiff_t end = kEthernetBytes; end < std::ssize(frame); ++end) {
      cut.Feed({frame.begin() + kEthernetBytes, frame.begin() + end}, CAPTURE_LINK_IP);
    }
    CHECK(cut.events.empty());
    CHECK(cut.Count(CAPTURE_COUNTER_MALFORMED) == frame.size() - kEthernetBytes);
  }
  Parser parser;
  parser.Feed(Bytes(100, 0x51), CAPTURE_LINK_IP);
  CHECK(parser.Count(CAPTURE_COUNTER_NOT_IP) == 1);
}

TEST_CASE("a frame cut at any length is counted, and gives no event") {
  for (const FrameOptions& shape : Shapes()) {
    // Padding and a length of zero say that a shorter frame is whole.
    if (shape.trailing_bytes || shape.zero_ip_length) {
      continue;
    }
    for (const Bytes& frame : {TcpFrame(Payload(), shape), UdpFrame(Payload(), shape)}) {
      Parser parser;
      for (size_t length = 0; length < frame.size(); ++length) {
        parser.Feed({frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length)});
      }
      CHECK(parser.events.empty());
      CHECK(parser.Count(CAPTURE_COUNTER_MALFORMED) == frame.size());
    }
  }
}

TEST_CASE("frames with any one byte of the headers changed do no harm") {
  std::mt19937 random(3);
  for (const FrameOptions& shape : Shapes()) {
    for (const Bytes& good : {TcpFrame(Payload(), shape), UdpFrame(Payload(), shape)}) {
      Parser parser;
      const size_t headers = good.size() - Payload().size();
      for (size_t at = 0; at < headers; ++at) {
        for (int value = 0; value < 256; value += 1 + static_cast<int>(random() % 3)) {
          Bytes bad = good;
          bad[at] = static_cast<uint8_t>(value);
          parser.Feed(bad);
        }
      }
      CHECK(parser.Count(CAPTURE_COUNTER_PACKETS) > headers * 80);
    }
  }
}

TEST_CASE("random bytes do no harm") {
  Parser parser;
  std::mt19937 random(4);
  for (uint32_t i = 0; i < 20000; ++i) {
    Bytes bytes = RandomBytes(random() % 200, i);
    if (bytes.size() > 14 && i % 2 == 0) {
      bytes[12] = i % 4 ? 0x08 : 0x86;
      bytes[13] = i % 4 ? 0x00 : 0xdd;
    }
    parser.Feed(bytes);
  }
  CHECK(parser.Count(CAPTURE_COUNTER_PACKETS) == 20000);
}

TEST_CASE("what is left alone is counted by cause") {
  Parser parser;
  Bytes arp = TcpFrame(Payload());
  arp[12] = 0x08;
  arp[13] = 0x06;
  parser.Feed(arp);
  CHECK(parser.Count(CAPTURE_COUNTER_NOT_IP) == 1);

  Bytes icmp = TcpFrame(Payload());
  icmp[14 + 9] = 1;
  parser.Feed(icmp);
  CHECK(parser.Count(CAPTURE_COUNTER_NOT_TCP_OR_UDP) == 1);

  parser.Feed(TcpFrame(Payload(), {.ipv4_fragment_field = 0x2000}));
  parser.Feed(TcpFrame(Payload(), {.ipv4_fragment_field = 0x0010}));
  parser.Feed(
      TcpFrame(Payload(), {.ipv6 = true, .ipv6_extensions = {{44, Bytes{0, 1, 0, 0, 0, 0}}}}));
  CHECK(parser.Count(CAPTURE_COUNTER_FRAGMENT) == 3);

  parser.Feed(TcpFrame({}));
  CHECK(parser.Count(CAPTURE_COUNTER_NO_PAYLOAD) == 1);

  parser.Feed(UdpFrame(Bytes(200, 0x41)));
  CHECK(parser.Count(CAPTURE_COUNTER_NOT_RTP) == 1);

  // More extension headers than are followed.
  const std::vector<std::pair<uint8_t, Bytes>> chain(9, {60, Bytes(6, 0)});
  parser.Feed(TcpFrame(Payload(), {.ipv6 = true, .ipv6_extensions = chain}));
  CHECK(parser.Count(CAPTURE_COUNTER_MALFORMED) == 1);
  CHECK(parser.events.empty());
}

}  // namespace
}  // namespace audio_latency
