#include "correlator/clock/linear_clock_model.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

namespace audio_latency::correlator {
namespace {

// A probe that asks more often than it should does not make the window longer than this.
constexpr size_t kMaxWindow = 256;
// Each leaves two thirds of a range of drifts: 2000 ppm down to 0.002 ppm, 20 ns in the window.
constexpr int kThirds = 34;
// Each leaves half of it.
constexpr int kHalves = 20;
// Where the drift is known better than this it is told, else the smallest that fits: a few
// exchanges alone allow any.
constexpr double kKnownDrift = 60e-6;

// Relative to the newest exchange, so that doubles hold it to the nanosecond.
struct Point {
  double x = 0;
  double y = 0;
};

double Cross(const Point& a, const Point& b, const Point& c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

// The points that can touch a line that lies above all of them. `points` come sorted by x, nearly.
std::vector<Point> UpperHull(std::vector<Point> points) {
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  std::vector<Point> hull;
  for (const Point& point : points) {
    while (hull.size() >= 2 && Cross(hull[hull.size() - 2], hull.back(), point) >= 0) {
      hull.pop_back();
    }
    hull.push_back(point);
  }
  return hull;
}

// Of the lines with a given slope, their heights at x = 0: the polygon of what is possible.
class Lines {
 public:
  // Lines above `lower` and below `upper`; `upper` with y turned over.
  Lines(std::vector<Point> lower, std::vector<Point> upper_turned)
      : lower_(UpperHull(std::move(lower))), upper_(UpperHull(std::move(upper_turned))) {}

  // The lowest that is above all lower points: convex in the slope.
  double Lowest(double slope) const { return Highest(lower_, slope); }
  // The highest that is below all upper points: concave in the slope.
  double Highest(double slope) const { return -Highest(upper_, -slope); }
  double Room(double slope) const { return Highest(slope) - Lowest(slope); }

 private:
  static double Highest(const std::vector<Point>& points, double slope) {
    double highest = -std::numeric_limits<double>::infinity();
    for (const Point& point : points) {
      highest = std::max(highest, point.y - slope * point.x);
    }
    return highest;
  }

  std::vector<Point> lower_;
  std::vector<Point> upper_;
};

// Where a concave function of a slope in [from, to] is largest.
template <typename Function>
double ArgMax(double from, double to, const Function& function) {
  for (int i = 0; i < kThirds; ++i) {
    const double third = (to - from) / 3;
    if (function(from + third) < function(to - third)) {
      from += third;
    } else {
      to -= third;
    }
  }
  return (from + to) / 2;
}

// The slope nearest to `to` with room, on the way from `from`, which has.
double LastWithRoom(const Lines& lines, double from, double to) {
  if (lines.Room(to) >= 0) {
    return to;
  }
  for (int i = 0; i < kHalves; ++i) {
    const double middle = (from + to) / 2;
    (lines.Room(middle) >= 0 ? from : to) = middle;
  }
  return from;
}

}  // namespace

void LinearClockModel::Add(const ClockExchange& exchange) {
  // By the correlator's time: what was exchanged on the stream is told later than what came over
  // UDP.
  auto later = window_.end();
  while (later != window_.begin() && std::prev(later)->SentNs() > exchange.correlator_send_ns) {
    --later;
  }
  if (later == window_.end() && !window_.empty() &&
      exchange.probe_receive_ns < window_.back().lower_at_ns) {
    // The node's clock went back: nothing of before is true any more.
    window_.clear();
    later = window_.end();
  }
  window_.insert(later, {.lower_at_ns = exchange.probe_receive_ns,
                         .lower_ns = exchange.correlator_send_ns - exchange.probe_receive_ns,
                         .upper_at_ns = exchange.probe_send_ns,
                         .upper_ns = exchange.correlator_receive_ns - exchange.probe_send_ns});
  ++exchanges_;
  while (window_.front().lower_at_ns < window_.back().lower_at_ns - kWindowNs ||
         window_.size() > kMaxWindow) {
    window_.pop_front();
  }
  // A clock that stepped, or whose rate changed, contradicts its own past. Lines that only just fit
  // across the change would be wrong ones, so half of what is known goes at a time.
  estimate_.reset();
  while (!window_.empty() && !(estimate_ = Fit()).has_value()) {
    window_.erase(window_.begin(),
                  window_.begin() + static_cast<std::ptrdiff_t>((window_.size() + 1) / 2));
  }
}

std::optional<OffsetEstimate> LinearClockModel::Fit() const {
  const int64_t now_ns = window_.back().lower_at_ns;
  const int64_t base_ns = window_.back().lower_ns;
  std::vector<Point> lower;
  std::vector<Point> upper_turned;
  lower.reserve(window_.size());
  upper_turned.reserve(window_.size());
  for (const Bounds& bounds : window_) {
    const auto lower_age_ns = static_cast<double>(now_ns - bounds.lower_at_ns);
    const auto upper_age_ns = static_cast<double>(now_ns - bounds.upper_at_ns);
    lower.push_back({-lower_age_ns, static_cast<double>(bounds.lower_ns - base_ns) -
                                        std::abs(lower_age_ns) * kWander});
    upper_turned.push_back({-upper_age_ns, -static_cast<double>(bounds.upper_ns - base_ns) -
                                               std::abs(upper_age_ns) * kWander});
  }
  const Lines lines(std::move(lower), std::move(upper_turned));
  const auto room = [&lines](double slope) { return lines.Room(slope); };
  const double best = ArgMax(-kMaxDrift, kMaxDrift, room);
  if (lines.Room(best) < 0) {
    const auto width_ns = static_cast<double>(window_.back().upper_ns - base_ns);
    // Not even one exchange alone: the clock was stopped between its two ways.
    if (window_.size() > 1 || width_ns < 0) {
      return std::nullopt;
    }
    // One exchange alone that only a wilder drift explains: its own two bounds hold.
    return OffsetEstimate{.node_time_ns = now_ns,
                          .offset_ns = base_ns + std::llround(width_ns / 2),
                          .lower_ns = base_ns,
                          .upper_ns = base_ns + std::llround(width_ns)};
  }
  const double least = LastWithRoom(lines, best, -kMaxDrift);
  const double most = LastWithRoom(lines, best, kMaxDrift);
  const double lowest =
      lines.Lowest(ArgMax(least, most, [&lines](double slope) { return -lines.Lowest(slope); }));
  const double highest =
      lines.Highest(ArgMax(least, most, [&lines](double slope) { return lines.Highest(slope); }));
  const double middle = (lines.Lowest(best) + lines.Highest(best)) / 2;
  const bool is_known = most - least < kKnownDrift;
  return OffsetEstimate{.node_time_ns = now_ns,
                        .offset_ns = base_ns + std::llround(middle),
                        .lower_ns = base_ns + static_cast<int64_t>(std::floor(lowest)),
                        .upper_ns = base_ns + static_cast<int64_t>(std::ceil(highest)),
                        .drift = is_known ? best : std::clamp(0.0, least, most)};
}

std::optional<OffsetEstimate> LinearClockModel::Estimate() const {
  return exchanges_ < kLeastExchanges ? std::nullopt : estimate_;
}

}  // namespace audio_latency::correlator
