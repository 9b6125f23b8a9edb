// The dashboards: Grafana's types fit, every panel explains itself, nothing overlaps, links lead
// somewhere, and nothing hangs on one installation.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "fmt/format.h"
#include "tests/lab/scratch_folder.h"
#include "tests/monitoring/monitoring_files.h"

namespace audio_latency::monitoring {
namespace {

using nlohmann::json;

constexpr char kDatasource[] = "${datasource}";

int CheckTypes(const std::string& files) {
  const std::string root = AUDIO_LATENCY_SOURCE_FOLDER;
  const int status = std::system(fmt::format("tools=$('{}/.ci/tools') && node "
                                             "'{}/tests/monitoring/check_dashboard_types.mjs' "
                                             "\"$tools\" {}",
                                             root, root, files)
                                     .c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("the dashboards are of the types that Grafana publishes") {
  CHECK(CheckTypes(kFolder + "/dashboards/*.json") == 0);
  // The check finds what is wrong.
  json wrong = Dashboards().front().content;
  wrong["panels"][0]["options"]["no_such_option"] = 1;
  const lab::ScratchFolder folder;
  const std::string path = folder.path() + "/wrong.json";
  std::ofstream(path) << wrong;
  CHECK(CheckTypes(path) == 1);
}

TEST_CASE("a dashboard is one of a set: found by its name, refreshed, in the reader's time zone") {
  std::set<std::string> names;
  for (const Dashboard& dashboard : Dashboards()) {
    CAPTURE(dashboard.file);
    const json& content = dashboard.content;
    CHECK(names.insert(content.at("uid")).second);
    CHECK(content.at("title").get<std::string>().starts_with("Audio latency: "));
    CHECK_FALSE(content.at("description").get<std::string>().empty());
    CHECK(content.at("tags") == json::array({"audio-latency"}));
    CHECK(content.at("refresh") == "10s");
    CHECK(content.at("timezone") == "browser");
    CHECK(content.at("schemaVersion") == 42);
    // Numbers of a Grafana that it came from would be taken for those of another.
    CHECK_FALSE(content.contains("id"));
    CHECK(content.at("templating").at("list").at(0).at("type") == "datasource");
    CHECK(content.at("templating").at("list").at(0).at("name") == "datasource");
  }
  CHECK(names == std::set<std::string>{"audio-latency-nodes", "audio-latency-path",
                                       "audio-latency-paths", "audio-latency-pod"});
}

TEST_CASE("every panel says what it shows, in which unit, from the datasource that was chosen") {
  for (const Dashboard& dashboard : Dashboards()) {
    std::set<int> ids;
    for (const json& panel : Panels(dashboard.content)) {
      CAPTURE(dashboard.file, panel.at("title"));
      CHECK(ids.insert(panel.at("id").get<int>()).second);
      CHECK_FALSE(panel.at("title").get<std::string>().empty());
      if (panel.at("type") == "row") {
        continue;
      }
      CHECK(panel.at("description").get<std::string>().size() > 20);
      CHECK(panel.at("datasource").at("uid") == kDatasource);
      CHECK_FALSE(panel.at("fieldConfig").at("defaults").at("unit").get<std::string>().empty());
      REQUIRE_FALSE(panel.at("targets").empty());
      std::set<std::string> letters;
      for (const json& target : panel.at("targets")) {
        CHECK(letters.insert(target.at("refId")).second);
        CHECK(target.at("datasource").at("uid") == kDatasource);
      }
    }
  }
}

TEST_CASE("panels lie in the grid, and none over another") {
  constexpr int kColumns = 24;
  for (const Dashboard& dashboard : Dashboards()) {
    std::map<std::pair<int, int>, std::string> taken;
    for (const json& panel : dashboard.content.at("panels")) {
      CAPTURE(dashboard.file, panel.at("title"));
      const json& place = panel.at("gridPos");
      const int x = place.at("x");
      const int y = place.at("y");
      CHECK(x + place.at("w").get<int>() <= kColumns);
      for (int column = x; column < x + place.at("w").get<int>(); ++column) {
        for (int line = y; line < y + place.at("h").get<int>(); ++line) {
          CHECK(taken.try_emplace({column, line}, panel.at("title")).second);
        }
      }
    }
  }
}

// All text in it, keys left out.
void ForEachText(const json& value, const std::function<void(const std::string&)>& what) {
  if (value.is_string()) {
    what(value.get<std::string>());
  } else if (value.is_structured()) {
    for (const json& inner : value) {
      ForEachText(inner, what);
    }
  }
}

TEST_CASE("variables that are asked for are there, and links lead to one of the dashboards") {
  static const std::regex kVariable(R"(\$\{?([a-z]\w*))");
  static const std::regex kLink(R"(/d/([\w-]+)\?(.*))");
  static const std::regex kParameter(R"(var-(\w+)=)");
  std::map<std::string, std::set<std::string>> variables;
  for (const Dashboard& dashboard : Dashboards()) {
    for (const json& variable : dashboard.content.at("templating").at("list")) {
      variables[dashboard.content.at("uid")].insert(variable.at("name"));
    }
  }
  int links = 0;
  for (const Dashboard& dashboard : Dashboards()) {
    CAPTURE(dashboard.file);
    const std::string uid = dashboard.content.at("uid");
    ForEachText(dashboard.content, [&](const std::string& text) {
      CAPTURE(text);
      for (std::sregex_iterator match(text.begin(), text.end(), kVariable), end; match != end;
           ++match) {
        CHECK(variables[uid].contains((*match)[1]));
      }
      std::smatch link;
      if (std::regex_match(text, link, kLink)) {
        ++links;
        REQUIRE(variables.contains(link[1]));
        const std::string parameters = link[2];
        std::smatch parameter;
        REQUIRE(std::regex_search(parameters, parameter, kParameter));
        CHECK(variables[link[1]].contains(parameter[1]));
      }
    });
  }
  CHECK(links > 3);
}

TEST_CASE("the dashboards have the thresholds of ITU-T G.114") {
  for (const Dashboard& dashboard : Dashboards()) {
    if (dashboard.file == "nodes.json") {
      continue;
    }
    int panels = 0;
    for (const json& panel : Panels(dashboard.content)) {
      for (const json& step :
           panel.value("/fieldConfig/defaults/thresholds/steps"_json_pointer, json::array())) {
        panels += step.at("value") == 0.15 ? 1 : 0;
        panels += step.at("value") == 0.4 ? 1 : 0;
      }
    }
    CAPTURE(dashboard.file);
    CHECK(panels >= 4);
  }
}

}  // namespace
}  // namespace audio_latency::monitoring
