// lab-audio: the callers, relays and listeners of the lab's calls.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "common/status/status_macros.h"
#include "tests/lab/audio/rtp_programs.h"
#include "tests/lab/audio/tcp_programs.h"
#include "tests/parse_arguments.h"

namespace {

using audio_latency::lab::SpeechOptions;

void AddSpeechOptions(CLI::App* command, SpeechOptions* speech) {
  command->add_option("--language", speech->language, "voice: en or es")
      ->check(CLI::IsMember({"en", "es"}));
  command->add_option("--seed", speech->seed, "chooses the order of the prompts");
  command->add_option("--seconds", speech->seconds, "how long to speak")
      ->check(CLI::Range(1, 86400));
}

}  // namespace

int main(int argc, char** argv) {
  using namespace audio_latency::lab;  // NOLINT(google-build-using-namespace)
  CLI::App app("Sends, relays and receives speech in the lab.", "lab-audio");
  app.require_subcommand(1);
  std::function<absl::Status()> run;

  TcpSourceOptions source;
  CLI::App* command = app.add_subcommand("source", "streams 16 kHz 16-bit speech over TCP");
  AddSpeechOptions(command, &source.speech);
  command->add_option("--to", source.destination, "address:port")->required();
  command->add_option("--report", source.report_path, "file for what was sent")->required();
  command->callback([&] { run = [&] { return RunTcpSource(source); }; });

  TcpRelayOptions relay;
  command = app.add_subcommand("relay", "holds a TCP stream, cuts it anew and sends it on");
  command->add_option("--listen", relay.port, "port")->required();
  command->add_option("--to", relay.destination, "address:port")->required();
  command->add_option("--hold-ms", relay.hold_ms, "how long each piece is held");
  command->add_option("--seed", relay.seed, "chooses the cuts");
  command->callback([&] { run = [&] { return RunTcpRelay(relay); }; });

  TcpSinkOptions sink;
  command = app.add_subcommand("sink", "receives a TCP stream");
  command->add_option("--listen", sink.port, "port")->required();
  command->add_option("--report", sink.report_path, "file for what was received")->required();
  command->callback([&] { run = [&] { return RunTcpSink(sink); }; });

  RtpSourceOptions rtp_source;
  command = app.add_subcommand("rtp-source", "sends G.711 mu-law speech over RTP");
  AddSpeechOptions(command, &rtp_source.speech);
  command->add_option("--to", rtp_source.destination, "address:port")->required();
  command->add_option("--report", rtp_source.report_path, "file for what was sent")->required();
  command->add_option("--ssrc", rtp_source.ssrc, "synchronisation source");
  command->add_option("--first-sequence", rtp_source.first_sequence, "first sequence number");
  command->callback([&] { run = [&] { return RunRtpSource(rtp_source); }; });

  RtpRelayOptions rtp_relay;
  command = app.add_subcommand("rtp-relay", "holds RTP packets and sends them on, rewritten");
  command->add_option("--listen", rtp_relay.port, "port")->required();
  command->add_option("--to", rtp_relay.destination, "address:port")->required();
  command->add_option("--hold-ms", rtp_relay.hold_ms, "how long each packet is held");
  command->add_option("--ssrc", rtp_relay.ssrc, "the SSRC that it writes");
  command->add_option("--sequence-offset", rtp_relay.sequence_offset, "added to sequence numbers");
  command->add_option("--timestamp-offset", rtp_relay.timestamp_offset, "added to timestamps");
  command->callback([&] { run = [&] { return RunRtpRelay(rtp_relay); }; });

  RtpSinkOptions rtp_sink;
  command = app.add_subcommand("rtp-sink", "receives RTP packets until SIGTERM");
  command->add_option("--listen", rtp_sink.port, "port")->required();
  command->add_option("--report", rtp_sink.report_path, "file for what was received")->required();
  command->callback([&] { run = [&] { return RunRtpSink(rtp_sink); }; });

  if (const auto status = audio_latency::ParseArguments(&app, argc, argv); status.has_value()) {
    return *status;
  }
  if (const absl::Status status = run(); !status.ok()) {
    fmt::print(stderr, "lab-audio: {}\n", audio_latency::Message(status));
    return 1;
  }
  return 0;
}
