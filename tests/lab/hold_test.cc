// The audio programs do what the demo takes for the truth: they hold speech for the time that they
// say, deliver every byte, and cut and rewrite as promised. tcpdump is the judge.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/lab/audio/rtp_packet.h"
#include "tests/lab/audio/socket.h"
#include "tests/lab/audio/transfer_report.h"
#include "tests/lab/capture.h"
#include "tests/lab/cluster.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

constexpr int64_t kSeconds = 6;

// Three pods on three nodes, and a folder for files.
struct Chain {
  std::unique_ptr<Cluster> cluster = Require(Cluster::Create());
  Node* first = Require(cluster->AddNode("node-a"));
  Node* second = Require(cluster->AddNode("node-b"));
  Node* third = Require(cluster->AddNode("node-c"));
  Pod* source = Require(cluster->AddPod(first, "source-1", "source", "voice"));
  Pod* relay = Require(cluster->AddPod(second, "relay-2", "relay", "voice"));
  Pod* sink = Require(cluster->AddPod(third, "sink-3", "sink", "voice"));
  std::string folder = [] {
    char path[] = "/tmp/lab-hold-XXXXXX";
    return std::string(mkdtemp(path));
  }();

  ~Chain() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  Process Start(const Pod& pod, std::vector<std::string> arguments) const {
    ProcessOptions options;
    arguments.insert(arguments.begin(), BuiltProgram("lab-audio"));
    options.arguments = std::move(arguments);
    options.network = &pod.network;
    return Require(Process::Start(options));
  }

  // As above; returns once it listens.
  Process StartListener(const Pod& pod, std::vector<std::string> arguments) const {
    Process listener = Start(pod, std::move(arguments));
    while (listener.IsRunning() &&
           listener.StandardOutput().find(kListening) == std::string::npos) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return listener;
  }
};

struct Distribution {
  double p50_ms = 0;
  double p99_ms = 0;
  size_t count = 0;
};

Distribution Summarise(std::vector<double> values_ms) {
  REQUIRE_FALSE(values_ms.empty());
  std::sort(values_ms.begin(), values_ms.end());
  const size_t count = values_ms.size();
  return {values_ms[count / 2], values_ms[count * 99 / 100], count};
}

void CheckHold(const std::vector<double>& delays_ms, double hold_ms) {
  const Distribution held = Summarise(delays_ms);
  WARN(fmt::format("held {} pieces {:.3f} ms at p50, {:.3f} ms at p99 ({} ms were asked for)",
                   held.count, held.p50_ms, held.p99_ms, hold_ms));
  CHECK(held.p50_ms > hold_ms - 0.2);
  CHECK(held.p50_ms < hold_ms + 0.2);
}

TEST_CASE("the TCP relay holds 40 ms, cuts anew and loses nothing") {
  const Chain chain;
  Capture capture =
      Require(Capture::Start(chain.second->machine.network, chain.relay->host_interface, "tcp",
                             chain.folder + "/capture"));
  Process sink = chain.StartListener(
      *chain.sink, {"sink", "--listen", "7000", "--report", chain.folder + "/sink"});
  Process relay = chain.StartListener(
      *chain.relay, {"relay", "--listen", "7000", "--to", chain.sink->address + ":7000"});
  Process source =
      chain.Start(*chain.source, {"source", "--to", chain.relay->address + ":7000", "--seconds",
                                  std::to_string(kSeconds), "--report", chain.folder + "/source"});
  CHECK(source.Wait(20000) == 0);
  CHECK(relay.Wait(5000) == 0);
  CHECK(sink.Wait(5000) == 0);

  const TransferReport sent = Require(ReadReport(chain.folder + "/source"));
  CHECK(sent.bytes == kSeconds * 32000);
  CHECK(Require(ReadReport(chain.folder + "/sink")) == sent);

  // When each byte, by its offset, went in.
  std::map<uint32_t, int64_t> in_times_ns;  // by the offset of a segment's end
  std::map<std::string, uint32_t> first_sequences;
  std::vector<double> delays_ms;
  size_t segments_in = 0;
  for (const CapturedPacket& packet : Require(capture.Finish())) {
    const std::string flow = packet.source + ">" + packet.destination;
    if (packet.is_syn) {
      first_sequences[flow] = packet.sequence + 1;
    } else if (!packet.payload.empty()) {
      const uint32_t end =
          packet.sequence - first_sequences[flow] + static_cast<uint32_t>(packet.payload.size());
      if (packet.destination == chain.relay->address) {
        ++segments_in;
        in_times_ns.emplace(end, packet.unix_time_ns);
      } else {
        const auto in = in_times_ns.lower_bound(end);
        REQUIRE(in != in_times_ns.end());
        delays_ms.push_back(static_cast<double>(packet.unix_time_ns - in->second) / 1e6);
      }
    }
  }
  CHECK(delays_ms.size() > 2 * segments_in);
  CheckHold(delays_ms, 40);
}

TEST_CASE("the RTP relay holds 15 ms, rewrites the headers and loses nothing") {
  const Chain chain;
  Capture capture =
      Require(Capture::Start(chain.second->machine.network, chain.relay->host_interface, "udp",
                             chain.folder + "/capture"));
  Process sink = chain.StartListener(
      *chain.sink, {"rtp-sink", "--listen", "5004", "--report", chain.folder + "/sink"});
  Process relay = chain.StartListener(
      *chain.relay, {"rtp-relay", "--listen", "5004", "--to", chain.sink->address + ":5004",
                     "--ssrc", "222", "--sequence-offset", "60000", "--timestamp-offset", "5000"});
  Process source = chain.Start(*chain.source,
                               {"rtp-source", "--to", chain.relay->address + ":5004", "--seconds",
                                std::to_string(kSeconds), "--language", "es", "--ssrc", "111",
                                "--first-sequence", "65500", "--report", chain.folder + "/source"});
  CHECK(source.Wait(20000) == 0);
  CHECK_FALSE(sink.Wait(200).has_value());
  CHECK(relay.Terminate() == 0);
  CHECK(sink.Terminate() == 0);

  const TransferReport sent = Require(ReadReport(chain.folder + "/source"));
  CHECK(sent.packets == kSeconds * 50);
  CHECK(Require(ReadReport(chain.folder + "/sink")) == sent);

  struct In {
    int64_t unix_time_ns;
    RtpPacket packet;
  };
  std::map<uint16_t, In> in_packets;
  std::vector<double> delays_ms;
  for (const CapturedPacket& captured : Require(capture.Finish())) {
    const std::optional<RtpPacket> packet = DecodeRtp(captured.payload);
    REQUIRE(packet.has_value());
    if (captured.destination == chain.relay->address) {
      CHECK(packet->ssrc == 111);
      in_packets[packet->sequence] = {captured.unix_time_ns, *packet};
    } else {
      const auto in = in_packets.find(static_cast<uint16_t>(packet->sequence - 60000));
      REQUIRE(in != in_packets.end());
      CHECK(packet->ssrc == 222);
      CHECK(packet->timestamp == in->second.packet.timestamp + 5000);
      CHECK(packet->payload == in->second.packet.payload);
      delays_ms.push_back(static_cast<double>(captured.unix_time_ns - in->second.unix_time_ns) /
                          1e6);
    }
  }
  CHECK(delays_ms.size() == static_cast<size_t>(sent.packets));
  CheckHold(delays_ms, 15);
}

}  // namespace
}  // namespace audio_latency::lab
