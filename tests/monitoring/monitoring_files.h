// The dashboards and alert rules that the chart installs, as tests look at them.

#ifndef TESTS_MONITORING_MONITORING_FILES_H_
#define TESTS_MONITORING_MONITORING_FILES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

namespace audio_latency::monitoring {

// charts/audio-latency-tracker/files.
inline const std::string kFolder = AUDIO_LATENCY_MONITORING_FILES;

struct Dashboard {
  std::string file;
  nlohmann::json content;
};
std::vector<Dashboard> Dashboards();

// Of a dashboard, also those that are folded into a row.
std::vector<nlohmann::json> Panels(const nlohmann::json& dashboard);

struct Alert {
  std::string file;
  std::string name;
  std::string expression;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};
std::vector<Alert> Alerts();

// A PromQL expression, and who asks it.
struct Expression {
  std::string where;
  std::string text;
};

// What Grafana would ask for all panels and variables. `values`: by which the variables ($path, …)
// are replaced; the longest name that fits counts.
std::vector<Expression> DashboardExpressions(const std::map<std::string, std::string>& values);

// What an alert looks at, before it compares: without comparisons with numbers, with what is to be
// absent, and with what is to be left out as well. It has an answer only if all its series exist.
std::string WithoutComparisons(std::string expression);

// The names of metrics in an expression.
std::vector<std::string> MetricNames(std::string_view expression);

}  // namespace audio_latency::monitoring

#endif  // TESTS_MONITORING_MONITORING_FILES_H_
