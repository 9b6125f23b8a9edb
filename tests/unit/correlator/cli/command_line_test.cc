#include "correlator/cli/command_line.h"

#include <catch2/catch.hpp>
#include <vector>

#include "common/status/status_macros.h"

namespace audio_latency::correlator {
namespace {

using Verb = CommandLine::Verb;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> arguments,
                                  const std::map<std::string, std::string>& environment = {}) {
  return ParseCommandLine(arguments, environment);
}

std::string Error(std::vector<const char*> arguments) {
  const absl::StatusOr<CommandLine> parsed = Parse(std::move(arguments));
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.status().code() == absl::StatusCode::kInvalidArgument);
  const std::string message = Message(parsed.status());
  CHECK(message.find('\n') == std::string::npos);
  return message;
}

bool Mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("each command is taken, with its options") {
  CHECK(Parse({"paths"})->verb == Verb::kPaths);
  CHECK(Parse({"hops"})->verb == Verb::kHops);
  CHECK(Parse({"nodes"})->verb == Verb::kNodes);
  const CommandLine watch = *Parse({"watch", "--window", "10", "--through=egress", "--interval",
                                    "500", "--count", "3", "-o", "json"});
  CHECK(watch.verb == Verb::kWatch);
  CHECK(watch.window_seconds == 10);
  CHECK(watch.through == "egress");
  CHECK(watch.interval_ms == 500);
  CHECK(watch.answers == 3);
  CHECK(watch.as_json);
  const CommandLine trace = *Parse({"trace", "ab54a98ceb1f0ad2"});
  CHECK(trace.verb == Verb::kTrace);
  CHECK(trace.signature == "ab54a98ceb1f0ad2");
  CHECK_FALSE(trace.as_json);
  CHECK(Parse({"trace", "--path", "a > b"})->path == "a > b");
  CHECK(Parse({"trace", "--follow"})->follow);
}

TEST_CASE("a replay's captures have names, times and options") {
  const ReplayCommand replay = Parse({"replay",
                                      "node-b=/x/relay.pcapng.gz",
                                      "caller.pcap",
                                      "--clock-offset",
                                      "node-b=-1.5ms",
                                      "--clock-error",
                                      "caller=2us",
                                      "--signature-algorithm",
                                      "crc32",
                                      "--signature-window-size",
                                      "128",
                                      "--signature-rate",
                                      "512",
                                      "--silence-threshold",
                                      "0",
                                      "--audio-ports",
                                      "5004,7000-7010",
                                      "--exclude-ports",
                                      "9095",
                                      "--match-window",
                                      "3000",
                                      "--endpoints",
                                      "e.yaml"},
                                     {{"SIGNATURE_SEED", "hush"}})
                                   ->replay;
  REQUIRE(replay.files.size() == 2);
  CHECK(replay.files[0].node == "node-b");
  CHECK(replay.files[0].path == "/x/relay.pcapng.gz");
  CHECK(replay.files[0].clock_offset_ns == -1'500'000);
  CHECK(replay.files[0].clock_error_ns == 0);
  CHECK(replay.files[1].node == "caller");
  CHECK(replay.files[1].clock_error_ns == 2000);
  CHECK(replay.options.signature.algorithm == "crc32");
  CHECK(replay.options.signature.window_size_bytes == 128);
  CHECK(replay.options.signature.rate_bytes == 512);
  CHECK(replay.options.signature.seed_text == "hush");
  CHECK(replay.options.silence_threshold == 0);
  CHECK(replay.options.audio_ports.Contains(7005));
  CHECK(replay.options.excluded_ports.Contains(9095));
  CHECK(replay.options.matcher.decision.window_ns == 3'000'000'000);
  CHECK(replay.endpoints_file == "e.yaml");
  CHECK(replay.paths);
  CHECK(replay.hops);
  CHECK_FALSE(replay.matches);
  const ReplayCommand events = Parse({"replay", "-", "--events", "--seed", "x"})->replay;
  CHECK(events.files[0].node == "stdin");
  CHECK(events.events);
  CHECK_FALSE(events.options.detect_cadence);
  CHECK(Parse({"replay", "a.pcap", "--detect-audio"})->replay.options.detect_cadence);
  CHECK_FALSE(events.paths);
  CHECK(events.options.signature.seed_text == "x");
}

TEST_CASE("a replay that cannot be meant so is refused in one line") {
  CHECK(Mentions(Error({"replay"}), "files"));
  CHECK(Mentions(Error({"replay", "a/eth0.pcap", "b/eth0.pcap"}), "would both be called 'eth0'"));
  CHECK(Parse({"replay", "n=a/eth0.pcap", "n=b/eth0.pcap"}).ok());
  CHECK(Mentions(Error({"replay", "x=-", "y=-"}), "once"));
  CHECK(Mentions(Error({"replay", "x="}), "names no file"));
  CHECK(Mentions(
      Error({"replay", "a.pcap", "--audio-ports", "5000-5010", "--exclude-ports", "80,5004"}),
      "port 5004 is both in --audio-ports and in --exclude-ports"));
  CHECK(Mentions(Error({"replay", "a.pcap", "--clock-offset", "b=1"}), "there are a"));
  for (const char* bad : {"a", "a=", "a=soon", "a=1h", "a=1e9", "a=99999999999999999999"}) {
    CHECK(Mentions(Error({"replay", "a.pcap", "--clock-offset", bad}), "NAME=SECONDS"));
  }
  CHECK(Mentions(Error({"replay", "a.pcap", "--clock-error", "a=-1"}), "NAME=SECONDS"));
  for (const char* far : {"a=4000000000", "a=-4000000000"}) {
    CHECK(Mentions(Error({"replay", "a.pcap", "--clock-offset", far}), "100 years"));
  }
  CHECK(Parse({"replay", "a.pcap", "--clock-offset", "a=1767323045"}).ok());
  CHECK(Mentions(Error({"replay", "a.pcap", "--clock-error", "a=3601"}), "an hour"));
  CHECK(Mentions(Error({"replay", "a.pcap", "--audio-ports", "0"}), "--audio-ports"));
  CHECK(Mentions(Error({"replay", "a.pcap", "--match-window", "1"}), "--match-window"));
}

TEST_CASE("a clock's option takes one value, the files behind it stay files") {
  for (const char* option : {"--clock-offset", "--clock-error"}) {
    CHECK(Parse({"replay", option, "a=1ms", "a.pcap", "b.pcap"})->replay.files.size() == 2);
    CHECK(Parse({"replay", option, "a=1ms", option, "b=2ms", "a.pcap", "b.pcap"}).ok());
    CHECK(Mentions(Error({"replay", "a.pcap", option, "a=1ms", option, "a=2ms"}), "twice"));
  }
}

TEST_CASE("a replay's options that contradict each other are refused") {
  CHECK(Mentions(Error({"replay", "a.pcap", "--matches", "--events"}), "alone"));
  CHECK(Mentions(Error({"replay", "a.pcap", "--matches", "--hops"}), "alone"));
  CHECK(Mentions(Error({"replay", "a.pcap", "--events", "--paths"}), "alone"));
  CHECK(Mentions(Error({"replay", "a.pcap", "--audio-ports", "7000", "--detect-audio"}),
                 "--detect-audio"));
}

TEST_CASE("seconds are exact") {
  CHECK(ParseSeconds("1700000000.123456789") == 1'700'000'000'123'456'789);
  CHECK(ParseSeconds("-0.25") == -250'000'000);
  CHECK(ParseSeconds("+3s") == 3'000'000'000);
  CHECK(ParseSeconds("12.5ms") == 12'500'000);
  CHECK(ParseSeconds(".5us") == 500);
  CHECK(ParseSeconds("7ns") == 7);
  for (const char* bad : {"", "-", ".", "s", "1.2.3", "1 s", "0x1", "1.1234567891"}) {
    CHECK_FALSE(ParseSeconds(bad).has_value());
  }
}

TEST_CASE("the server is flag, environment, default") {
  CHECK(Parse({"paths"})->server == "localhost:9095");
  const std::map<std::string, std::string> environment = {{"AUDIO_LATENCY_SERVER", "a:1"},
                                                          {"AUDIO_LATENCY_CA_FILE", "ca.pem"}};
  CHECK(Parse({"paths"}, environment)->server == "a:1");
  CHECK(Parse({"--server", "b:2", "paths"}, environment)->server == "b:2");
  CHECK(Parse({"paths", "--server", "[::1]:9095"})->server == "[::1]:9095");
  for (const char* bad : {"localhost", ":1", "a:", "a:0", "a:65536", "a:b", "fe80::1:9095"}) {
    CHECK(Mentions(Error({"paths", "--server", bad}), "write HOST:PORT"));
  }
}

TEST_CASE("files, names and plain text are flag or environment") {
  const std::map<std::string, std::string> environment = {
      {"AUDIO_LATENCY_SERVER", "a:1"},         {"AUDIO_LATENCY_CA_FILE", "ca.pem"},
      {"AUDIO_LATENCY_CERT_FILE", "cert.pem"}, {"AUDIO_LATENCY_KEY_FILE", "key.pem"},
      {"AUDIO_LATENCY_SERVER_NAME", "name"},   {"AUDIO_LATENCY_TOKEN_FILE", "token"}};
  const CommandLine given = *Parse({"paths"}, environment);
  CHECK(given.tls.authorities == "ca.pem");
  CHECK(given.tls.certificate == "cert.pem");
  CHECK(given.tls.key == "key.pem");
  CHECK(given.server_name == "name");
  CHECK(given.token_file == "token");
  CHECK_FALSE(given.plain_text);
  CHECK(Parse({"paths", "--ca", "other.pem"}, environment)->tls.authorities == "other.pem");
  CHECK(Parse({"paths", "--server", "a:1", "--plain-text"})->plain_text);
  CHECK(Parse({"paths", "--server", "a:1"}, {{"AUDIO_LATENCY_PLAIN_TEXT", "true"}})->plain_text);
  CHECK_FALSE(Parse({"paths"}, {{"AUDIO_LATENCY_PLAIN_TEXT", "yes"}}).ok());
}

TEST_CASE("what is not understood is told, with the nearest that is") {
  CHECK(Mentions(Error({}), "paths, hops, nodes, watch, trace or replay"));
  CHECK(Mentions(Error({"pahts"}), "did you mean paths?"));
  CHECK(Mentions(Error({"paths", "--windwo=10"}), "did you mean --window?"));
  CHECK(Mentions(Error({"frobnicate"}), "frobnicate"));
  CHECK(Mentions(Error({"nodes", "--window", "10"}), "--window"));
  for (const char* bad : {"5", "61", "-1", "ten", "10s"}) {
    CHECK(Mentions(Error({"paths", "--window", bad}), "use 10 to 60 seconds"));
  }
  CHECK(Mentions(Error({"paths", "-o", "xml"}), "xml"));
  CHECK(Mentions(Error({"watch", "--interval", "99"}), "99"));
  CHECK(Mentions(Error({"trace", "1", "--path", "a"}), "not both"));
  CHECK(Mentions(Error({"trace", "1", "--follow"}), "leave out"));
  CHECK(Mentions(Error({"trace", "--count", "3"}), "--count needs --follow"));
  CHECK(Mentions(Error({"replay", "a.pcap", "--macth-window=1"}), "did you mean --match-window?"));
  CHECK(Mentions(Error({"replay", "node-a=a.pcap", "--through", "x"}), "--through"));
}

TEST_CASE("help and version are texts to show") {
  const CommandLine help = *Parse({"--help"});
  CHECK(help.verb == Verb::kShowText);
  for (const char* part : {"paths", "hops", "nodes", "watch", "trace", "AUDIO_LATENCY_SERVER",
                           "localhost:9095", "Examples"}) {
    CHECK(Mentions(help.text, part));
  }
  CHECK(Mentions(Parse({"paths", "--help"})->text, "--through"));
  CHECK(Mentions(Parse({"--version"})->text, "audio-latency "));
}

}  // namespace
}  // namespace audio_latency::correlator
