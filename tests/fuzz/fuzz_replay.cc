// Capture files of any content, pcap, pcapng or gzip of either, two at a time through the whole
// chain: read, signed, matched, aggregated.
//
// Input: the first file's length and clock offset, then both files.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "correlator/replay/file_replay.h"
#include "correlator/replay/replay.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::correlator {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;

// A file in memory that can be opened by its path.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const uint8_t> bytes)
      : descriptor_(memfd_create("capture", MFD_CLOEXEC)) {
    FUZZ_CHECK(descriptor_ >= 0);
    FUZZ_CHECK(write(descriptor_, bytes.data(), bytes.size()) ==
               static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  const int descriptor_;
};

// Checks what is told on the way.
class CheckingTap final : public ReplayTap {
 public:
  void OnEvent(const ReplayEvent& event) override {
    ++events;
    FUZZ_CHECK(event.point < 65536);
    FUZZ_CHECK(!event.flow.has_value() || (event.event.flags & CAPTURE_EVENT_SIGNED) != 0);
  }
  void OnMatch(const Match& match) override {
    FUZZ_CHECK(!match.passages.empty());
    for (size_t i = 0; i < match.passages.size(); ++i) {
      FUZZ_CHECK(match.passages[i].predecessor < static_cast<int16_t>(i));
    }
  }

  uint64_t events = 0;
};

struct Answer {
  std::vector<CaptureOutcome> outcomes;
  Replay::Counters counters;
  double path_matches = 0;
};

Answer ReplayAll(std::vector<CaptureFile> files) {
  const std::unique_ptr<EndpointDirectory> directory = MakeEmptyDirectory();
  CheckingTap tap;
  ReplayOptions options;
  options.matcher.table_events = 4096;
  options.max_flows_per_point = 64;
  options.max_flows = 128;
  options.max_series = 32;
  auto replay = Replay::Create(options, *directory, &tap);
  FUZZ_CHECK(replay.ok());
  Answer answer;
  answer.outcomes =
      ReplayFiles(std::move(files), replay->get(), [](const ReplayProgress& progress) {
        FUZZ_CHECK(progress.bytes == 0 || progress.bytes_read <= progress.bytes);
      });
  answer.counters = (*replay)->counters();
  FUZZ_CHECK(answer.counters.events == tap.events);
  for (const PathSnapshot& path : (*replay)->paths().Paths(0)) {
    answer.path_matches += path.delay.count;
  }
  return answer;
}

void CheckOutcome(const CaptureOutcome& outcome) {
  FUZZ_CHECK(outcome.first_ns <= outcome.last_ns);
  if (!outcome.problem.ok()) {
    const std::string message = Message(outcome.problem);
    FUZZ_CHECK(message.find(outcome.file.path) != std::string::npos);
    FUZZ_CHECK(message.find('\n') == std::string::npos);
  }
}

void Run(fuzz::Input input) {
  const uint16_t first_bytes = input.Word();
  const int64_t offset_ns = (input.Byte() - 128) * kMillisecondNs;
  const MemoryFile first(input.Bytes(first_bytes));
  const MemoryFile second(input.Rest());
  const std::vector<CaptureFile> files = {
      {.path = first.path(), .node = "a", .clock_offset_ns = offset_ns, .clock_error_ns = 0},
      {.path = second.path(), .node = "b", .clock_offset_ns = 0, .clock_error_ns = 0}};
  const Answer answer = ReplayAll(files);
  uint64_t packets = 0;
  for (const CaptureOutcome& outcome : answer.outcomes) {
    CheckOutcome(outcome);
    packets += outcome.packets;
  }
  FUZZ_CHECK(answer.outcomes.size() == 2);
  FUZZ_CHECK(answer.counters.packets == packets);

  // The order in which the files are named changes nothing.
  const Answer again = ReplayAll({files[1], files[0]});
  FUZZ_CHECK(again.counters.packets == packets);
  FUZZ_CHECK(again.counters.events == answer.counters.events);
  FUZZ_CHECK(again.path_matches == answer.path_matches);
}

}  // namespace
}  // namespace audio_latency::correlator

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::correlator::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
