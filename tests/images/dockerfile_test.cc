// What the Dockerfiles are held to, without building them.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace audio_latency {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = AUDIO_LATENCY_SOURCE;

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Instructions without comments, each on one line, its keyword first.
std::vector<std::string> Instructions(const std::string& name) {
  std::vector<std::string> instructions;
  std::istringstream lines(Read(kSource / "docker" / name));
  bool goes_on = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') {
      continue;
    }
    const bool continues = line.back() == '\\';
    if (continues) {
      line.pop_back();
    }
    if (goes_on) {
      instructions.back() += line;
    } else {
      instructions.push_back(line);
    }
    goes_on = continues;
  }
  return instructions;
}

std::vector<size_t> StagesOf(const std::vector<std::string>& instructions) {
  std::vector<size_t> stages;
  for (size_t i = 0; i < instructions.size(); ++i) {
    if (instructions[i].starts_with("FROM ")) {
      stages.push_back(i);
    }
  }
  return stages;
}

std::vector<std::string> FirstStage(const std::string& name) {
  std::vector<std::string> instructions = Instructions(name);
  const std::vector<size_t> stages = StagesOf(instructions);
  REQUIRE(stages.size() == 3);
  instructions.resize(stages[1]);
  return instructions;
}

TEST_CASE("both images compile in one stage, which a builder that keeps layers runs once") {
  CHECK(FirstStage("probe.Dockerfile") == FirstStage("correlator.Dockerfile"));
  CHECK(FirstStage("probe.Dockerfile").size() > 4);
}

TEST_CASE("an image begins with nothing, ends with a user by number and a program by its path") {
  const std::string name = GENERATE("probe.Dockerfile", "correlator.Dockerfile");
  CAPTURE(name);
  const std::vector<std::string> all = Instructions(name);
  const std::vector<std::string> last(all.begin() + static_cast<int64_t>(StagesOf(all).back()),
                                      all.end());
  CHECK(last.front() == "FROM scratch");
  CHECK(last[1] == "ARG VERSION=" AUDIO_LATENCY_VERSION);
  CHECK(last[last.size() - 2] == "USER 65532:65532");
  CHECK_THAT(last.back(), Catch::StartsWith("ENTRYPOINT [\"/usr/bin/audio-latency-"));
  for (const std::string& instruction : last) {
    // No command could run there.
    CHECK_FALSE(instruction.starts_with("RUN "));
  }
}

TEST_CASE("Dockerfiles name nothing that is not pinned, fetch nothing but packages") {
  const std::string name = GENERATE("probe.Dockerfile", "correlator.Dockerfile");
  CAPTURE(name);
  for (const std::string& instruction : Instructions(name)) {
    CAPTURE(instruction);
    CHECK_FALSE(instruction.starts_with("ADD "));
    CHECK_FALSE(instruction.starts_with("MAINTAINER "));
    CHECK_FALSE(std::regex_search(instruction, std::regex("(curl|wget|sudo|:latest)\\b")));
    if (instruction.starts_with("FROM ") && !instruction.starts_with("FROM programs")) {
      CHECK(std::regex_match(instruction,
                             std::regex("FROM (scratch|debian:bookworm-slim AS programs)")));
    }
    if (instruction.find("apt-get install") != std::string::npos) {
      for (const char* const part : {"apt-get update", " -y ", "--no-install-recommends",
                                     "apt-get clean", "rm -rf /var/lib/apt/lists/*"}) {
        CHECK(instruction.find(part) != std::string::npos);
      }
    }
  }
}

TEST_CASE("nothing of docker/ is for one architecture only") {
  for (const auto& entry : fs::directory_iterator(kSource / "docker")) {
    CAPTURE(entry.path().string());
    if (entry.path().extension() != ".md") {
      CHECK_FALSE(std::regex_search(Read(entry.path()),
                                    std::regex("x86.64|amd64|arm64|aarch64|linux-gnu")));
    }
  }
}

TEST_CASE("only what the images are built from goes to the builder") {
  std::istringstream lines(Read(kSource / ".dockerignore"));
  std::vector<std::string> rules;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != '#') {
      rules.push_back(line);
    }
  }
  REQUIRE(rules.size() > 5);
  CHECK(rules.front() == "*");
  for (const std::string& rule : rules) {
    CAPTURE(rule);
    if (rule[0] == '!') {
      CHECK(fs::exists(kSource / rule.substr(1)));
    }
  }
}

}  // namespace
}  // namespace audio_latency
