#include "correlator/cli/captures_to_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/time/clock.h"
#include "correlator/cli/answers_to_text.h"
#include "correlator/cli/human_units.h"
#include "correlator/cli/table.h"

namespace audio_latency::correlator {
namespace {

constexpr double kNsPerSecond = 1e9;

// What the files of a node hold.
struct NodeCaptures {
  uint64_t packets = 0;
  int64_t first_ns = 0;
  int64_t last_ns = 0;

  void Add(const CaptureOutcome& outcome) {
    if (outcome.packets == 0) {
      return;
    }
    first_ns = packets == 0 ? outcome.first_ns : std::min(first_ns, outcome.first_ns);
    last_ns = packets == 0 ? outcome.last_ns : std::max(last_ns, outcome.last_ns);
    packets += outcome.packets;
  }
};

}  // namespace

std::string CapturesText(std::span<const CaptureOutcome> outcomes,
                         const google::protobuf::RepeatedPtrField<v1::Node>& nodes) {
  using Align = Table::Align;
  std::map<std::string, NodeCaptures> captures;
  for (const CaptureOutcome& outcome : outcomes) {
    captures[outcome.file.node].Add(outcome);
  }
  Table table({{"CAPTURE"},
               {"FROM (UTC)"},
               {"SECONDS", Align::kRight},
               {"PACKETS", Align::kRight},
               {"EVENTS", Align::kRight},
               {"± CLOCK", Align::kRight},
               {"NOT SIGNED OR LOST"}});
  for (const auto& [name, capture] : captures) {
    const auto node = std::find_if(nodes.begin(), nodes.end(),
                                   [&](const v1::Node& one) { return one.node() == name; });
    const bool was_read = node != nodes.end() && capture.packets > 0;
    constexpr size_t kToSeconds = 19;  // "2024-01-01T12:00:00"
    table.AddRow({name, was_read ? FormatRfc3339(capture.first_ns).substr(0, kToSeconds) : "",
                  fmt::format("{:.1f}", static_cast<double>(capture.last_ns - capture.first_ns) /
                                            kNsPerSecond),
                  std::to_string(capture.packets), was_read ? FormatCount(node->events()) : "0",
                  was_read ? FormatSeconds(node->clock_error_bound_seconds()) : "",
                  was_read ? DropsText(node->drops()) : ""});
  }
  return table.Text();
}

std::string NothingReplayedText(const Replay::Counters& counters) {
  if (counters.packets == 0) {
    return "The captures hold no packets that could be read.\n";
  }
  if (counters.events == 0) {
    return "No audio was signed: see above why packets were left out, and check that the captures "
           "hold the audio, whole and not encrypted, and --audio-ports.\n";
  }
  return fmt::format(
      "{} signature events, but no audio was met at two places: captures of both ends of a "
      "conversation, or of the audio into and out of a pod, are needed, of the same time "
      "(--clock-offset), and at least a few seconds.\n",
      counters.events);
}

std::string RemarksText(std::span<const CaptureOutcome> outcomes, const Replay::Counters& counters,
                        const MatchingCounters& matching) {
  std::string text;
  if (counters.cut_packets > 0) {
    text += fmt::format(
        "{} of {} packets were cut short by the capture and could not be signed: capture whole "
        "packets (tcpdump -s 0)\n",
        counters.cut_packets, counters.packets);
  }
  if (counters.malformed_packets > 0) {
    text += fmt::format("{} packets are too short for their link header and were left out\n",
                        counters.malformed_packets);
  }
  if (counters.late_packets > 0) {
    text += fmt::format(
        "{} of {} packets are out of the order of time by more than matching waits for; sort the "
        "captures (reordercap), or check --clock-offset\n",
        counters.late_packets, counters.packets);
  }
  if (counters.segmented_packets > 0) {
    text += fmt::format(
        "{} UDP packets held several RTP packets each (segmentation offload) and were taken apart "
        "where RTP's headers recur\n",
        counters.segmented_packets);
  }
  if (counters.untested_tcp_signatures > 0) {
    text += fmt::format(
        "{} signatures are of TCP flows that were not tested for the cadence of audio, so that "
        "data "
        "of any kind may be among them: give --audio-ports, or --detect-audio to test as a probe "
        "does\n",
        counters.untested_tcp_signatures);
  }
  std::set<std::string> unknown_clocks;
  for (const CaptureOutcome& outcome : outcomes) {
    if (!outcome.file.clock_error_ns.has_value()) {
      unknown_clocks.insert(outcome.file.node);
    }
  }
  if (!unknown_clocks.empty()) {
    text += fmt::format(
        "nothing is known of how the clocks of {} differ, so that delays between them have no "
        "error "
        "bar and may be of the wrong direction: give --one-clock when one clock made all times, or "
        "--clock-error NAME=SECONDS\n",
        fmt::join(unknown_clocks, ", "));
  }
  const bool is_one_clock =
      std::all_of(outcomes.begin(), outcomes.end(), [](const CaptureOutcome& outcome) {
        return outcome.file.clock_error_ns == 0 && outcome.file.clock_offset_ns == 0;
      });
  if (matching.placed_by_time > 0 && !is_one_clock) {
    text += fmt::format(
        "of {} pieces of audio seen by several captures only the order of their times told who "
        "sent "
        "and who received; where clocks differ by more than the network takes, name the pods' "
        "nodes "
        "with --endpoints\n",
        matching.placed_by_time);
  }
  for (const CaptureOutcome& outcome : outcomes) {
    if (outcome.untimed_packets > 0) {
      text += fmt::format(
          "{}: {} packets have no time (Simple Packet Blocks) and were left out: record with "
          "times\n",
          outcome.file.path, outcome.untimed_packets);
    }
    if (outcome.wild_packets > 0) {
      text += fmt::format(
          "{}: the times of {} packets jump ahead by more than a day, which the next packet takes "
          "back; they were left out\n",
          outcome.file.path, outcome.wild_packets);
    }
  }
  return text;
}

}  // namespace audio_latency::correlator
