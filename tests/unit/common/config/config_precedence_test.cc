// Flag > environment > file > default, for every combination and every kind of option.

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/config/config.h"

namespace audio_latency {
namespace {

struct Options {
  std::string text = "default";
  int64_t number = 1;
  std::string choice = "default";
  std::vector<std::string> list = {"default"};
  std::string custom = "default";
  std::string secret = "default";
};

struct Values {
  std::string text;
  int64_t number;
};

constexpr int kFlag = 4;
constexpr int kEnvironment = 2;
constexpr int kFile = 1;

// What each source says: text, number.
Values ValuesOf(int source) {
  switch (source) {
    case kFlag:
      return {"flag", 4};
    case kEnvironment:
      return {"environment", 3};
    case kFile:
      return {"file", 2};
    default:
      return {"default", 1};
  }
}

int Highest(int sources) {
  for (const int source : {kFlag, kEnvironment, kFile}) {
    if ((sources & source) != 0) {
      return source;
    }
  }
  return 0;
}

TEST_CASE("the precedence is flag, environment, file, default") {
  const std::string path = (std::filesystem::temp_directory_path() /
                            fmt::format("audio-latency-precedence-{}.yaml", getpid()))
                               .string();
  for (int sources = 0; sources < 8; ++sources) {
    for (const bool file_by_flag : {true, false}) {
      Options options;
      ConfigParser parser("program", "A program.");
      parser.AddString("SOME_TEXT", "text", &options.text);
      parser.AddInteger("SOME_NUMBER", "number", 0, 10, &options.number);
      parser.AddChoice("SOME_CHOICE", "choice", {"default", "file", "environment", "flag"},
                       &options.choice);
      parser.AddList("SOME_LIST", "list", &options.list);
      parser.AddCustom("SOME_CUSTOM", "custom", options.custom, [&options](std::string_view text) {
        options.custom = text;
        return absl::OkStatus();
      });
      parser.AddSecret("SOME_SECRET", "secret", &options.secret);

      std::vector<std::string> arguments;
      std::map<std::string, std::string> environment = {{"HOME", "/root"}};
      if ((sources & kFlag) != 0) {
        arguments = {"--some-text=flag",
                     "--some-number",
                     "4",
                     "--some-choice",
                     "flag",
                     "--some-list",
                     "flag,flag2",
                     "--some-custom=flag",
                     "--some-secret",
                     "flag"};
      }
      if ((sources & kEnvironment) != 0) {
        for (const char* name :
             {"SOME_TEXT", "SOME_CHOICE", "SOME_LIST", "SOME_CUSTOM", "SOME_SECRET"}) {
          environment[name] = "environment";
        }
        environment["SOME_NUMBER"] = "3";
      }
      if ((sources & kFile) != 0) {
        std::ofstream(path) << "some_text: file\nsome_number: 2\n"
                               "some_choice: file\nsome_list: [file, file2]\nsome_custom: file\n"
                               "some_secret: file\n";
        if (file_by_flag) {
          arguments.insert(arguments.begin(), {"-c", path});
        } else {
          environment["CONFIG"] = path;
        }
      }
      std::vector<const char*> pointers;
      for (const std::string& argument : arguments) {
        pointers.push_back(argument.c_str());
      }
      INFO("sources " << sources);
      const auto outcome = parser.Parse(pointers, environment);
      REQUIRE(outcome.ok());
      CHECK(*outcome == ConfigParser::Outcome::kRun);
      const Values expected = ValuesOf(Highest(sources));
      CHECK(options.text == expected.text);
      CHECK(options.number == expected.number);
      CHECK(options.choice == expected.text);
      CHECK(options.list.front() == expected.text);
      CHECK(options.custom == expected.text);
      CHECK(options.secret == expected.text);
      CHECK(parser.warnings().empty());
    }
  }
  std::filesystem::remove(path);
}

TEST_CASE("a file named by flag counts, not the one named by the environment") {
  std::string text = "default";
  ConfigParser parser("program", "A program.");
  parser.AddString("SOME_TEXT", "text", &text);
  const std::string path = (std::filesystem::temp_directory_path() /
                            fmt::format("audio-latency-config-flag-{}.yaml", getpid()))
                               .string();
  std::ofstream(path) << "some_text: by flag\n";
  const std::string flag = "--config=" + path;
  REQUIRE(parser.Parse(std::vector<const char*>{flag.c_str()}, {{"CONFIG", "/nowhere.yaml"}}).ok());
  CHECK(text == "by flag");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace audio_latency
