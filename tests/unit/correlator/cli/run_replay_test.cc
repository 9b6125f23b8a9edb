// The replay command as users run it.

#include "correlator/cli/run_replay.h"

#include <pthread.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/correlator/cli/cli_runner.h"
#include "tests/unit/correlator/replay/capture_writer.h"
#include "tests/unit/correlator/replay/captured_call.h"

namespace audio_latency::correlator {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using nlohmann::json;

const std::string kDemo = AUDIO_LATENCY_TEST_DATA "/demo/";

CliRun Replay(const std::vector<std::string>& arguments) {
  std::vector<const char*> all = {"replay"};
  for (const std::string& argument : arguments) {
    all.push_back(argument.c_str());
  }
  return RunCli("localhost:1", all);
}

std::vector<std::string> DemoFiles() {
  return {"node-a=" + kDemo + "ingress-1.pcap.gz",   "node-a=" + kDemo + "caller-1.pcap.gz",
          "node-b=" + kDemo + "processor-2.pcap.gz", "node-b=" + kDemo + "media-relay-1.pcap.gz",
          "node-c=" + kDemo + "egress-3.pcap.gz",    "node-c=" + kDemo + "callee-1.pcap.gz"};
}

std::vector<std::string> With(std::vector<std::string> files,
                              const std::vector<std::string>& options) {
  files.insert(files.end(), options.begin(), options.end());
  return files;
}

std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

bool Mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("the recorded call's tables are as they were") {
  const CliRun run = Replay(With(DemoFiles(), {"--one-clock", "--endpoints",
                                               kDemo + "endpoints.yaml", "--audio-ports", "7000"}));
  REQUIRE(run.exit_code == kExitOk);
  CHECK(run.errors.empty());
  CHECK(run.output.starts_with("CAPTURE  FROM (UTC) "));
  CHECK(run.output.substr(run.output.find("\nPATH ") + 1) == FileText(kDemo + "expected.txt"));
}

TEST_CASE("the answer is byte for byte the same, whatever the order of the files") {
  const std::vector<std::string> show =
      GENERATE(std::vector<std::string>{}, std::vector<std::string>{"-o", "json"},
               std::vector<std::string>{"--events"}, std::vector<std::string>{"--matches"});
  std::vector<std::string> files = DemoFiles();
  const std::string first = Replay(With(files, show)).output;
  REQUIRE(first.size() > 500);
  std::reverse(files.begin(), files.end());
  CHECK(Replay(With(files, show)).output == first);
  std::swap(files[0], files[3]);
  CHECK(Replay(With(files, show)).output == first);
}

TEST_CASE("JSON holds paths, hops and captures, in the names of the interface") {
  const std::vector<std::string> options = {"-o", "json", "--endpoints", kDemo + "endpoints.yaml"};
  const json all = json::parse(Replay(With(DemoFiles(), options)).output);
  REQUIRE(all["paths"].size() == 2);
  CHECK(all["paths"][0]["hops"].size() == 3);
  CHECK(all["hops"].size() == 6);
  REQUIRE(all["nodes"].size() == 3);
  CHECK(all["nodes"][0]["flows"] == 2);
  const json paths = json::parse(Replay(With(With(DemoFiles(), options), {"--paths"})).output);
  CHECK(paths == json({{"paths", all["paths"]}}));
  const json hops = json::parse(Replay(With(With(DemoFiles(), options), {"--hops"})).output);
  CHECK(hops == json({{"hops", all["hops"]}}));
}

TEST_CASE("events are lines of JSON in the names of the log") {
  const CliRun run =
      Replay(With(DemoFiles(), {"--events", "--endpoints", kDemo + "endpoints.yaml"}));
  REQUIRE(run.exit_code == kExitOk);
  const std::vector<std::string> lines = Lines(run.output);
  REQUIRE(lines.size() > 3000);
  const json line = json::parse(lines[0]);
  CHECK(line["level"] == "INFO");
  const json& fields = line["fields"];
  CHECK(fields["event_type"] == "audio_signature");
  CHECK(fields["timestamp_ns"].is_number_integer());
  CHECK(fields["signature"].is_number_unsigned());
  CHECK(fields["node"] == "node-a");
  for (const char* name : {"interface", "src_ip", "src_pod", "dst_ip", "dst_pod"}) {
    CHECK(fields[name].is_string());
  }
  CHECK(fields["src_port"].is_number());
  CHECK(fields["src_namespace"] == "voice");
  CHECK(fields["timestamp_human"] == line["timestamp"]);
  CHECK(fields["message"] == "Audio signature detected");
  // In the order of the files: a capture's own packets may be out of it by a little.
  int64_t latest_ns = 0;
  for (const std::string& text : lines) {
    const int64_t time_ns = json::parse(text)["fields"]["timestamp_ns"];
    CHECK(time_ns >= latest_ns - kMillisecondNs);
    latest_ns = std::max(latest_ns, time_ns);
  }
}

TEST_CASE("matches are traces") {
  const CliRun run = Replay(With(DemoFiles(), {"--matches", "-o", "json"}));
  const std::vector<std::string> lines = Lines(run.output);
  REQUIRE(lines.size() > 1000);
  const json trace = json::parse(lines.back());
  CHECK(trace["points"].size() >= 2);
  CHECK(trace["points"][0]["delay_seconds"] == 0);
  CHECK(Mentions(Replay(With(DemoFiles(), {"--matches"})).output, "decided by unique"));
}

TEST_CASE("what was read before Ctrl-C is answered") {
  const TemporaryFile place("", "pipe");
  const std::string pipe = place.path() + ".fifo";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::signal(SIGPIPE, SIG_IGN);
  // A tcpdump that goes on for ever, and its user.
  std::thread writer([&pipe, reader = pthread_self()] {
    std::ofstream stream(pipe, std::ios::binary);  // waits for the reader
    stream << FileText(kDemo + "processor-2.pcap.gz").substr(0, 250'000) << std::flush;
    pthread_kill(reader, SIGINT);
    // The reader ends although the pipe does not.
    while (stream.good()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      stream.put('x').flush();
    }
  });
  const CliRun run = Replay({"b=" + pipe, "--audio-ports", "7000"});
  writer.join();
  std::signal(SIGPIPE, SIG_DFL);
  std::remove(pipe.c_str());
  CHECK(run.exit_code == kExitOk);
  CHECK(Mentions(run.output, "inside 10.244.2.2"));
  CHECK(Lines(run.errors).back() ==
        "audio-latency: interrupted: the answer is of what was read until then");
}

TEST_CASE("where nothing could be read there are no tables") {
  const TemporaryFile no_capture("these are no packets", "notes.txt");
  for (const char* format : {"table", "json"}) {
    const CliRun run = Replay({no_capture.path(), "-o", format});
    CHECK(run.exit_code == kExitServerError);
    CHECK(run.output.empty());
    CHECK(Lines(run.errors).size() == 2);
  }
}

TEST_CASE("JSON without matches has its reason beside it") {
  const CliRun run =
      Replay({"a=" + kDemo + "ingress-1.pcap.gz", "--audio-ports", "1", "-o", "json"});
  CHECK(run.exit_code == kExitOk);
  CHECK(json::parse(run.output)["hops"].empty());
  CHECK(Mentions(run.errors, "No audio was signed"));
}

TEST_CASE("of a damaged capture what was read is told, and the rest is an error") {
  const TemporaryFile cut(FileText(kDemo + "processor-2.pcap.gz").substr(0, 250'000), "b.pcap.gz");
  const TemporaryFile no_capture("these are no packets", "notes.txt");
  const CliRun run = Replay({"a=" + kDemo + "ingress-1.pcap.gz", cut.path(), no_capture.path(),
                             "c=" + kDemo + "egress-3.pcap.gz"});
  CHECK(run.exit_code == kExitServerError);
  CHECK(Mentions(run.output, "inside 10.244.2.2"));
  const std::vector<std::string> errors = Lines(run.errors);
  REQUIRE(errors.size() == 5);
  CHECK(Mentions(errors[0], "--detect-audio"));
  CHECK(Mentions(errors[1], "how the clocks of a, b, c, notes.txt differ"));
  CHECK(errors[2].starts_with("audio-latency: " + cut.path() + ": at byte 250000 as stored: "));
  CHECK(Mentions(errors[2], "packets were read before)"));
  CHECK(errors[3] == "audio-latency: " + no_capture.path() +
                         ": at byte 0: neither pcap nor pcapng: record with tcpdump -w, or save as "
                         "one of them (0 packets were read before)");
  CHECK(errors[4] ==
        "audio-latency: 2 of 4 captures could not be read to the end; the answer is of the rest");
}

TEST_CASE("files that cannot be used are told in one line each") {
  const CliRun missing = Replay({"/nowhere/a.pcap"});
  CHECK(missing.exit_code == kExitServerError);
  CHECK(missing.errors.starts_with("audio-latency: cannot open /nowhere/a.pcap: No such file"));
  const CliRun endpoints = Replay({kDemo + "ingress-1.pcap.gz", "--endpoints", "/nowhere/e.yaml"});
  CHECK(endpoints.exit_code != kExitOk);
  CHECK(endpoints.output.empty());
  CHECK(Mentions(endpoints.errors, "/nowhere/e.yaml"));
  const CliRun algorithm = Replay({kDemo + "ingress-1.pcap.gz", "--signature-algorithm", "md5"});
  CHECK(algorithm.exit_code == kExitUsage);
  CHECK(Mentions(algorithm.errors, "use xxhash, crc32 or rolling_hash"));
}

TEST_CASE("packets that were cut or have no time are told") {
  PcapWriter cut;
  PcapngWriter untimed;
  untimed.Section();
  untimed.Interface({});
  for (const CapturedPacket& packet : CaptureCall({.seconds = 1})) {
    const std::span<const uint8_t> frame(packet.frame);
    cut.Packet(packet.time_ns, frame.first(std::min<size_t>(frame.size(), 60)),
               static_cast<uint32_t>(frame.size()));
    untimed.SimplePacket(frame);
  }
  const TemporaryFile cut_file(cut.text());
  const TemporaryFile untimed_file(untimed.text(), "simple.pcapng");
  const CliRun run = Replay({cut_file.path(), untimed_file.path()});
  CHECK(run.exit_code == kExitOk);
  CHECK(Mentions(run.output, "No audio was signed"));
  CHECK(Mentions(run.errors, "packets were cut short by the capture"));
  CHECK(Mentions(run.errors, "simple.pcapng: "));
  CHECK(Mentions(run.errors, "have no time"));
}

TEST_CASE("TCP that was not tested for the cadence of audio is told") {
  PcapWriter call;
  for (const CapturedPacket& packet : CaptureCall({.is_rtp = GENERATE(false, true)})) {
    call.Packet(packet.time_ns, packet.frame);
  }
  const TemporaryFile file(call.text());
  const bool is_tcp = Mentions(Replay({file.path(), "--matches"}).output, " tcp ");
  CHECK(Mentions(Replay({file.path()}).errors, "--detect-audio") == is_tcp);
  CHECK(Replay({file.path(), "--detect-audio"}).errors.empty());
  CHECK(Replay({file.path(), "--audio-ports", "1-65535"}).errors.empty());
}

TEST_CASE("captures of one end only say what else is needed") {
  const CliRun run = Replay({kDemo + "ingress-1.pcap.gz"});
  CHECK(run.exit_code == kExitOk);
  CHECK(Mentions(run.output, "no audio was met at two places"));
  const TemporaryFile empty(PcapWriter().text());
  CHECK(Mentions(Replay({empty.path()}).output, "no packets that could be read"));
}

TEST_CASE("microseconds make an error bar of one") {
  PcapWriter a({.is_nanoseconds = false});
  PcapWriter b({.is_nanoseconds = false});
  for (const CapturedPacket& packet : CaptureCall({})) {
    (packet.place == kAtA ? a : b).Packet(packet.time_ns, packet.frame);
  }
  const TemporaryFile first(a.text(), "a.pcap");
  const TemporaryFile second(b.text(), "b.pcap");
  const json answer =
      json::parse(Replay({first.path(), second.path(), "--one-clock", "-o", "json"}).output);
  const json& hops = answer["paths"][0]["hops"];
  CHECK(hops[0]["error_bound_seconds"].get<double>() == Approx(1.128e-6));
  CHECK(hops[1]["error_bound_seconds"].get<double>() == Approx(1.128e-6));
  // What one capture alone tells is as sure whatever its clock.
  const json unsure =
      json::parse(Replay({first.path(), second.path(), "-o", "json"}).output)["paths"][0]["hops"];
  CHECK(unsure[0]["error_bound_seconds"] == "Infinity");
  CHECK(unsure[1]["error_bound_seconds"].get<double>() == Approx(1.128e-6));
}

TEST_CASE("clock offset and error are applied to the capture that is named") {
  constexpr int64_t kAheadNs = 5 * kSecondNs;
  PcapWriter a;
  PcapWriter b;
  for (const CapturedPacket& packet : CaptureCall({})) {
    const bool at_b = packet.place != kAtA;
    (at_b ? b : a).Packet(packet.time_ns + (at_b ? kAheadNs : 0), packet.frame);
  }
  const TemporaryFile first(a.text(), "a.pcap");
  const TemporaryFile second(b.text(), "b.pcap");
  const json answer = json::parse(Replay({first.path(), second.path(), "--clock-offset", "b=-5",
                                          "--clock-error", "b=3ms", "-o", "json", "--paths"})
                                      .output);
  const json& hop = answer["paths"][0]["hops"][0];
  CHECK(hop["one_way_delay"]["max_seconds"].get<double>() == Approx(0.0003).epsilon(0.001));
  CHECK(hop["error_bound_seconds"].get<double>() == Approx(0.003).epsilon(0.001));
}

TEST_CASE("of clocks that nobody vouches for no error bar is told between nodes") {
  // B's clock is behind by more than the network takes.
  constexpr int64_t kBehindNs = 3 * kMillisecondNs;
  PcapWriter a;
  PcapWriter b;
  for (const CapturedPacket& packet : CaptureCall({})) {
    const bool at_b = packet.place != kAtA;
    (at_b ? b : a).Packet(packet.time_ns - (at_b ? kBehindNs : 0), packet.frame);
  }
  const TemporaryFile first(a.text(), "a.pcap");
  const TemporaryFile second(b.text(), "b.pcap");
  const std::vector<std::string> files = {first.path(), second.path()};
  const CliRun run = Replay(With(files, {"-o", "json", "--hops"}));
  REQUIRE(run.exit_code == kExitOk);
  const std::vector<std::string> errors = Lines(run.errors);
  REQUIRE(!errors.empty());
  CHECK(Mentions(errors.back(), "how the clocks of a, b differ"));
  CHECK(Mentions(errors.back(), "--one-clock"));
  CHECK(Mentions(errors.back(), "--clock-error NAME=SECONDS"));
  const json all = json::parse(run.output);
  const auto unbounded = std::count_if(all["hops"].begin(), all["hops"].end(), [](const json& hop) {
    return hop["error_bound_seconds"] == "Infinity";
  });
  CHECK(unbounded > 0);
  CHECK(Mentions(Replay(files).output, " ? "));
  for (const std::vector<std::string>& said :
       {std::vector<std::string>{"--one-clock"}, {"--clock-error", "b=4ms"}}) {
    const CliRun known = Replay(With(With(files, said), {"-o", "json", "--hops"}));
    CHECK_FALSE(Mentions(known.errors, "clocks"));
    CHECK_FALSE(Mentions(known.output, "Infinity"));
  }
  // A node has one clock, whatever it may be.
  const CliRun one_node = Replay({"n=" + first.path(), "n=" + second.path(), "-o", "json"});
  CHECK_FALSE(Mentions(one_node.errors, "clocks"));
  CHECK_FALSE(Mentions(one_node.output, "Infinity"));
}

// A call of two seconds in a pcapng file, with one more packet at `wild_ns` in its midst.
std::string CallWithWildPacket(int64_t wild_ns, size_t position) {
  constexpr uint8_t kNanoseconds = 9;
  PcapngWriter writer;
  writer.Section();
  writer.Interface({.resolution = kNanoseconds});
  const std::vector<CapturedPacket> packets = CaptureCall({.seconds = 2});
  for (size_t i = 0; i < packets.size(); ++i) {
    if (i == position) {
      writer.EnhancedPacket(0, static_cast<uint64_t>(wild_ns), packets[0].frame);
    }
    writer.EnhancedPacket(0, static_cast<uint64_t>(packets[i].time_ns), packets[i].frame);
  }
  return writer.text();
}

TEST_CASE("one packet of a wild time costs only itself") {
  // 2261, 2099 and two days ahead; first, and in the midst.
  const int64_t wild_ns =
      GENERATE(int64_t{9'200'000'000} * kSecondNs, int64_t{4'100'000'000} * kSecondNs,
               kCallBeginNs + 2 * 86'400 * kSecondNs);
  const size_t position = GENERATE(0, 50);
  const TemporaryFile wild(CallWithWildPacket(wild_ns, position), "a.pcapng");
  const TemporaryFile sound(CallWithWildPacket(0, SIZE_MAX), "a.pcapng");
  const CliRun run = Replay({wild.path(), "-o", "json", "--paths"});
  CHECK(run.exit_code == kExitOk);
  CHECK(Mentions(run.errors, "a.pcapng: the times of 1 packets jump ahead by more than a day"));
  CHECK_FALSE(Mentions(run.errors, "out of the order of time"));
  CHECK(json::parse(run.output)["paths"].size() == 1);
  CHECK(run.output == Replay({sound.path(), "-o", "json", "--paths"}).output);
}

TEST_CASE("a pause of days is no wild time") {
  PcapWriter writer;
  for (const int64_t pause_ns : {int64_t{0}, 3 * 86'400 * kSecondNs}) {
    for (const CapturedPacket& packet : CaptureCall({.seconds = 2})) {
      writer.Packet(packet.time_ns + pause_ns, packet.frame);
    }
  }
  const TemporaryFile file(writer.text(), "a.pcap");
  const CliRun run = Replay({file.path()});
  CHECK(run.exit_code == kExitOk);
  CHECK_FALSE(Mentions(run.errors, "jump ahead"));
}

TEST_CASE("times outside 1970 to 2100 are an error that names file and place") {
  const TemporaryFile file(CallWithWildPacket(0, SIZE_MAX), "a.pcapng");
  for (const char* offset : {"a=3000000000", "a=-3000000000"}) {
    const CliRun run = Replay({file.path(), "--clock-offset", offset});
    CHECK(run.exit_code == kExitServerError);
    CHECK(Mentions(run.errors, file.path() + ": at byte "));
    CHECK(Mentions(run.errors, "not from 1970 to 2100: check --clock-offset"));
  }
  PcapngWriter last;
  last.Section();
  last.Interface({.resolution = 9});
  last.EnhancedPacket(0, static_cast<uint64_t>(kCallBeginNs), std::vector<uint8_t>(60));
  last.EnhancedPacket(0, 9'200'000'000u * uint64_t{kSecondNs}, std::vector<uint8_t>(60));
  const TemporaryFile ends_wild(last.text(), "b.pcapng");
  const CliRun run = Replay({ends_wild.path(), "--clock-offset", "b=1"});
  CHECK(run.exit_code == kExitServerError);
  CHECK(Mentions(run.errors, "(1 packets were read before)"));
}

TEST_CASE("names that are not UTF-8 are made so") {
  constexpr uint8_t kNanoseconds = 9;
  PcapngWriter writer;
  writer.Section();
  writer.Interface({.name = "eth\xff", .resolution = kNanoseconds});
  for (const CapturedPacket& packet : CaptureCall({.seconds = 2})) {
    writer.EnhancedPacket(0, static_cast<uint64_t>(packet.time_ns), packet.frame);
  }
  const TemporaryFile file(writer.text(), "n\xf6rd.pcapng");
  const CliRun run = Replay({file.path(), "-o", "json", "--clock-offset", "n\xf6rd=1"});
  REQUIRE(run.exit_code == kExitOk);
  CHECK(json::parse(run.output)["nodes"][0]["node"] == "n\uFFFDrd");
  const CliRun matches = Replay({"\xe9=" + file.path(), "-o", "json", "--matches"});
  REQUIRE(matches.exit_code == kExitOk);
  const json point = json::parse(Lines(matches.output).at(0))["points"][0];
  CHECK(point["node"] == "\uFFFD");
  CHECK(point["interface"] == "eth\uFFFD");
}

// Every look at it is a second later.
class HastyClock final : public Clock {
 public:
  int64_t NowNs() const override { return now_ns_ += kSecondNs; }

 private:
  mutable int64_t now_ns_ = 0;
};

TEST_CASE("progress is told where it is asked for or seen") {
  const std::map<std::string, std::string> environment;
  const HastyClock clock;
  PcapWriter writer;
  for (int i = 0; i < 40'000; ++i) {
    writer.Packet(kCallBeginNs + i, std::vector<uint8_t>(60));
  }
  const TemporaryFile many(writer.text());
  const auto run = [&](std::vector<const char*> arguments, bool errors_are_terminal) {
    std::ostringstream output;
    std::ostringstream errors;
    arguments.insert(arguments.begin(), {"replay", many.path().c_str()});
    RunCommandLine(arguments, {.environment = environment,
                               .realtime = clock,
                               .output = output,
                               .errors = errors,
                               .errors_are_terminal = errors_are_terminal});
    return errors.str();
  };
  CHECK(run({}, false).empty());
  CHECK(Mentions(run({"--progress"}, false), "audio-latency: replayed 82 %, 32768 packets\n"));
  const std::string drawn = run({}, true);
  CHECK(Mentions(drawn, "\raudio-latency: replayed "));
  CHECK(drawn.ends_with("\r\x1b[K"));
}

TEST_CASE("a replay that cannot be written is an error") {
  const std::map<std::string, std::string> environment;
  const ManualClock clock;
  const std::string file = kDemo + "ingress-1.pcap.gz";
  for (const char* what : {"--paths", "--events"}) {
    std::ofstream full("/dev/full");
    std::ostringstream errors;
    const char* const arguments[] = {"replay", file.c_str(), what};
    CHECK(RunCommandLine(
              arguments,
              {.environment = environment, .realtime = clock, .output = full, .errors = errors}) ==
          kExitServerError);
    CHECK(Mentions(errors.str(), "could not be written"));
  }
}

}  // namespace
}  // namespace audio_latency::correlator
