// lab-container: becomes a program in an image's root file system, as a container runtime would.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/lab/container/container.h"
#include "tests/parse_arguments.h"

int main(int argc, char** argv) {
  audio_latency::lab::ContainerOptions options;
  std::vector<std::pair<std::string, std::string>> mounts;
  std::vector<std::string> command;
  bool empty_permitted = false;
  bool allow_privilege_escalation = false;
  CLI::App app("Becomes a program in an image's root file system, as a container runtime would.",
               "lab-container");
  app.add_option("--root", options.root, "folder with the image's files")->required();
  app.add_option("--user", options.user, "user and group of the program")->capture_default_str();
  app.add_option("--capabilities", options.capabilities, "bit n is capability n")
      ->capture_default_str();
  app.add_flag("--empty-permitted", empty_permitted,
               "capabilities are in the bounding set only, as Docker Engine has it");
  app.add_flag("--allow-privilege-escalation", allow_privilege_escalation, "without no_new_privs");
  app.add_option("--mount", mounts, "file or folder outside, and its path inside; read-only")
      ->allow_extra_args(false);
  app.add_option("command", command, "program inside, and its arguments")->required();
  if (const auto status = audio_latency::ParseArguments(&app, argc, argv); status.has_value()) {
    return *status;
  }
  options.keeps_permitted = !empty_permitted;
  options.no_new_privileges = !allow_privilege_escalation;
  for (const auto& [source, target] : mounts) {
    options.mounts.push_back({source, target});
  }
  const absl::Status status = audio_latency::lab::BecomeContainer(options, command);
  fmt::print(stderr, "lab-container: {}\n", audio_latency::Message(status));
  constexpr int kCannotRun = 126;
  return kCannotRun;
}
