#include "correlator/metrics/steady_sums.h"

#include <algorithm>
#include <utility>

namespace audio_latency::correlator {
namespace {

void Add(const std::vector<double>& from, std::vector<double>* to) {
  to->resize(std::max(to->size(), from.size()));
  std::transform(from.begin(), from.end(), to->begin(), to->begin(),
                 [](double a, double b) { return a + b; });
}

// What counts cannot have become less.
bool BeganAnew(const std::vector<double>& before, const std::vector<double>& now) {
  double sum_before = 0;
  double sum_now = 0;
  for (size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
    sum_before += before[i];
    sum_now += now[i];
  }
  return sum_now < sum_before;
}

}  // namespace

std::vector<Series> SteadySums::Apply(std::vector<Series> series) {
  std::vector<Series> sums;
  std::map<std::vector<std::string>, std::map<std::string, std::vector<double>>> present;
  for (Series& one : series) {
    std::vector<std::string> key = SeriesLimit::KeyOf(one);
    auto& members = present[key];
    if (members.empty()) {
      // Its numbers follow when all are known.
      sums.push_back({.labels = std::move(one.labels), .numbers = {}, .member = {}});
    }
    Add(one.numbers, &members[one.member]);
  }
  std::erase_if(sums_, [&](const auto& entry) { return !present.contains(entry.first); });
  for (Series& one : sums) {
    const std::vector<std::string> key = SeriesLimit::KeyOf(one);
    auto& members = present[key];
    Sum& sum = sums_[key];
    for (const auto& [name, numbers] : sum.members) {
      const auto now = members.find(name);
      if (now == members.end() || BeganAnew(numbers, now->second)) {
        Add(numbers, &sum.gone);
      }
    }
    one.numbers = sum.gone;
    for (const auto& [name, numbers] : members) {
      Add(numbers, &one.numbers);
    }
    sum.members = std::move(members);
  }
  return sums;
}

}  // namespace audio_latency::correlator
