// Capture files through the chain: one after another in time, whatever file a packet is in.

#ifndef CORRELATOR_REPLAY_FILE_REPLAY_H_
#define CORRELATOR_REPLAY_FILE_REPLAY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "correlator/replay/replay.h"

namespace audio_latency::correlator {

// Of either sign: a clock that was never set says 1970.
inline constexpr int64_t kMaxClockOffsetNs = 100 * int64_t{31'556'952} * 1'000'000'000;

struct CaptureFile {
  // "-" is standard input.
  std::string path;
  // Files of one node share a clock.
  std::string node;
  // As in ObservationPoint, up to kMaxClockOffsetNs.
  int64_t clock_offset_ns = 0;
  std::optional<int64_t> clock_error_ns = 0;
};

// The file's name without folder and without .gz, .pcap, .pcapng, .cap, as UTF-8: a node's name
// where the user gives none. "stdin" for "-".
std::string NodeNameOf(const std::string& path);

struct CaptureOutcome {
  CaptureFile file;
  uint64_t packets = 0;
  // Unix time on the common clock; 0 without packets.
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  // Packets without a time, which were passed over.
  uint64_t untimed_packets = 0;
  // Packets of a time more than a day ahead of both neighbours, or outside 1970 to 2100 unlike the
  // next one's; passed over, for else all after them would be late.
  uint64_t wild_packets = 0;
  // Why the file could not be read to its end; what came before is in the answers. Times outside
  // 1970 to 2100 on the common clock are DATA_LOSS, an end by the user is CANCELLED.
  absl::Status problem;
};

struct ReplayProgress {
  uint64_t packets = 0;
  // Of all files as they are stored. 0: a size is not known.
  uint64_t bytes_read = 0;
  uint64_t bytes = 0;
};

// Replays all files to their ends and finishes `replay`. The answers do not depend on the order of
// `files`. `on_progress` is called now and then, by a count of packets. Outcomes are in the order
// of node, then path. Once `stop_descriptor` is readable (-1: never) nothing more is read, and the
// problem of files that were not at their ends is CANCELLED.
std::vector<CaptureOutcome> ReplayFiles(
    std::vector<CaptureFile> files, Replay* replay,
    const std::function<void(const ReplayProgress&)>& on_progress, int stop_descriptor = -1);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_FILE_REPLAY_H_
