#include "tests/monitoring/monitoring_files.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "fmt/format.h"

namespace audio_latency::monitoring {
namespace {

std::vector<std::filesystem::path> Files(const std::string& folder, const std::string& extension) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string Substitute(const std::string& text, const std::map<std::string, std::string>& values) {
  static const std::regex kVariable(R"(\$(?:\{(\w+)(?::\w+)?\}|(\w+)))");
  std::string result;
  auto from = text.cbegin();
  for (std::sregex_iterator match(text.begin(), text.end(), kVariable), end; match != end;
       ++match) {
    result.append(from, (*match)[0].first);
    const std::string name = (*match)[1].matched ? (*match)[1].str() : (*match)[2].str();
    const auto value = values.find(name);
    // "$1" of label_replace stays.
    result += value == values.end() ? match->str() : value->second;
    from = (*match)[0].second;
  }
  return result.append(from, text.cend());
}

}  // namespace

std::vector<Dashboard> Dashboards() {
  std::vector<Dashboard> dashboards;
  for (const auto& path : Files(kFolder + "/dashboards", ".json")) {
    std::ifstream file(path);
    dashboards.push_back({path.filename(), nlohmann::json::parse(file)});
  }
  return dashboards;
}

std::vector<nlohmann::json> Panels(const nlohmann::json& dashboard) {
  std::vector<nlohmann::json> panels;
  for (const nlohmann::json& panel : dashboard.at("panels")) {
    panels.push_back(panel);
    for (const nlohmann::json& inner : panel.value("panels", nlohmann::json::array())) {
      panels.push_back(inner);
    }
  }
  return panels;
}

std::vector<Alert> Alerts() {
  std::vector<Alert> alerts;
  for (const auto& path : Files(kFolder + "/rules", ".yaml")) {
    const YAML::Node file = YAML::LoadFile(path);
    for (const YAML::Node& group : file["groups"]) {
      for (const YAML::Node& rule : group["rules"]) {
        Alert& alert = alerts.emplace_back();
        alert.file = path.filename();
        alert.name = rule["alert"].as<std::string>();
        alert.expression = rule["expr"].as<std::string>();
        alert.labels = rule["labels"].as<std::map<std::string, std::string>>();
        alert.annotations = rule["annotations"].as<std::map<std::string, std::string>>();
      }
    }
  }
  return alerts;
}

std::vector<Expression> DashboardExpressions(const std::map<std::string, std::string>& values) {
  static const std::regex kLabelValues(R"(label_values\((.*), *(\w+)\))");
  std::vector<Expression> expressions;
  for (const Dashboard& dashboard : Dashboards()) {
    for (const nlohmann::json& variable : dashboard.content.at("templating").at("list")) {
      std::smatch parts;
      const std::string definition = variable.value("definition", "");
      if (std::regex_match(definition, parts, kLabelValues)) {
        expressions.push_back(
            {fmt::format("{}: variable {}", dashboard.file, variable.at("name")),
             Substitute(fmt::format("count by ({}) ({})", parts[2].str(), parts[1].str()),
                        values)});
      }
    }
    for (const nlohmann::json& panel : Panels(dashboard.content)) {
      for (const nlohmann::json& target : panel.value("targets", nlohmann::json::array())) {
        expressions.push_back(
            {fmt::format("{}: {}, {}", dashboard.file, panel.at("title"), target.at("refId")),
             Substitute(target.at("expr"), values)});
      }
    }
  }
  return expressions;
}

std::string WithoutComparisons(std::string expression) {
  static const std::regex kComparison(R"( *(==|!=|<=|>=|<|>) *[0-9.]+(e-?[0-9]+)?)");
  static const std::regex kAbsent(R"(\babsent\()");
  static const std::regex kUnless(R"(\bunless\b)");
  expression = std::regex_replace(expression, kComparison, "");
  expression = std::regex_replace(expression, kAbsent, "(");
  return std::regex_replace(expression, kUnless, "and");
}

std::vector<std::string> MetricNames(std::string_view expression) {
  static const std::regex kName(R"(\b(audio_\w+|process_\w+|up\b))");
  const std::string text(expression);
  std::set<std::string> names;
  for (std::sregex_iterator match(text.begin(), text.end(), kName), end; match != end; ++match) {
    names.insert(match->str());
  }
  return {names.begin(), names.end()};
}

}  // namespace audio_latency::monitoring
