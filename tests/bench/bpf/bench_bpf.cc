// Nanoseconds a packet in the kernel, by path through the capture programs (BPF_PROG_TEST_RUN).
//
// TCP segments advance through real speech, so that each is signed as in life: one call of the
// kernel a segment, the kernel's own clock around each run. What such a call measures of a program
// that does next to nothing (a frame that is not IP) is reported beside it.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/capture_layout.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/kernel_capture.h"

namespace audio_latency::testing {
namespace {

constexpr int kRounds = 9;
// Frames of one round, each run once: a round's figure is the mean over them.
constexpr int kSegments = 2000;
// Runs of one frame in one call, where the frame may be the same each time.
constexpr uint32_t kRepeats = 200000;
// Of the names' column.
constexpr int kNameWidth = 48;
constexpr uint32_t kWindowBytes = 64;
constexpr uint32_t kRateBits = 8;
constexpr uint32_t kSilenceThreshold = 256;
constexpr uint16_t kAudioPort = 9000;

class Results {
 public:
  void Add(const std::string& name, const std::string& unit, std::vector<double> values) {
    std::sort(values.begin(), values.end());
    all_.push_back({{"name", name},
                    {"unit", unit},
                    {"min", values.front()},
                    {"median", values[values.size() / 2]},
                    {"max", values.back()}});
    std::fputs(fmt::format("{:<{}} {:>12.1f} {:>12.1f} {:>12.1f}  {}\n", name, kNameWidth,
                           values.front(), values[values.size() / 2], values.back(), unit)
                   .c_str(),
               stdout);
  }

  void Write(const std::string& path) const { std::ofstream(path) << all_.dump(2) << "\n"; }

 private:
  nlohmann::json all_ = nlohmann::json::array();
};

std::vector<double> Rounds(const std::function<double()>& one) {
  std::vector<double> values;
  values.reserve(kRounds);
  for (int round = 0; round < kRounds; ++round) {
    values.push_back(one());
  }
  return values;
}

// Mean over one pass of `frames`, each run once.
double MeanOfFrames(KernelCapture* kernel, const std::vector<Bytes>& frames) {
  kernel->ForgetFlows();
  uint64_t sum_ns = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    sum_ns += kernel->Measure(frames[i], 1);
    if (i % 256 == 255) {
      kernel->TakeEvents();
    }
  }
  kernel->TakeEvents();
  return static_cast<double>(sum_ns) / static_cast<double>(frames.size());
}

std::vector<Bytes> TcpFrames(const Bytes& speech, size_t payload_bytes) {
  std::vector<Bytes> frames;
  frames.reserve(kSegments);
  for (int i = 0; i < kSegments; ++i) {
    const size_t at = static_cast<size_t>(i) * payload_bytes;
    frames.push_back(TcpFrame({&speech[at % (speech.size() - payload_bytes)], payload_bytes},
                              {.sequence = static_cast<uint32_t>(at)}));
  }
  return frames;
}

std::vector<Bytes> RtpFrames(const Bytes& audio, size_t payload_bytes, uint8_t payload_type) {
  std::vector<Bytes> frames;
  frames.reserve(kSegments);
  for (int i = 0; i < kSegments; ++i) {
    RtpOptions rtp;
    rtp.sequence = static_cast<uint16_t>(i);
    rtp.payload_type = payload_type;
    const size_t at = static_cast<size_t>(i) * payload_bytes % (audio.size() - payload_bytes);
    frames.push_back(UdpFrame(RtpPacket({&audio[at], payload_bytes}, rtp)));
  }
  return frames;
}

absl::Status Run(const std::string& json_path) {
  const capture_config usual =
      capture_config_make(1, kWindowBytes, kRateBits, kSilenceThreshold, CAPTURE_ALGORITHM_XXHASH);
  const auto load_begin = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(auto kernel, KernelCapture::Load(usual, {kAudioPort}, {}));
  const std::chrono::duration<double, std::milli> load_ms =
      std::chrono::steady_clock::now() - load_begin;
  // Anchors 256 times as rare: what scanning costs without hashing and events.
  const capture_config rare =
      capture_config_make(1, kWindowBytes, 16, kSilenceThreshold, CAPTURE_ALGORITHM_XXHASH);
  ASSIGN_OR_RETURN(auto scan_only, KernelCapture::Load(rare, {kAudioPort}, {}));

  const Bytes speech = Speech(6000000, 1);
  const Bytes mu_law = MuLaw(speech);
  Results results;
  std::fputs(
      fmt::format("{:<{}} {:>12} {:>12} {:>12}\n", "name", kNameWidth, "min", "median", "max")
          .c_str(),
      stdout);

  Bytes not_ip = TcpFrame({speech.data(), 160});
  not_ip[12] = 0x08;
  not_ip[13] = 0x06;
  const Bytes filtered = TcpFrame({speech.data(), 160}, {.source_port = 1, .destination_port = 2});
  results.Add("bpf/empty_program", "ns/packet",
              Rounds([&] { return kernel->MeasureNothing(filtered, kRepeats); }));
  results.Add("bpf/not_ip", "ns/packet", Rounds([&] { return kernel->Measure(not_ip, kRepeats); }));
  results.Add("bpf/early_exit", "ns/packet",
              Rounds([&] { return kernel->Measure(filtered, kRepeats); }));
  const std::vector<Bytes> empty(kSegments, not_ip);
  results.Add("bpf/single_run_overhead", "ns/packet",
              Rounds([&] { return MeanOfFrames(kernel.get(), empty); }));
  for (const size_t bytes : {160UL, 320UL, 640UL, 1400UL, 2600UL}) {
    const std::vector<Bytes> frames = TcpFrames(speech, bytes);
    results.Add(fmt::format("bpf/sign_tcp_{}", bytes), "ns/packet",
                Rounds([&] { return MeanOfFrames(kernel.get(), frames); }));
    results.Add(fmt::format("bpf/scan_tcp_{}", bytes), "ns/packet",
                Rounds([&] { return MeanOfFrames(scan_only.get(), frames); }));
  }
  for (const auto& [name, bytes, payload_type, audio] :
       {std::tuple{"bpf/rtp_160", 160UL, uint8_t{0}, &mu_law},
        std::tuple{"bpf/rtp_640", 640UL, uint8_t{96}, &speech}}) {
    const std::vector<Bytes> frames = RtpFrames(*audio, bytes, payload_type);
    results.Add(name, "ns/packet", Rounds([&] { return MeanOfFrames(kernel.get(), frames); }));
  }
  for (const auto& [program, instructions] : kernel->VerifiedInstructions()) {
    results.Add("bpf/verified_instructions/" + program, "instructions",
                {static_cast<double>(instructions)});
  }
  results.Add("bpf/load", "ms", {load_ms.count()});
  if (!json_path.empty()) {
    results.Write(json_path);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace audio_latency::testing

int main(int argc, char** argv) {
  std::string json_path;
  if (argc == 3 && std::string_view(argv[1]) == "--json") {
    json_path = argv[2];
  } else if (argc != 1) {
    std::fputs("usage: bench_bpf [--json FILE]\n", stderr);
    return 2;
  }
  if (geteuid() != 0) {
    std::fputs("bench_bpf: skipped: loading BPF programs needs root\n", stderr);
    return 77;
  }
  const absl::Status status = audio_latency::testing::Run(json_path);
  if (!status.ok()) {
    std::fputs(fmt::format("bench_bpf: {}\n", audio_latency::Message(status)).c_str(), stderr);
    return 1;
  }
  return 0;
}
