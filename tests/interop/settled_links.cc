#include "tests/interop/settled_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace audio_latency::lab {
namespace {

using audio_latency::v1::Trace;
using audio_latency::v1::TracePoint;

constexpr double kUsPerSecond = 1e6;

// What one of the two told of a link.
struct Sight {
  double time_seconds = 0;
  double delay_seconds = 0;
};

struct Link {
  std::optional<Sight> live;
  std::optional<Sight> replayed;

  // The captures' clock is the truth.
  double time_seconds() const { return (replayed.has_value() ? *replayed : *live).time_seconds; }
};

// Signature, position where it entered, position where it left.
using LinkKey = std::tuple<std::string, uint32_t, uint32_t>;
using HopLinks = std::map<LinkKey, Link>;

std::string NameOf(const TracePoint& point) {
  return fmt::format("{} > {} (ssrc {})", point.source().address(), point.destination().address(),
                     point.rtp_ssrc());
}

// Adds all links of the traces to `hops`, by the hop's name. The time of the last is returned.
double AddLinks(const std::vector<Trace>& traces, std::optional<Sight> Link::*side,
                std::map<std::string, HopLinks>* hops) {
  double last_seconds = std::numeric_limits<double>::lowest();
  for (const Trace& trace : traces) {
    for (int i = 0; i + 1 < trace.points_size(); ++i) {
      const TracePoint& entered = trace.points(i);
      const TracePoint& left = trace.points(i + 1);
      const std::string name = fmt::format("{}, {}", NameOf(entered), NameOf(left));
      Link& link = (*hops)[name][{trace.signature(), entered.position(), left.position()}];
      link.*side = {.time_seconds = entered.time_unix_seconds(),
                    .delay_seconds = left.delay_seconds() - entered.delay_seconds()};
      last_seconds = std::max(last_seconds, entered.time_unix_seconds());
    }
  }
  return last_seconds;
}

double MedianUs(std::vector<double>* seconds) {
  if (seconds->empty()) {
    return 0;
  }
  const auto middle = seconds->begin() + static_cast<std::ptrdiff_t>(seconds->size() / 2);
  std::nth_element(seconds->begin(), middle, seconds->end());
  return *middle * kUsPerSecond;
}

SettledHop Compare(const std::string& name, const HopLinks& links, double begin_seconds,
                   double end_seconds) {
  SettledHop hop{.name = name};
  std::vector<double> live_seconds;
  std::vector<double> replayed_seconds;
  for (const auto& [key, link] : links) {
    if (link.time_seconds() < begin_seconds || link.time_seconds() > end_seconds) {
      continue;
    }
    if (!link.replayed.has_value()) {
      ++hop.only_live;
    } else if (!link.live.has_value()) {
      ++hop.only_replayed;
    } else {
      ++hop.both;
      live_seconds.push_back(link.live->delay_seconds);
      replayed_seconds.push_back(link.replayed->delay_seconds);
    }
  }
  hop.live_p50_us = MedianUs(&live_seconds);
  hop.replayed_p50_us = MedianUs(&replayed_seconds);
  return hop;
}

}  // namespace

std::vector<SettledHop> CompareSettled(const std::vector<Trace>& live,
                                       const std::vector<Trace>& replayed,
                                       const SettlingTime& settling) {
  std::map<std::string, HopLinks> hops;
  const double live_end_seconds = AddLinks(live, &Link::live, &hops);
  AddLinks(replayed, &Link::replayed, &hops);
  std::vector<SettledHop> settled;
  for (const auto& [name, links] : hops) {
    const auto by_time = [](const auto& a, const auto& b) {
      return a.second.time_seconds() < b.second.time_seconds();
    };
    const auto [first, last] = std::minmax_element(links.begin(), links.end(), by_time);
    const SettledHop hop =
        Compare(name, links, first->second.time_seconds() + settling.begin_seconds,
                std::min(last->second.time_seconds(), live_end_seconds) - settling.end_seconds);
    if (hop.both + hop.only_live + hop.only_replayed > 0) {
      settled.push_back(hop);
    }
  }
  return settled;
}

}  // namespace audio_latency::lab
