// The alert rules: Prometheus takes them, each fires when it is to and only then, and each tells
// what to do.

#include <yaml-cpp/yaml.h>

#include <catch2/catch.hpp>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "tests/monitoring/monitoring_files.h"

namespace audio_latency::monitoring {
namespace {

using Catch::Matchers::Contains;

const std::string kTests = AUDIO_LATENCY_MONITORING_TESTS;

int Run(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What promtool is to find, of all tests: for each alert the labels of series that fire, and
// whether there is a time at which it is asked about and none fires.
struct Expected {
  std::string fires;
  bool is_silent = false;
};

std::map<std::string, Expected> ExpectedAlerts() {
  static const std::regex kName(R"(alertname="(\w+)\")");
  std::map<std::string, Expected> expected;
  std::set<std::string> all;
  for (const Alert& alert : Alerts()) {
    all.insert(alert.name);
  }
  for (const auto& entry : std::filesystem::directory_iterator(kTests + "/rules")) {
    const YAML::Node file = YAML::LoadFile(entry.path());
    for (const YAML::Node& test : file["tests"]) {
      for (const YAML::Node& question : test["promql_expr_test"]) {
        const auto text = question["expr"].as<std::string>();
        std::smatch asked;
        const bool is_of_one = std::regex_search(text, asked, kName);
        if (question["exp_samples"].size() == 0 && is_of_one) {
          expected[asked[1]].is_silent = true;
        }
        if (question["exp_samples"].size() == 0 && !is_of_one) {
          for (const Alert& alert : Alerts()) {
            if (alert.file == entry.path().filename()) {
              expected[alert.name].is_silent = true;
            }
          }
        }
        for (const YAML::Node& sample : question["exp_samples"]) {
          const auto labels = sample["labels"].as<std::string>();
          std::smatch name;
          REQUIRE(std::regex_search(labels, name, kName));
          CHECK_THAT(labels, Contains("alertstate=\"firing\""));
          CHECK(all.contains(name[1]));
          expected[name[1]].fires += labels + "\n";
        }
      }
    }
  }
  return expected;
}

TEST_CASE("promtool takes every rule, and finds each alert firing and silent as expected") {
  CHECK(Run("promtool check rules " + kFolder + "/rules/*.yaml") == 0);
  CHECK(Run("promtool test rules " + kTests + "/rules/*.yaml") == 0);
}

TEST_CASE("no alert is without a test in which it fires and one in which it does not") {
  const auto expected = ExpectedAlerts();
  std::set<std::string> names;
  for (const Alert& alert : Alerts()) {
    CAPTURE(alert.file, alert.name);
    CHECK(names.insert(alert.name).second);
    REQUIRE(expected.contains(alert.name));
    CHECK_FALSE(expected.at(alert.name).fires.empty());
    CHECK(expected.at(alert.name).is_silent);
    // A label that a text names is one that the alert has.
    static const std::regex kLabel(R"(\$labels\.(\w+))");
    for (const auto& [key, text] : alert.annotations) {
      for (std::sregex_iterator match(text.begin(), text.end(), kLabel), end; match != end;
           ++match) {
        CAPTURE(key, match->str());
        CHECK_THAT(expected.at(alert.name).fires, Contains((*match)[1].str() + "=\""));
      }
    }
  }
  CHECK(names.contains("AudioLatencyTrackerDown"));
  CHECK(names.contains("AudioLatencyTrackerHighMemory"));
}

TEST_CASE("each alert says how bad it is, what is wrong, what to do, and where more stands") {
  const std::string runbook = ReadText(kFolder + "/rules/README.md");
  for (const Alert& alert : Alerts()) {
    CAPTURE(alert.name);
    CHECK(alert.name.starts_with("AudioLatency"));
    CHECK(
        std::set<std::string>{"critical", "warning", "info"}.contains(alert.labels.at("severity")));
    CHECK_FALSE(alert.annotations.at("summary").empty());
    CHECK(alert.annotations.at("description").size() > 60);
    std::string anchor;
    for (const char letter : alert.name) {
      anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    CHECK(alert.annotations.at("runbook") == "rules/README.md#" + anchor);
    CHECK_THAT(runbook, Contains("\n### " + alert.name + "\n"));
    // A job has the name that who installed it gave it.
    CHECK(alert.expression.find("job=\"") == std::string::npos);
  }
}

TEST_CASE("the runbook tells of no alert that there is not") {
  std::set<std::string> names;
  for (const Alert& alert : Alerts()) {
    names.insert(alert.name);
  }
  const std::string runbook = ReadText(kFolder + "/rules/README.md");
  static const std::regex kHeading("\n### (\\w+)\n");
  for (std::sregex_iterator match(runbook.begin(), runbook.end(), kHeading), end; match != end;
       ++match) {
    CAPTURE((*match)[1].str());
    CHECK(names.contains((*match)[1]));
  }
}

TEST_CASE("what an alert looks at is found behind its comparisons") {
  CHECK(WithoutComparisons("up{job=~\".*x.*\"} == 0") == "up{job=~\".*x.*\"}");
  CHECK(WithoutComparisons("(a{b!=\"c\"} > 0.15) and on (d) (e - time() <= 604800)") ==
        "(a{b!=\"c\"}) and on (d) (e - time())");
  CHECK(WithoutComparisons("absent(a)") == "(a)");
  CHECK(WithoutComparisons("(a > 1e-3) unless (b > 0)") == "(a) and (b)");
}

}  // namespace
}  // namespace audio_latency::monitoring
