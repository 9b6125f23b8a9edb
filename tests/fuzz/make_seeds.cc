// Writes the fuzzers' first inputs: FOLDER/<fuzzer>/<name>, in the formats that each fuzzer's file
// describes. They are made, not kept, so that they follow the formats.

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/clock_datagram.h"
#include "common/wire/event_columns.h"
#include "nlohmann/json.hpp"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/tunnel_builder.h"
#include "tests/unit/common/wire/random_events.h"
#include "tests/unit/correlator/ingest/batches.h"
#include "tests/unit/correlator/kubernetes/cluster_objects.h"
#include "tests/unit/correlator/replay/capture_writer.h"

namespace audio_latency::fuzz {
namespace {

using testing::Bytes;
using testing::FrameOptions;

class Seeds {
 public:
  explicit Seeds(std::string folder) : folder_(std::move(folder)) {}

  void Write(const std::string& fuzzer, const std::string& name, std::string_view bytes) {
    const std::string folder = folder_ + "/" + fuzzer;
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/" + name, std::ios::binary) << bytes;
  }

 private:
  const std::string folder_;
};

std::string Word(size_t value) {
  return {static_cast<char>(value & 0xff), static_cast<char>(value >> 8 & 0xff)};
}

std::string Text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

// As TakeConfig reads it: window of 64 bytes, an anchor in 32 bytes, silence from 0.
std::string Config(char algorithm) {
  return Word(64 - 16) + std::string(2, '\0') + algorithm + '\x2a';
}

Bytes Audio(size_t count, uint32_t seed) { return testing::RandomBytes(count, seed); }

Bytes Rtp(size_t payload_bytes, uint16_t sequence) {
  testing::RtpOptions rtp;
  rtp.sequence = sequence;
  rtp.timestamp = sequence * 160u;
  return testing::RtpPacket(Audio(payload_bytes, sequence), rtp);
}

void WritePackets(Seeds* seeds) {
  std::vector<std::pair<std::string, std::vector<Bytes>>> cases;
  FrameOptions ipv6;
  ipv6.ipv6 = true;
  ipv6.ipv6_extensions = {{0, Bytes(6)}, {60, Bytes(6)}};
  FrameOptions tagged;
  tagged.vlan_tags = {100, 200};
  tagged.ipv4_options = Bytes(8, 1);
  FrameOptions fragment;
  fragment.ipv4_fragment_field = 0x2000;
  FrameOptions syn;
  syn.tcp_flags = 0x02;
  FrameOptions second;
  second.sequence = 1001 + 300;
  FrameOptions first;
  first.sequence = 1001;
  cases.push_back({"tcp",
                   {testing::TcpFrame({}, syn), testing::TcpFrame(Audio(300, 1), first),
                    testing::TcpFrame(Audio(300, 2), second)}});
  cases.push_back({"tcp_ipv6", {testing::TcpFrame(Audio(500, 3), ipv6)}});
  cases.push_back({"tcp_vlan", {testing::TcpFrame(Audio(200, 4), tagged)}});
  cases.push_back({"fragment", {testing::UdpFrame(Audio(200, 5), fragment)}});
  cases.push_back({"udp", {testing::UdpFrame(Audio(200, 6))}});
  std::vector<Bytes> rtp;
  std::vector<Bytes> rtp_ipv6;
  for (uint16_t sequence = 65534; sequence != 3; ++sequence) {
    rtp.push_back(testing::UdpFrame(Rtp(160, sequence)));
    rtp_ipv6.push_back(testing::UdpFrame(Rtp(80, sequence), ipv6));
  }
  cases.push_back({"rtp", rtp});
  cases.push_back({"rtp_ipv6", rtp_ipv6});
  for (const testing::Tunnel& tunnel : testing::Tunnels()) {
    cases.push_back({"tunnel_" + std::to_string(cases.size()),
                     {testing::TunnelFrame(tunnel, testing::UdpFrame(Rtp(160, 1)), {}),
                      testing::TunnelFrame(tunnel, testing::UdpFrame(Rtp(160, 2)), {})}});
  }
  for (const auto& [name, frames] : cases) {
    std::string ethernet = Config('\0') + '\x04';
    std::string ip = Config('\1') + '\x04';
    for (const Bytes& frame : frames) {
      ethernet += '\0' + Word(frame.size()) + Text(frame);
      ip += '\x03' + Word(frame.size() - 14) + Text(frame).substr(14);
    }
    seeds->Write("packet", name, ethernet);
    seeds->Write("packet", name + "_without_ethernet", ip);
  }
}

void WriteTcp(Seeds* seeds) {
  const std::string kinds[] = {std::string(1, '\0'), std::string(1, '\1'), std::string(1, '\2')};
  for (size_t kind = 0; kind < 3; ++kind) {
    const std::string head = Config(static_cast<char>(kind)) + static_cast<char>(kind) + '\1' +
                             std::string("\xf0\xff\xff\xff", 4) + kinds[kind] + Word(4000) +
                             (kind == 2 ? Text(Audio(4000, 7)) : "");
    std::string in_order = head;
    std::string mixed = head;
    for (int i = 0; i < 12; ++i) {
      in_order += '\0' + Word(333);
      mixed += static_cast<char>(i % 3) + Word(200 + 37 * i) + (i % 3 != 0 ? Word(90 * i) : "");
    }
    seeds->Write("tcp", "in_order_" + std::to_string(kind), in_order);
    seeds->Write("tcp", "mixed_" + std::to_string(kind), mixed);
  }
}

void WriteRtp(Seeds* seeds) {
  for (const size_t payload_bytes : {0, 20, 160, 960}) {
    std::string text = Config('\0') + "SSRC" + Word(65530) + '\0' + Word(77);
    for (int packet = 0; packet < 12; ++packet) {
      text += static_cast<char>(packet * 23) + Word(payload_bytes) +
              Text(Audio(payload_bytes, static_cast<uint32_t>(packet)));
    }
    seeds->Write("rtp", std::to_string(payload_bytes), text);
  }
}

void WriteWire(Seeds* seeds) {
  std::mt19937_64 random(1);
  std::vector<wire::TestBatch> batches = {wire::TcpTraffic(3, 640, 256, 300'000'000, &random),
                                          wire::RtpTraffic(3, 256, 300'000'000, &random)};
  for (int i = 0; i < 10; ++i) {
    batches.push_back(wire::RandomBatch(&random, 20, 5));
  }
  for (size_t i = 0; i < batches.size(); ++i) {
    const wire::TestBatch& batch = batches[i];
    v1::EventColumns columns;
    if (!wire::Encode(batch.events, batch.flow_ids, batch.flow_is_rtp, &columns).ok()) {
      continue;
    }
    std::string kinds(8, '\0');
    for (size_t flow = 0; flow < batch.flow_is_rtp.size() && flow < 64; ++flow) {
      kinds[flow / 8] = static_cast<char>(kinds[flow / 8] | batch.flow_is_rtp[flow] << (flow % 8));
    }
    seeds->Write("wire", std::to_string(i), kinds + columns.SerializeAsString());
  }
}

void WriteSession(Seeds* seeds) {
  const auto framed = [](const v1::StreamRequest& request) {
    const std::string bytes = request.SerializeAsString();
    return Word(bytes.size()) + bytes;
  };
  v1::StreamRequest hello;
  *hello.mutable_hello() = correlator::MakeHello("node-a", "1");
  std::string batches;
  for (uint64_t number = 1; number <= 4; ++number) {
    v1::StreamRequest request;
    *request.mutable_event_batch() = correlator::MakeBatch(number, {number, 7});
    correlator::AddEvents({number * 100, number * 100 + 1}, 7, request.mutable_event_batch());
    v1::DropCount* const drop = request.mutable_event_batch()->add_drops();
    drop->set_cause("ring_full");
    drop->set_count(number);
    batches += framed(request);
  }
  v1::StreamRequest clock;
  clock.mutable_clock_request()->set_sequence(1);
  clock.mutable_clock_request()->set_probe_send_time_ns(1'000'000);
  clock.mutable_clock_request()->mutable_previous()->set_probe_send_time_ns(500'000);
  seeds->Write("session", "hello", '\0' + framed(hello) + batches);
  seeds->Write("session", "batches", '\1' + batches);
  seeds->Write("session", "clock", '\1' + framed(clock) + batches);
}

void WriteClock(Seeds* seeds) {
  const std::vector<uint8_t> key(wire::kClockKeyBytes, 1);
  const auto sealer = wire::ClockKey::Make(key);
  if (!sealer.ok()) {
    return;
  }
  for (const char known : {'\0', '\1', '\3', '\7'}) {
    std::string text;
    for (uint64_t nonce = 1; nonce <= 4; ++nonce) {
      const wire::ClockDatagramBytes bytes = (*sealer)->Seal({.session_id = 1, .nonce = nonce});
      text += {known, '\5', static_cast<char>(bytes.size())};
      text.append(bytes.begin(), bytes.end());
    }
    seeds->Write("clock", std::to_string(known), text);
  }
}

void WriteConfig(Seeds* seeds) {
  seeds->Write("config", "endpoints",
               "\1endpoints:\n  - address: 10.0.1.5\n    pod: ingress-1\n    namespace: voice\n"
               "    workload: ingress\n    node: node-a\n  - address: fd00::5\n    pod: p\n");
  seeds->Write(
      "config", "options",
      std::string(1, '\0') + "text: abc\nflag: true\nnumber: 7\nchoice: two\nlist: [a, b]\n");
  seeds->Write("config", "anchors", "\1endpoints: &a\n  - <<: *a\n  - {address: '::1', pod: x}\n");
}

void WriteCgroup(Seeds* seeds) {
  const std::string id(64, 'a');
  const std::string uid = "5d0c9a1e-7b42-4f68-9c33-0a1b2c3d4e5f";
  const std::string slice_uid = "5d0c9a1e_7b42_4f68_9c33_0a1b2c3d4e5f";
  seeds->Write("cgroup", "v1",
               std::string(1, '\0') + "12:pids:/kubepods/burstable/pod" + uid + "/" + id +
                   "\n1:name=systemd:/docker/" + id + "\n0::/\n");
  seeds->Write("cgroup", "systemd",
               "\2/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + slice_uid +
                   ".slice/cri-containerd-" + id + ".scope");
  seeds->Write(
      "cgroup", "crio",
      "\3/kubepods.slice/kubepods-pod" + slice_uid + ".slice/crio-" + id + ".scope/container");
  seeds->Write("cgroup", "colons",
               std::string(1, '\0') + "/system.slice/containerd.service/kubepods-pod" + slice_uid +
                   ".slice:cri-containerd:" + id);
}

// A stream of RTP, as it came to a relay and as it left it.
std::vector<std::pair<int64_t, Bytes>> Relayed(bool is_second) {
  constexpr int64_t kStartNs = 1'767'323'045'000'000'000;
  std::vector<std::pair<int64_t, Bytes>> packets;
  FrameOptions frame;
  frame.source_host = is_second ? 7 : 5;
  frame.destination_host = is_second ? 9 : 7;
  for (uint16_t i = 0; i < 14; ++i) {
    testing::RtpOptions rtp;
    rtp.ssrc = is_second ? 22 : 11;
    rtp.sequence = static_cast<uint16_t>(i + (is_second ? 500 : 65530));
    rtp.timestamp = i * 160u;
    packets.push_back({kStartNs + i * int64_t{20'000'000} + (is_second ? 80'000 : 0),
                       testing::UdpFrame(testing::RtpPacket(Audio(160, i), rtp), frame)});
  }
  return packets;
}

void WriteReplay(Seeds* seeds) {
  namespace files = correlator::testing;
  // Both files behind one another, as the fuzzer takes them apart; no clock offset.
  const auto write = [seeds](const std::string& name, const std::string& first,
                             const std::string& second) {
    seeds->Write("replay", name, Word(first.size()) + '\x80' + first + second);
  };
  std::string pcap[2];
  std::string pcapng[2];
  for (const bool is_second : {false, true}) {
    files::PcapWriter old_format({.is_big_endian = is_second, .is_nanoseconds = !is_second});
    files::PcapngWriter new_format(is_second);
    new_format.Section();
    new_format.Interface({.name = "eth0"});
    new_format.Interface({.name = "veth1", .resolution = 9, .offset_seconds = 0});
    for (const auto& [time_ns, frame] : Relayed(is_second)) {
      old_format.Packet(time_ns, frame);
      new_format.EnhancedPacket(1, static_cast<uint64_t>(time_ns), frame, is_second ? 2 : 1);
    }
    new_format.OldPacket(0, 1'767'323'045'000'000, Relayed(is_second)[0].second);
    new_format.SimplePacket(Relayed(is_second)[0].second);
    pcap[is_second ? 1 : 0] = old_format.text();
    pcapng[is_second ? 1 : 0] = new_format.text();
  }
  write("pcap", pcap[0], pcap[1]);
  write("pcapng", pcapng[0], pcapng[1]);
  write("mixed", pcap[0], pcapng[1]);
  write("gzip", files::Gzip(pcap[0]), files::Gzip(pcapng[1]));
  write("cut_off", pcap[0].substr(0, pcap[0].size() - 30), pcapng[1].substr(0, 200));
  // LINKTYPE_NULL, _RAW, _LINUX_SLL, _LINUX_SLL2, and one that is refused.
  for (const uint32_t link_type : {0u, 101u, 113u, 276u, 105u}) {
    files::PcapWriter writer({.link_type = link_type});
    for (const auto& [time_ns, frame] : Relayed(false)) {
      writer.Packet(time_ns, std::span(frame).subspan(link_type == 101 ? 14 : 0));
    }
    write("link_" + std::to_string(link_type), writer.text(), pcap[1]);
  }
}

void WriteKubernetes(Seeds* seeds) {
  using nlohmann::json;
  namespace objects = correlator::testing;
  const json pod =
      objects::PodJson({.name = "ingress-7d9f8b6c5d-x2x7q",
                        .uid = 1,
                        .addresses = {"10.0.1.5", "fd00::5"},
                        .owners = {{.kind = "ReplicaSet", .name = "ingress-7d9f8b6c5d", .uid = 2}},
                        .started = "2026-11-21T10:00:00Z",
                        .created = "2026-11-21T09:59:58Z",
                        .ports = {{.container = 5060, .host = 15060, .protocol = "UDP"}}});
  const json on_node = objects::PodJson({.name = "media-aaaaa",
                                         .uid = 3,
                                         .addresses = {"192.168.1.1"},
                                         .host_network = true,
                                         .ports = {{.container = 5060, .protocol = "UDP"}}});
  const json replica_set = objects::OwnedJson(
      "ReplicaSet", "ingress-7d9f8b6c5d", 2, {{.kind = "Deployment", .name = "ingress", .uid = 4}});
  const json service =
      objects::ServiceJson({.name = "s", .uid = 5, .addresses = {"10.96.0.7"}, .node_port = 30000});
  const json node = objects::NodeJson("node-a", 6, {"192.168.1.1"});
  const std::string cut = "\x20";
  const json list = {{"kind", "PodList"},
                     {"metadata", {{"resourceVersion", "7"}, {"continue", "abc"}}},
                     {"items", {pod, on_node, replica_set, service, node, 7}}};
  seeds->Write("kubernetes", "list", std::string(1, '\0') + cut + list.dump());
  seeds->Write("kubernetes", "list_indented", std::string(1, '\0') + cut + list.dump(1));
  const auto line = [](const char* type, const json& object) {
    return json{{"type", type}, {"object", object}}.dump() + "\n";
  };
  const json bookmark = {{"metadata", {{"resourceVersion", "9"}}}};
  const json gone = {{"code", 410}, {"message", "too old"}};
  seeds->Write("kubernetes", "watch",
               "\1" + cut + line("ADDED", pod) + line("MODIFIED", on_node) +
                   line("ADDED", service) + line("BOOKMARK", bookmark) + line("DELETED", pod) +
                   line("ERROR", gone));
  seeds->Write("kubernetes", "kubeconfig",
               "\2" + cut +
                   "current-context: a\ncontexts: [{name: a, context: {cluster: b, user: c}}]\n"
                   "clusters: [{name: b, cluster: {server: 'https://h:1', "
                   "certificate-authority-data: YQ==}}]\nusers: [{name: c, user: {token: t}}]\n");
}

}  // namespace
}  // namespace audio_latency::fuzz

int main(int argc, char** argv) {
  using namespace audio_latency::fuzz;
  if (argc != 2) {
    return 1;
  }
  Seeds seeds(argv[1]);
  WritePackets(&seeds);
  WriteTcp(&seeds);
  WriteRtp(&seeds);
  WriteWire(&seeds);
  WriteSession(&seeds);
  WriteClock(&seeds);
  WriteCgroup(&seeds);
  WriteConfig(&seeds);
  WriteReplay(&seeds);
  WriteKubernetes(&seeds);
  return 0;
}
