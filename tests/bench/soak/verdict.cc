#include "tests/bench/soak/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "common/status/status_macros.h"

namespace audio_latency::bench {
namespace {

constexpr double kBytesPerMegabyte = 1e6;

using Lines = std::vector<std::string>;

void JudgeMemory(const SoakFigures& figures, Lines* faults) {
  if (figures.programs.empty()) {
    faults->push_back("no program's memory was looked at");
  }
  for (const auto& [name, program] : figures.programs) {
    const absl::StatusOr<double> growth =
        GrowthIn10Minutes(program.memory, figures.warm_up_seconds);
    if (!growth.ok()) {
      faults->push_back(fmt::format("{}: {}", name, Message(growth.status())));
    } else if (*growth > kMostGrowth) {
      faults->push_back(fmt::format("{}: memory grows by {:.2f} % in 10 minutes, {:.0f} % at most",
                                    name, *growth * 100, kMostGrowth * 100));
    }
  }
}

void JudgeLoad(const SoakFigures& figures, Lines* faults) {
  if (figures.packets_sent <= 0) {
    faults->push_back("no packet was sent");
  } else if (figures.packets_sent < kLeastLoad * figures.packets_due) {
    faults->push_back(
        fmt::format("only {:.0f} of {:.0f} packets were sent, {} of {} rounds late: this machine "
                    "is too busy or too slow for {} streams",
                    figures.packets_sent, figures.packets_due, figures.late_rounds, figures.rounds,
                    figures.streams));
  }
  if (figures.least_sampling_share < 1 || figures.overloads > 0) {
    faults->push_back(fmt::format(
        "audio was sampled, down to {:.4f} of the signatures, lowered {:.0f} times: not all of the "
        "load was carried",
        figures.least_sampling_share, figures.overloads));
  }
}

void JudgeNode(const std::string& name, const NodeFigures& node, int flows, Lines* faults) {
  if (node.made <= 0) {
    faults->push_back(fmt::format("{}: no event was made", name));
  }
  if (node.fewest_taken_in_round <= 0) {
    faults->push_back(fmt::format("{}: the correlator took no event for a round", name));
  }
  if (node.fewest_flows < flows) {
    faults->push_back(
        fmt::format("{}: only {:.0f} of {} flows were seen", name, node.fewest_flows, flows));
  }
  if (node.made != node.acknowledged + node.dropped) {
    faults->push_back(
        fmt::format("{}: of {:.0f} events made, {:.0f} are neither acknowledged nor "
                    "counted as dropped",
                    name, node.made, node.made - node.acknowledged - node.dropped));
  }
  if (node.acknowledged != node.taken) {
    faults->push_back(fmt::format("{}: {:.0f} events were acknowledged and {:.0f} counted as taken",
                                  name, node.acknowledged, node.taken));
  }
}

void AddMemory(const SoakFigures& figures, Lines* lines) {
  lines->push_back(fmt::format("{:<20} {:>11} {:>11} {:>14} {:>10}", "program", "warm MB", "end MB",
                               "slope/10 min", "% of core"));
  for (const auto& [name, program] : figures.programs) {
    const auto warm = std::find_if(
        program.memory.begin(), program.memory.end(),
        [&](const MemorySample& sample) { return sample.seconds >= figures.warm_up_seconds; });
    const absl::StatusOr<double> growth =
        GrowthIn10Minutes(program.memory, figures.warm_up_seconds);
    const auto megabytes = [](bool is_known, double bytes) {
      return is_known ? fmt::format("{:.2f}", bytes / kBytesPerMegabyte) : std::string("?");
    };
    const bool has_warm = warm != program.memory.end();
    const bool has_end = !program.memory.empty();
    lines->push_back(fmt::format("{:<20} {:>11} {:>11} {:>14} {:>10.2f}", name,
                                 megabytes(has_warm, has_warm ? warm->bytes : 0),
                                 megabytes(has_end, has_end ? program.memory.back().bytes : 0),
                                 growth.ok() ? fmt::format("{:+.2f} %", *growth * 100) : "?",
                                 program.cpu_percent));
  }
}

void AddNodes(const SoakFigures& figures, Lines* lines) {
  lines->push_back(fmt::format("{:<20} {:>11} {:>11} {:>14} {:>10} {:>9}", "node", "flows", "made",
                               "acknowledged", "taken", "dropped"));
  for (const auto& [name, node] : figures.nodes) {
    lines->push_back(
        fmt::format("{:<20} {:>11} {:>11.0f} {:>14.0f} {:>10.0f} {:>9.0f}", name,
                    fmt::format("{:.0f}/{}", node.fewest_flows, figures.streams * figures.points),
                    node.made, node.acknowledged, node.taken, node.dropped));
  }
  for (const auto& [name, node] : figures.nodes) {
    std::string losses;
    for (const auto& [cause, count] : node.losses) {
      if (count > 0) {
        losses += fmt::format(" {} {:.0f}", cause, count);
      }
    }
    lines->push_back(fmt::format("{} lost, by cause:{}", name, losses.empty() ? " none" : losses));
  }
}

}  // namespace

Lines Faults(const SoakFigures& figures) {
  Lines faults;
  JudgeMemory(figures, &faults);
  JudgeLoad(figures, &faults);
  if (figures.nodes.empty()) {
    faults.push_back("no node was looked at");
  }
  for (const auto& [name, node] : figures.nodes) {
    JudgeNode(name, node, figures.streams * figures.points, &faults);
  }
  return faults;
}

Lines FigureLines(const SoakFigures& figures) {
  Lines lines;
  AddMemory(figures, &lines);
  AddNodes(figures, &lines);
  lines.push_back(fmt::format(
      "load: {} streams for {:.1f} minutes, {:.0f} packets sent ({:.1f} % of those due), {} of {} "
      "rounds late; least sampling share {:.4f}",
      figures.streams, figures.minutes, figures.packets_sent,
      figures.packets_due > 0 ? figures.packets_sent / figures.packets_due * 100 : 0,
      figures.late_rounds, figures.rounds, figures.least_sampling_share));
  return lines;
}

}  // namespace audio_latency::bench
