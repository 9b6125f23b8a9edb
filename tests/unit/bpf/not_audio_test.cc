// What is not audio and is not to be taken for it: datagrams that are not RTP, and TCP that goes on
// as steadily as audio does.

#include <catch2/catch.hpp>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bpf/capture_layout.h"
#include "bpf/software/software_capture.h"
#include "tests/bpf/support/frame_builder.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::RandomBytes;
using testing::TcpFrame;
using testing::UdpFrame;

constexpr uint64_t kMillisecondNs = 1'000'000;

capture_config WithoutPorts() {
  capture_config config = capture_config_make(1, 64, 8, 256, CAPTURE_ALGORITHM_XXHASH);
  config.detect_cadence = 1;
  return config;
}

void Put(Bytes* to, std::initializer_list<int> bytes) {
  for (const int byte : bytes) {
    to->push_back(static_cast<uint8_t>(byte));
  }
}

void PutRandom(Bytes* to, size_t count, std::mt19937* random) {
  for (size_t i = 0; i < count; ++i) {
    to->push_back(static_cast<uint8_t>((*random)()));
  }
}

void PutText(Bytes* to, const std::string& text) {
  to->insert(to->end(), text.begin(), text.end());
}

void Put32(Bytes* to, uint32_t value) {
  Put(to, {static_cast<int>(value >> 24), static_cast<int>(value >> 16 & 255),
           static_cast<int>(value >> 8 & 255), static_cast<int>(value & 255)});
}

// Makes the datagram number `i` of a flow; `flow` tells flows apart.
using Datagram = std::function<Bytes(uint32_t flow, uint32_t i, std::mt19937* random)>;

struct Protocol {
  std::string name;
  Datagram make;
  uint32_t datagrams;
};

Bytes Dns(uint32_t /*flow*/, uint32_t i, std::mt19937* random) {
  Bytes packet;
  PutRandom(&packet, 2, random);
  const bool is_answer = i % 2 == 1;
  Put(&packet, {is_answer ? 0x81 : 0x01, is_answer ? 0x80 : 0, 0, 1, 0, is_answer, 0, 0, 0, 0});
  Put(&packet, {3, 'w', 'w', 'w', 7});
  PutRandom(&packet, 7, random);
  Put(&packet, {3, 'c', 'o', 'm', 0, 0, 1, 0, 1});
  return packet;
}

Bytes Quic(uint32_t flow, uint32_t i, std::mt19937* random) {
  Bytes packet;
  // The first packets have the long header of version 1; all else is encrypted.
  if (i < 6) {
    Put(&packet, {0xc0 | static_cast<int>((*random)() & 0x3f), 0, 0, 0, 1, 8});
  } else {
    Put(&packet, {0x40 | static_cast<int>((*random)() & 0x3f)});
  }
  Put32(&packet, flow * 2654435761U);
  PutRandom(&packet, 1200, random);
  return packet;
}

Bytes WireGuard(uint32_t flow, uint32_t i, std::mt19937* random) {
  Bytes packet;
  Put(&packet, {i == 0 ? 1 : 4, 0, 0, 0});
  Put32(&packet, flow * 2654435761U);
  Put(&packet, {static_cast<int>(i & 255), static_cast<int>(i >> 8 & 255), 0, 0, 0, 0, 0, 0});
  PutRandom(&packet, 128, random);
  return packet;
}

// RFC 3948: the index of parameters, which may begin as RTP does, then a number that counts up.
Bytes Esp(uint32_t flow, uint32_t i, std::mt19937* random) {
  Bytes packet;
  Put32(&packet, 0x80000000U | flow * 40503U);
  Put32(&packet, i + 1);
  PutRandom(&packet, 132, random);
  return packet;
}

Bytes OpenVpn(uint32_t flow, uint32_t i, std::mt19937* random) {
  Bytes packet;
  Put(&packet, {0x48, 0, 0, static_cast<int>(flow & 255)});
  Put32(&packet, i + 1);
  PutRandom(&packet, 120, random);
  return packet;
}

Bytes Rtcp(uint32_t flow, uint32_t i, std::mt19937* random) {
  Bytes packet;
  Put(&packet, {0x80, 200 + static_cast<int>(i % 5), 0, 6});
  Put32(&packet, flow);
  PutRandom(&packet, 20, random);
  return packet;
}

Bytes Stun(uint32_t /*flow*/, uint32_t i, std::mt19937* random) {
  Bytes packet;
  Put(&packet, {i % 2 == 0 ? 0 : 1, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42});
  PutRandom(&packet, 12, random);
  Put(&packet, {0x80, 0x28, 0, 4});
  PutRandom(&packet, 4, random);
  return packet;
}

Bytes Dtls(uint32_t /*flow*/, uint32_t i, std::mt19937* random) {
  Bytes packet;
  Put(&packet, {23, 0xfe, 0xfd, 0, 1, 0, 0});
  Put32(&packet, i);
  Put(&packet, {0, 64});
  PutRandom(&packet, 64, random);
  return packet;
}

Bytes Sip(uint32_t flow, uint32_t i, std::mt19937* /*random*/) {
  Bytes packet;
  PutText(&packet, "OPTIONS sip:" + std::to_string(flow) +
                       "@example.net SIP/2.0\r\nCSeq: " + std::to_string(i) + " OPTIONS\r\n\r\n");
  return packet;
}

Bytes Random(uint32_t /*flow*/, uint32_t /*i*/, std::mt19937* random) {
  Bytes packet;
  PutRandom(&packet, 12 + (*random)() % 100, random);
  return packet;
}

// Random, but for a first byte that makes it look like RTP: the worst that chance can do.
Bytes RandomBehindVersion(uint32_t flow, uint32_t i, std::mt19937* random) {
  Bytes packet = Random(flow, i, random);
  packet[0] = 0x80;
  return packet;
}

TEST_CASE("a million datagrams that are no RTP give no event") {
  constexpr uint32_t kDatagramsOfFlow = 500;
  const std::vector<Protocol> protocols = {{"DNS", Dns, 150'000},
                                           {"QUIC", Quic, 50'000},
                                           {"WireGuard", WireGuard, 100'000},
                                           {"ESP", Esp, 100'000},
                                           {"OpenVPN", OpenVpn, 100'000},
                                           {"RTCP", Rtcp, 50'000},
                                           {"STUN", Stun, 50'000},
                                           {"DTLS", Dtls, 50'000},
                                           {"SIP", Sip, 50'000},
                                           {"random", Random, 200'000},
                                           {"random behind 0x80", RandomBehindVersion, 100'000}};
  std::mt19937 random(11);
  uint32_t sent = 0;
  for (const Protocol& protocol : protocols) {
    std::set<std::tuple<uint16_t, uint32_t>> false_streams;
    const auto capture =
        SoftwareCapture::Create(WithoutPorts(), 10'000, [&](const signature_event& event) {
          false_streams.emplace(event.source_port, event.rtp_ssrc);
        });
    for (uint32_t i = 0; i < protocol.datagrams; ++i) {
      const uint32_t flow = i / kDatagramsOfFlow;
      const Bytes payload = protocol.make(flow, i % kDatagramsOfFlow, &random);
      capture->Packet(UdpFrame(payload, {.source_port = static_cast<uint16_t>(20'000 + flow)}),
                      i * kMillisecondNs, 1, CAPTURE_DIRECTION_INGRESS, {});
      ++sent;
    }
    INFO(protocol.name);
    CHECK(false_streams.empty());
    CHECK(capture->counters()[CAPTURE_COUNTER_PACKETS] == protocol.datagrams);
  }
  CHECK(sent == 1'000'000);
}

// One statement of a bank's day by PostgreSQL's extended protocol, as its client library writes it:
// Bind, Describe, Execute, Sync. Numbers in text, lengths in binary.
Bytes PreparedStatement(std::mt19937* random) {
  const auto below = [&](uint32_t limit) { return std::to_string((*random)() % limit); };
  const std::string account = below(200'000);
  const std::string change = "-" + below(5'000);
  const std::string teller = below(20);
  const std::string branch = below(2);
  const std::vector<std::vector<std::string>> statements = {{},
                                                            {change, account},
                                                            {account},
                                                            {change, teller},
                                                            {change, branch},
                                                            {teller, branch, account, change}};
  const std::vector<std::string>& values = statements[(*random)() % statements.size()];
  Bytes bind;
  Put(&bind, {0});
  PutText(&bind, "P0_" + below(7));
  Put(&bind, {0, 0, 0, 0, static_cast<int>(values.size())});
  for (const std::string& value : values) {
    Put32(&bind, static_cast<uint32_t>(value.size()));
    PutText(&bind, value);
  }
  Put(&bind, {0, 1, 0, 0});
  Bytes statement;
  PutText(&statement, "B");
  Put32(&statement, static_cast<uint32_t>(bind.size() + 4));
  statement.insert(statement.end(), bind.begin(), bind.end());
  Put(&statement, {'D', 0, 0, 0, 6, 'P', 0});
  Put(&statement, {'E', 0, 0, 0, 9, 0, 0, 0, 0, 0, 'S', 0, 0, 0, 4});
  return statement;
}

// How many of `flows` flows that send a piece every `period_ns` for 20 s are signed.
size_t SignedFlows(int flows, uint64_t period_ns, const std::function<Bytes()>& make) {
  std::set<uint16_t> signed_flows;
  for (int flow = 0; flow < flows; ++flow) {
    const auto capture = SoftwareCapture::Create(WithoutPorts(), 16, [&](const signature_event&) {
      signed_flows.insert(static_cast<uint16_t>(flow));
    });
    testing::FrameOptions options;
    for (uint64_t time_ns = 0; time_ns < 20'000 * kMillisecondNs; time_ns += period_ns) {
      const Bytes payload = make();
      capture->Packet(TcpFrame(payload, options), time_ns, 1, CAPTURE_DIRECTION_INGRESS, {});
      options.sequence += static_cast<uint32_t>(payload.size());
    }
  }
  return signed_flows.size();
}

TEST_CASE("queries as steady as audio are not audio; audio at the same pace is") {
  std::mt19937 random(12);
  constexpr int kFlows = 200;
  CHECK(SignedFlows(kFlows, 20 * kMillisecondNs, [&] { return PreparedStatement(&random); }) == 0);
  const Bytes speech = testing::Speech(2'000'000, 1);
  const Bytes coded = testing::MuLaw(speech);
  size_t at = 0;
  const auto next = [&](const Bytes& audio, size_t bytes) {
    at = (at + bytes) % (audio.size() - bytes);
    return Bytes(audio.begin() + static_cast<std::ptrdiff_t>(at),
                 audio.begin() + static_cast<std::ptrdiff_t>(at + bytes));
  };
  CHECK(SignedFlows(20, 20 * kMillisecondNs, [&] { return next(speech, 320); }) == 20);
  at = 0;
  CHECK(SignedFlows(20, 20 * kMillisecondNs, [&] { return next(coded, 160); }) == 20);
}

}  // namespace
}  // namespace audio_latency
