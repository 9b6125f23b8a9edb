#include "correlator/replay/capture/capture_reader.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/status/status_macros.h"
#include "correlator/replay/capture/pcapng_time.h"
#include "tests/unit/correlator/replay/capture_writer.h"

namespace audio_latency::correlator {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

using Bytes = std::vector<uint8_t>;

constexpr int64_t kTimeNs = 1'767'323'045'123'456'789;

struct ReadPacket {
  size_t interface = 0;
  int64_t time_ns = 0;
  Bytes bytes;
  uint32_t original_bytes = 0;
  Direction direction = Direction::kUnknown;
};

struct ReadResult {
  absl::Status status;
  std::vector<ReadPacket> packets;
  std::vector<CaptureInterface> interfaces;
  uint64_t untimed = 0;
};

ReadResult ReadPath(const std::string& path) {
  ReadResult result;
  auto reader = CaptureReader::Open(path);
  if (!reader.ok()) {
    result.status = reader.status();
    return result;
  }
  while (true) {
    const auto packet = (*reader)->Next();
    if (!packet.ok() || !packet->has_value()) {
      result.status = packet.status();
      break;
    }
    result.packets.push_back({(*packet)->interface, (*packet)->time_ns,
                              Bytes((*packet)->bytes.begin(), (*packet)->bytes.end()),
                              (*packet)->original_bytes, (*packet)->direction});
  }
  result.interfaces = (*reader)->interfaces();
  result.untimed = (*reader)->untimed_packets();
  return result;
}

ReadResult ReadText(const std::string& text) {
  const TemporaryFile file(text);
  return ReadPath(file.path());
}

// The error without the folder.
std::string ErrorOf(const std::string& text) {
  const TemporaryFile file(text);
  const ReadResult result = ReadPath(file.path());
  REQUIRE_FALSE(result.status.ok());
  const std::string message = Message(result.status);
  CHECK(message.find('\n') == std::string::npos);
  REQUIRE(message.starts_with(file.path()));
  return message.substr(file.folder().size() + 1);
}

Bytes Frame(size_t size, uint8_t first) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<uint8_t>(first + i);
  }
  return bytes;
}

TEST_CASE("pcap is read in both byte orders and both resolutions, packed or not") {
  const bool is_big_endian = GENERATE(false, true);
  const bool is_nanoseconds = GENERATE(false, true);
  const bool is_packed = GENERATE(false, true);
  PcapWriter writer({.is_big_endian = is_big_endian, .is_nanoseconds = is_nanoseconds});
  writer.Packet(kTimeNs, Frame(60, 1));
  writer.Packet(kTimeNs + 1'000'000'000, Frame(0, 0), 1500);
  writer.Packet(kTimeNs + 2'000'000'000, Frame(1500, 7));
  const ReadResult result = ReadText(is_packed ? Gzip(writer.text()) : writer.text());
  REQUIRE(result.status.ok());
  REQUIRE(result.packets.size() == 3);
  const int64_t first_ns = is_nanoseconds ? kTimeNs : kTimeNs / 1000 * 1000;
  CHECK(result.packets[0].time_ns == first_ns);
  CHECK(result.packets[2].time_ns == first_ns + 2'000'000'000);
  CHECK(result.packets[0].bytes == Frame(60, 1));
  CHECK(result.packets[0].original_bytes == 60);
  CHECK(result.packets[1].bytes.empty());
  CHECK(result.packets[1].original_bytes == 1500);
  CHECK(result.packets[2].bytes == Frame(1500, 7));
  REQUIRE(result.interfaces.size() == 1);
  CHECK(result.interfaces[0].link_layer == LinkLayer::kEthernet);
  CHECK(result.interfaces[0].time_resolution_ns == (is_nanoseconds ? 1 : 1000));
}

TEST_CASE("link types are known by their numbers") {
  const auto [number, link_layer] =
      GENERATE(table<uint32_t, LinkLayer>({{1, LinkLayer::kEthernet},
                                           {0, LinkLayer::kNull},
                                           {108, LinkLayer::kNull},
                                           {101, LinkLayer::kRawIp},
                                           {228, LinkLayer::kRawIp},
                                           {229, LinkLayer::kRawIp},
                                           {113, LinkLayer::kLinuxCookedV1},
                                           {276, LinkLayer::kLinuxCookedV2},
                                           // With a frame check sequence of four bytes.
                                           {0x44000001, LinkLayer::kEthernet}}));
  const TemporaryFile file(PcapWriter({.link_type = number}).text());
  const auto reader = CaptureReader::Open(file.path());
  REQUIRE(reader.ok());
  CHECK((*reader)->interfaces()[0].link_layer == link_layer);
}

TEST_CASE("pcapng is read with several interfaces, units, offsets and directions") {
  const bool is_big_endian = GENERATE(false, true);
  PcapngWriter writer(is_big_endian);
  writer.Section();
  writer.Interface({.name = "eth0"});
  writer.Interface({.link_type = 276, .name = "any", .resolution = 9});
  writer.Interface({.link_type = 101, .resolution = 0x8a, .offset_seconds = 1'767'323'000});
  writer.Block(4, Frame(40, 0));       // names of hosts
  writer.Block(0x0bad, Frame(13, 0));  // what is not known
  writer.EnhancedPacket(0, kTimeNs / 1000, Frame(61, 1), 1);
  writer.EnhancedPacket(1, static_cast<uint64_t>(kTimeNs), Frame(62, 2), 2);
  writer.EnhancedPacket(2, 45 * 1024 + 512, Frame(63, 3), 0);
  writer.OldPacket(0, kTimeNs / 1000, Frame(64, 4));
  const ReadResult result = ReadText(writer.text());
  REQUIRE(result.status.ok());
  REQUIRE(result.packets.size() == 4);
  CHECK(result.packets[0].time_ns == kTimeNs / 1000 * 1000);
  CHECK(result.packets[0].bytes == Frame(61, 1));
  CHECK(result.packets[0].direction == Direction::kIngress);
  CHECK(result.packets[1].interface == 1);
  CHECK(result.packets[1].time_ns == kTimeNs);
  CHECK(result.packets[1].direction == Direction::kEgress);
  CHECK(result.packets[2].time_ns == 1'767'323'045'500'000'000);
  CHECK(result.packets[2].direction == Direction::kUnknown);
  CHECK(result.packets[3].bytes == Frame(64, 4));
  REQUIRE(result.interfaces.size() == 3);
  CHECK(result.interfaces[0].name == "eth0");
  CHECK(result.interfaces[0].time_resolution_ns == 1000);
  CHECK(result.interfaces[1].link_layer == LinkLayer::kLinuxCookedV2);
  CHECK(result.interfaces[1].time_resolution_ns == 1);
  CHECK(result.interfaces[2].link_layer == LinkLayer::kRawIp);
  CHECK(result.interfaces[2].time_resolution_ns == 976'563);
}

TEST_CASE("sections of different byte orders follow one another") {
  PcapngWriter little;
  little.Section();
  little.Interface({.name = "a"});
  little.EnhancedPacket(0, 1'000'000, Frame(20, 1));
  PcapngWriter big(true);
  big.Section();
  big.Interface({.name = "b"});
  big.EnhancedPacket(0, 2'000'000, Frame(20, 2));
  const ReadResult result = ReadText(little.text() + big.text());
  REQUIRE(result.status.ok());
  REQUIRE(result.packets.size() == 2);
  CHECK(result.packets[1].interface == 1);
  CHECK(result.packets[1].time_ns == 2'000'000'000);
  CHECK(result.interfaces[1].name == "b");
}

TEST_CASE("packets without a time are counted, not invented") {
  PcapngWriter writer;
  writer.Section();
  writer.Interface({});
  writer.SimplePacket(Frame(60, 1));
  writer.SimplePacket(Frame(61, 1));
  writer.EnhancedPacket(0, 5, Frame(60, 1));
  const ReadResult result = ReadText(writer.text());
  CHECK(result.status.ok());
  CHECK(result.packets.size() == 1);
  CHECK(result.untimed == 2);
}

TEST_CASE("an interface that cannot be read does no harm while it has no packets") {
  PcapngWriter writer;
  writer.Section();
  writer.Interface({.link_type = 127});
  writer.Interface({});
  writer.EnhancedPacket(1, 5, Frame(60, 1));
  CHECK(ReadText(writer.text()).status.ok());
  writer.EnhancedPacket(0, 6, Frame(60, 1));
  const ReadResult result = ReadText(writer.text());
  CHECK(result.packets.size() == 1);
  CHECK(result.status.code() == absl::StatusCode::kUnimplemented);
  CHECK(ErrorOf(writer.text())
            .starts_with("capture.pcap: at byte 44: link type 127 is not supported: capture at"));
}

TEST_CASE("gzip members one behind another are one file") {
  PcapWriter writer;
  for (int i = 0; i < 1000; ++i) {
    writer.Packet(kTimeNs + i, Frame(100, static_cast<uint8_t>(i)));
  }
  const std::string text = writer.text();
  const ReadResult result = ReadText(Gzip(text.substr(0, 3)) + Gzip(text.substr(3, 50'000)) +
                                     Gzip("") + Gzip(text.substr(50'003)));
  CHECK(result.status.ok());
  CHECK(result.packets.size() == 1000);
}

TEST_CASE("cut anywhere, a file gives what is whole and says where it ends") {
  PcapWriter pcap({.is_nanoseconds = true});
  PcapngWriter pcapng;
  pcapng.Section();
  pcapng.Interface({.name = "eth0"});
  for (uint8_t i = 0; i < 3; ++i) {
    pcap.Packet(kTimeNs + i, Frame(30, i));
    pcapng.EnhancedPacket(0, i, Frame(30, i), 1);
  }
  const std::string whole = GENERATE_COPY(pcap.text(), pcapng.text());
  const size_t packets = ReadText(whole).packets.size();
  REQUIRE(packets == 3);
  size_t most = 0;
  size_t clean_ends = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    const ReadResult result = ReadText(whole.substr(0, length));
    CHECK(result.packets.size() >= most);
    most = std::max(most, result.packets.size());
    if (result.status.ok()) {
      // Between packets, or between blocks.
      ++clean_ends;
      continue;
    }
    const std::string message = Message(result.status);
    INFO(length << ": " << message);
    if (length < 4) {
      CHECK(message.find(length == 0 ? "empty" : "neither pcap nor pcapng") != std::string::npos);
    } else {
      CHECK(result.status.code() == absl::StatusCode::kDataLoss);
      CHECK(message.find("at byte " + std::to_string(length) + ": the file ends inside") !=
            std::string::npos);
    }
  }
  CHECK(most == 2);
  CHECK(clean_ends == (whole == pcap.text() ? 3 : 4));
}

TEST_CASE("cut anywhere, gzip gives what could be unpacked and says that it is incomplete") {
  PcapWriter writer;
  for (uint8_t i = 0; i < 20; ++i) {
    writer.Packet(kTimeNs + i, Frame(200, static_cast<uint8_t>(i * 37)));
  }
  const std::string packed = Gzip(writer.text());
  for (size_t length = 2; length < packed.size(); ++length) {
    const ReadResult result = ReadText(packed.substr(0, length));
    REQUIRE(result.status.code() == absl::StatusCode::kDataLoss);
    CHECK(Message(result.status).find("incomplete") != std::string::npos);
  }
  // All but the last bytes of the check sum: every packet is there.
  CHECK(ReadText(packed.substr(0, packed.size() - 1)).packets.size() == 20);
}

TEST_CASE("damage is told with its place") {
  SECTION("a packet of impossible size") {
    PcapWriter writer;
    writer.Packet(kTimeNs, Frame(30, 1));
    writer.writer().U32(1).U32(2).U32(0x7fffffff).U32(60).Bytes(Frame(60, 0));
    CHECK(
        ErrorOf(writer.text()) ==
        "capture.pcap: at byte 70: a packet of 2147483647 bytes, more than any capture holds: the "
        "file is damaged from here on");
  }
  SECTION("a block whose lengths differ") {
    PcapngWriter writer;
    writer.Section();
    writer.writer().U32(5).U32(16).U32(0).U32(20);
    CHECK(ErrorOf(writer.text()) ==
          "capture.pcap: at byte 44: a block whose length is 16 before and 20 behind it: the file "
          "is damaged from here on");
  }
  SECTION("a block of impossible size") {
    PcapngWriter writer;
    writer.Section();
    const uint32_t size = GENERATE(0u, 8u, 13u, 0x70000000u);
    writer.writer().U32(6).U32(size).Bytes(Frame(60, 0));
    CHECK(ErrorOf(writer.text()).starts_with("capture.pcap: at byte 44: a block of"));
  }
  SECTION("a packet of an interface that is not there") {
    PcapngWriter writer;
    writer.Section();
    writer.EnhancedPacket(3, 1, Frame(20, 1));
    CHECK(ErrorOf(writer.text()).find("interface 3, which is not described") != std::string::npos);
  }
  SECTION("a packet that is larger than its block") {
    PcapngWriter writer;
    writer.Section();
    writer.Interface({});
    Writer body;
    body.U32(0).U32(0).U32(1).U32(4000).U32(4000).Bytes(Frame(20, 0));
    writer.Block(6, body.bytes());
    CHECK(ErrorOf(writer.text()).find("a packet of 4000 bytes in a block with room for 20") !=
          std::string::npos);
  }
  SECTION("an option that is larger than its block") {
    PcapngWriter writer;
    writer.Section();
    Writer body;
    body.U16(1).U16(0).U32(0).U16(2).U16(100).Text("eth0");
    writer.Block(1, body.bytes());
    CHECK(ErrorOf(writer.text()).find("an option of 100 bytes") != std::string::npos);
  }
  SECTION("a time beyond all years") {
    PcapngWriter writer;
    writer.Section();
    writer.Interface({.resolution = 0});
    writer.EnhancedPacket(0, UINT64_MAX, Frame(20, 1));
    CHECK(ErrorOf(writer.text()).find("in no year up to 2262") != std::string::npos);
  }
  SECTION("damaged gzip") {
    PcapWriter writer;
    for (uint8_t i = 0; i < 200; ++i) {
      writer.Packet(kTimeNs + i, Frame(200, static_cast<uint8_t>(i * 37)));
    }
    std::string packed = Gzip(writer.text());
    packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x55);
    const std::string error = ErrorOf(packed);
    CHECK(error.find("as stored") != std::string::npos);
    CHECK(error.find("gzip data is damaged") != std::string::npos);
  }
  SECTION("rubbish behind gzip") {
    CHECK(ErrorOf(Gzip(PcapWriter().text()) + "rubbish").find("gzip data is damaged") !=
          std::string::npos);
  }
}

TEST_CASE("what cannot be read is told with what to do") {
  CHECK(ErrorOf("") ==
        "capture.pcap: at byte 0: the file is empty: nothing was captured, or not written yet");
  CHECK(ErrorOf("hello, world") ==
        "capture.pcap: at byte 0: neither pcap nor pcapng: record with tcpdump -w, or save as one "
        "of them");
  CHECK(ErrorOf(PcapWriter({.link_type = 105}).text())
            .starts_with("capture.pcap: at byte 20: link type 105 is not supported: capture at"));
  CHECK(ErrorOf(PcapWriter({.major_version = 3}).text()) ==
        "capture.pcap: at byte 4: pcap version 3 is not supported, only 2");
  const ReadResult missing = ReadPath("/nowhere/x.pcap");
  CHECK(Message(missing.status) == "cannot open /nowhere/x.pcap: No such file or directory");
  const ReadResult folder = ReadPath("/tmp");
  CHECK(Message(folder.status) == "cannot read /tmp: Is a directory");
}

TEST_CASE("times of every unit are exact") {
  CHECK(PcapngTime().ToUnixNs(1'500'000) == 1'500'000'000);
  CHECK(PcapngTime::Create(0, 0)->ToUnixNs(7) == 7'000'000'000);
  CHECK(PcapngTime::Create(9, -3)->ToUnixNs(5'000'000'001) == 2'000'000'001);
  CHECK(PcapngTime::Create(12, 0)->ToUnixNs(1'999) == 1);
  CHECK(PcapngTime::Create(0x80 | 32, 0)->ToUnixNs(uint64_t{3} << 31) == 1'500'000'000);
  CHECK(PcapngTime::Create(0x80 | 63, 0)->ToUnixNs(UINT64_MAX) == 1'999'999'999);
  CHECK(PcapngTime::Create(19, 0)->ToUnixNs(UINT64_MAX) == 1'844'674'407);
  CHECK_FALSE(PcapngTime::Create(20, 0).has_value());
  CHECK_FALSE(PcapngTime::Create(0x80 | 64, 0).has_value());
  CHECK_FALSE(PcapngTime::Create(6, INT64_MAX)->ToUnixNs(0).has_value());
  CHECK_FALSE(PcapngTime::Create(6, INT64_MIN)->ToUnixNs(0).has_value());
}

}  // namespace
}  // namespace audio_latency::correlator
