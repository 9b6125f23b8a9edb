// The replay of files that others' tools wrote: tcpdump, tshark, editcap, mergecap.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

const std::string kDemo = AUDIO_LATENCY_TEST_DATA "/demo/";

void Tool(const std::string& command) {
  ProcessOptions options;
  options.arguments = {"sh", "-c", command};
  const absl::StatusOr<CommandResult> result = RunCommand(options);
  REQUIRE(result.ok());
  INFO(command << ": " << result->error);
  REQUIRE(result->exit_status == 0);
}

// Paths and hops of what `audio-latency replay` is given.
nlohmann::json Replay(const std::string& arguments) {
  ProcessOptions options;
  options.arguments = {
      "sh", "-c",
      BuiltProgram("audio-latency") + " replay -o json --audio-ports 7000 " + arguments};
  const absl::StatusOr<CommandResult> result = RunCommand(options);
  REQUIRE(result.ok());
  INFO(arguments << ": " << result->error);
  REQUIRE(result->exit_status == 0);
  nlohmann::json answer = nlohmann::json::parse(result->output);
  answer.erase("nodes");
  return answer;
}

TEST_CASE("the same packets in another tool's file give the same answer") {
  const ScratchFolder folder;
  const std::string packed = kDemo + "processor-2.pcap.gz";
  const std::string plain = folder.path() + "/plain.pcap";
  const std::string other = folder.path() + "/other";
  Tool("gzip -dc " + packed + " > " + plain);
  const nlohmann::json expected = Replay("b=" + plain);
  REQUIRE(expected["paths"].size() == 1);
  CHECK(Replay("b=" + packed) == expected);
  CHECK(Replay("b=- < " + packed) == expected);
  CHECK(Replay("b=- < " + plain) == expected);
  for (const std::string& convert : {
           "editcap -F pcapng " + plain + " " + other,
           "editcap -F nsecpcap " + plain + " " + other,
           "tshark -r " + plain + " -w " + other,
           "tcpdump --time-stamp-precision=nano -r " + plain + " -w " + other,
           "tcpdump --time-stamp-precision=nano -r " + plain + " -w - | gzip > " + other,
       }) {
    INFO(convert);
    Tool(convert + " 2>/dev/null");
    CHECK(Replay("b=" + other) == expected);
  }
}

TEST_CASE("microseconds of a tool's file cost precision, and the error bar says so") {
  const ScratchFolder folder;
  const std::string other = folder.path() + "/b.pcap";
  Tool("editcap -F pcap " + kDemo + "processor-2.pcap.gz " + other);
  const nlohmann::json hop = Replay(other)["hops"][0];
  CHECK(hop["kind"] == "PROCESSING");
  CHECK(hop["error_bound_seconds"].get<double>() >= 1e-6);
  CHECK(hop["one_way_delay"]["min_seconds"].get<double>() == Approx(0.04).margin(0.0005));
}

TEST_CASE("captures merged into one file with several interfaces are one node") {
  const ScratchFolder folder;
  const std::string merged = folder.path() + "/all.pcapng";
  Tool("mergecap -I none -F pcapng -w " + merged + " " + kDemo + "ingress-1.pcap.gz " + kDemo +
       "processor-2.pcap.gz " + kDemo + "egress-3.pcap.gz");
  const nlohmann::json apart = Replay(kDemo + "ingress-1.pcap.gz " + kDemo +
                                      "processor-2.pcap.gz " + kDemo + "egress-3.pcap.gz");
  const nlohmann::json together = Replay("all=" + merged);
  REQUIRE(together["paths"].size() == 1);
  CHECK(together["paths"][0]["count"] == apart["paths"][0]["count"]);
  CHECK(together["paths"][0]["hops"].size() == 3);
  CHECK(together["paths"][0]["one_way_delay"] == apart["paths"][0]["one_way_delay"]);
}

TEST_CASE("a file that editcap cut by snap length says so") {
  const ScratchFolder folder;
  const std::string cut = folder.path() + "/cut.pcapng";
  Tool("editcap -s 80 " + kDemo + "processor-2.pcap.gz " + cut);
  ProcessOptions options;
  options.arguments = {BuiltProgram("audio-latency"), "replay", cut};
  const absl::StatusOr<CommandResult> result = RunCommand(options);
  REQUIRE(result.ok());
  CHECK(result->exit_status == 0);
  CHECK(result->error.find("packets were cut short by the capture") != std::string::npos);
  CHECK(result->output.find("No audio was signed") != std::string::npos);
}

}  // namespace
}  // namespace audio_latency::lab
