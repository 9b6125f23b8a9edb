#include "correlator/cli/answers_to_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time/clock.h"
#include "correlator/cli/human_units.h"
#include "correlator/cli/table.h"
#include "correlator/ingest/node_reader.h"

namespace audio_latency::correlator {
namespace {

using google::protobuf::Map;
using google::protobuf::RepeatedPtrField;
using Align = Table::Align;

std::string Name(const v1::Endpoint& endpoint) {
  for (const std::string* name : {&endpoint.pod(), &endpoint.workload(), &endpoint.address()}) {
    if (!name->empty()) {
      return *name;
    }
  }
  return "?";
}

std::string HopName(const v1::Hop& hop) {
  return hop.kind() == v1::Hop::PROCESSING
             ? fmt::format("inside {}", Name(hop.source()))
             : fmt::format("{} > {}", Name(hop.source()), Name(hop.destination()));
}

std::vector<Table::Column> DelayColumns(std::string first) {
  return {{std::move(first)},     {"COUNT", Align::kRight},  {"P50", Align::kRight},
          {"P90", Align::kRight}, {"P95", Align::kRight},    {"P99", Align::kRight},
          {"MAX", Align::kRight}, {"± ERROR", Align::kRight}};
}

std::vector<std::string> DelayCells(std::string name, double count,
                                    const v1::DelayDistribution& delay, double error_bound) {
  if (count == 0) {
    // A hop of which one end was not seen.
    return {std::move(name), "0", "-", "-", "-", "-", "-", "-"};
  }
  return {std::move(name),
          FormatCount(count),
          FormatSeconds(delay.p50_seconds()),
          FormatSeconds(delay.p90_seconds()),
          FormatSeconds(delay.p95_seconds()),
          FormatSeconds(delay.p99_seconds()),
          FormatSeconds(delay.max_seconds()),
          FormatSeconds(error_bound)};
}

std::string ClockTime(double unix_seconds) {
  constexpr double kUsPerSecond = 1e6;
  constexpr int64_t kNsPerUs = 1000;
  constexpr size_t kTimeBegin = 11;   // behind "2024-01-01T"
  constexpr size_t kTimeLength = 15;  // to microseconds
  return FormatRfc3339(std::llround(unix_seconds * kUsPerSecond) * kNsPerUs)
      .substr(kTimeBegin, kTimeLength);
}

std::string HostAndPort(const v1::Endpoint& endpoint, uint32_t port) {
  const bool is_v6 = endpoint.address().find(':') != std::string::npos;
  const std::string where =
      fmt::format("{}{}{}:{}", is_v6 ? "[" : "", endpoint.address(), is_v6 ? "]" : "", port);
  return endpoint.pod().empty() ? where : fmt::format("{} ({})", endpoint.pod(), where);
}

std::string Position(const v1::TracePoint& point) {
  if (point.rtp_ssrc() != 0) {
    return fmt::format("RTP {:08x} no. {}", point.rtp_ssrc(), point.position());
  }
  return point.has_stream_offset_bytes() ? fmt::format("byte {}", point.stream_offset_bytes())
                                         : fmt::format("seq {}", point.position());
}

// As the kernel sees the node's wall clock: by whom it is not, and how far it may be off.
std::string KernelClockText(const v1::Node& node) {
  if (!node.has_kernel_clock()) {
    return "?";
  }
  const v1::KernelClock& clock = node.kernel_clock();
  return clock.is_synchronised()
             ? fmt::format("synchronised, ± {}", FormatSeconds(clock.maximum_error_seconds()))
             : "not synchronised";
}

// A line for what is not told of everything; empty when all is.
template <typename Answers>
std::string SamplingText(const Answers& answers) {
  double share = 1;
  for (const auto& answer : answers) {
    // 0: of a correlator that does not tell it.
    share = answer.sampling_share() > 0 ? std::min(share, answer.sampling_share()) : share;
  }
  return share == 1 ? ""
                    : fmt::format(
                          "The correlator is overloaded: the probes keep {} of the audio's "
                          "signatures, the same ones everywhere.\n",
                          FormatShare(share));
}

// A line for what the table cannot show by itself; empty when nothing was lost.
std::string LossText(const RepeatedPtrField<v1::Path>& paths) {
  return std::any_of(paths.begin(), paths.end(),
                     [](const v1::Path& path) { return path.lost_share() > 0; })
             ? "LOST is of all events since the start.\n"
             : "";
}

}  // namespace

std::string ClocksText(const RepeatedPtrField<v1::NodeClock>& clocks) {
  std::string text;
  for (const v1::NodeClock& clock : clocks) {
    if (clock.state() == NameOf(ClockState::kGood)) {
      continue;
    }
    text += fmt::format(
        "{}: the clock is {}; {} events wait for it to be good, and nothing that "
        "this node sees is told before.\n",
        clock.node(), clock.state(), FormatCount(clock.waiting_events()));
  }
  return text;
}

std::string DropsText(const Map<std::string, double>& drops) {
  constexpr size_t kShown = 3;
  std::vector<std::pair<double, std::string>> sorted;
  for (const auto& [cause, count] : drops) {
    if (count > 0) {
      sorted.emplace_back(-count, cause);
    }
  }
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (size_t i = 0; i < std::min(sorted.size(), kShown); ++i) {
    text +=
        fmt::format("{}{} {}", i == 0 ? "" : ", ", sorted[i].second, FormatCount(-sorted[i].first));
  }
  if (sorted.size() > kShown) {
    text += fmt::format(" and {} more", sorted.size() - kShown);
  }
  return text.empty() ? "none" : text;
}

std::string PathsText(const RepeatedPtrField<v1::Path>& paths) {
  std::vector<Table::Column> columns = DelayColumns("PATH");
  columns.push_back({"COVERAGE", Align::kRight});
  columns.push_back({"LOST", Align::kRight});
  columns.push_back({"NEGATIVE", Align::kRight});
  Table table(std::move(columns));
  for (const v1::Path& path : paths) {
    std::vector<std::string> cells =
        DelayCells(path.path(), path.count(), path.one_way_delay(), path.error_bound_seconds());
    cells.push_back(FormatShare(path.coverage()));
    cells.push_back(FormatShare(path.lost_share()));
    cells.push_back(FormatCount(path.negative_count()));
    table.AddRow(std::move(cells));
    for (const v1::Hop& hop : path.hops()) {
      cells = DelayCells("  " + HopName(hop), hop.count(), hop.one_way_delay(),
                         hop.error_bound_seconds());
      cells.insert(cells.end(), {"", "", FormatCount(hop.negative_count())});
      table.AddRow(std::move(cells));
    }
  }
  return table.Text() + LossText(paths) + SamplingText(paths);
}

std::string HopsText(const RepeatedPtrField<v1::Hop>& hops) {
  std::vector<Table::Column> columns = DelayColumns("HOP");
  columns.push_back({"NEGATIVE", Align::kRight});
  columns.push_back({"KIND"});
  columns.push_back({"NODES"});
  Table table(std::move(columns));
  for (const v1::Hop& hop : hops) {
    std::vector<std::string> cells =
        DelayCells(HopName(hop), hop.count(), hop.one_way_delay(), hop.error_bound_seconds());
    cells.push_back(FormatCount(hop.negative_count()));
    const bool is_transit = hop.kind() == v1::Hop::TRANSIT;
    cells.emplace_back(is_transit ? "transit" : "processing");
    const auto node = [](const v1::Endpoint& endpoint) {
      return endpoint.node().empty() ? "?" : endpoint.node();
    };
    cells.push_back(is_transit ? fmt::format("{} > {}", node(hop.source()), node(hop.destination()))
                               : node(hop.source()));
    table.AddRow(std::move(cells));
  }
  return table.Text() + SamplingText(hops);
}

std::string NodesText(const RepeatedPtrField<v1::Node>& nodes, double now_unix_seconds) {
  if (nodes.empty()) {
    return "No probe has connected yet. Start audio-latency-probe on each node and point it at "
           "this correlator.\n";
  }
  Table table({{"NODE"},
               {"PROBE"},
               {"LAST SEEN"},
               {"CLOCK"},
               {"± ERROR", Align::kRight},
               {"OFFSET", Align::kRight},
               {"DRIFT", Align::kRight},
               {"KERNEL CLOCK"},
               {"EVENTS", Align::kRight},
               {"FLOWS", Align::kRight},
               {"LOST", Align::kRight},
               {"NOT SIGNED OR LOST"},
               {"VERSION"}});
  for (const v1::Node& node : nodes) {
    const bool is_known = node.clock_state() != NameOf(ClockState::kSynchronising);
    table.AddRow({node.node(), node.connected() ? "connected" : "gone",
                  FormatAge(node.last_seen_unix_seconds(), now_unix_seconds),
                  is_known ? fmt::format("{} ({})", node.clock_state(), node.clock_source())
                           : node.clock_state(),
                  is_known ? FormatSeconds(node.clock_error_bound_seconds()) : "?",
                  is_known ? FormatSeconds(node.clock_offset_seconds()) : "?",
                  is_known ? fmt::format("{:.1f} ppm", node.clock_drift_ppm()) : "?",
                  KernelClockText(node), FormatCount(node.events()), FormatCount(node.flows()),
                  FormatShare(node.lost_share()), DropsText(node.drops()), node.version()});
  }
  return table.Text();
}

std::string TracesText(const RepeatedPtrField<v1::Trace>& traces) {
  std::string text;
  for (const v1::Trace& trace : traces) {
    text += fmt::format("{}signature {}, decided by {}\n", text.empty() ? "" : "\n",
                        trace.signature(), trace.decision());
    Table table({{"  DELAY", Align::kRight},
                 {"± ERROR", Align::kRight},
                 {"NODE"},
                 {"INTERFACE"},
                 {"FROM"},
                 {"TO"},
                 {"VIA"},
                 {"POSITION"},
                 {"TIME (UTC)"}});
    for (const v1::TracePoint& point : trace.points()) {
      table.AddRow({"  " + FormatSeconds(point.delay_seconds()),
                    FormatSeconds(point.error_bound_seconds()), point.node(),
                    fmt::format("{} {}", point.interface(), point.direction()),
                    HostAndPort(point.source(), point.source_port()),
                    HostAndPort(point.destination(), point.destination_port()), point.transport(),
                    Position(point), ClockTime(point.time_unix_seconds())});
    }
    text += table.Text();
  }
  return text;
}

std::string NothingSeenText(const RepeatedPtrField<v1::Node>& nodes, const std::string& through,
                            uint32_t window_seconds) {
  const auto connected = std::count_if(nodes.begin(), nodes.end(),
                                       [](const v1::Node& node) { return node.connected(); });
  if (connected == 0) {
    return "Nothing yet: no probe is connected. Start audio-latency-probe on each node and point "
           "it at this correlator.\n";
  }
  double events = 0;
  for (const v1::Node& node : nodes) {
    events += node.events();
  }
  if (events == 0) {
    return fmt::format(
        "Nothing yet: {} connected, but no audio was signed. Check that audio flows and that the "
        "probes' INTERFACE and AUDIO_PORTS take it in; `audio-latency nodes` tells why packets "
        "were left out.\n",
        connected == 1 ? "a probe is" : fmt::format("{} probes are", connected));
  }
  const std::string lately =
      window_seconds == 0 ? "" : fmt::format(" in the last {} s", window_seconds);
  if (!through.empty()) {
    return fmt::format(
        "No audio went through '{}'{}. `audio-latency hops` without --through shows the pods that "
        "it went through.\n",
        through, lately);
  }
  if (window_seconds != 0) {
    return fmt::format(
        "No audio was met{}. Without --window all since the correlator's start is shown.\n",
        lately);
  }
  return fmt::format(
      "Nothing yet: {} events came in, but no audio was met at two places. A few seconds are "
      "needed to be sure; after that, check that a probe runs at both ends (`audio-latency nodes`) "
      "and that the audio is not encrypted or transcoded between them.\n",
      FormatCount(events));
}

}  // namespace audio_latency::correlator
