// Child processes, in a network namespace where one is given.

#ifndef TESTS_LAB_PROCESS_H_
#define TESTS_LAB_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"

namespace audio_latency::lab {

class NetworkNamespace;

struct ProcessOptions {
  // The program first, looked up in PATH.
  std::vector<std::string> arguments;
  // All that the program finds in its environment beside PATH, HOME, TERM and sanitizers' options.
  std::map<std::string, std::string> environment;
  // Null: the caller's. With one, the program also has a /sys of its own that shows this network's
  // interfaces, and a bpf file system of its own.
  const NetworkNamespace* network = nullptr;
  // What the program reads from its standard input.
  std::string input;
  // Both outputs are written to this file; empty: they are kept in memory, apart.
  std::string log_path;
};

// What a process has taken so far.
struct ResourceUsage {
  int64_t resident_bytes = 0;
  double cpu_seconds = 0;
};

// Owns one process: the destructor ends it. Not thread-safe.
class Process {
 public:
  // An error tells which step failed: the program is not there, the namespace cannot be entered, …
  static absl::StatusOr<Process> Start(const ProcessOptions& options);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  // Asks it to end, and after 5 seconds makes it.
  ~Process();

  pid_t pid() const { return pid_; }
  bool IsRunning();
  // The exit status (128 + number where a signal ended it) when it ends within the time.
  std::optional<int> Wait(int timeout_ms);
  // SIGTERM, and SIGKILL when that has not helped within the time (in builds with sanitizers six
  // times that). Returns the exit status.
  int Terminate(int grace_ms = 5000);
  void Signal(int number) const;

  // What was written so far; both empty where a log_path was given.
  std::string StandardOutput() const;
  std::string StandardError() const;
  absl::StatusOr<ResourceUsage> Usage() const;

 private:
  Process(pid_t pid, FileDescriptor handle, FileDescriptor output, FileDescriptor error)
      : pid_(pid),
        handle_(std::move(handle)),
        output_(std::move(output)),
        error_(std::move(error)) {}

  pid_t pid_ = -1;
  FileDescriptor handle_;  // pidfd
  FileDescriptor output_;
  FileDescriptor error_;
  std::optional<int> exit_status_;
};

struct CommandResult {
  int exit_status = 0;
  std::string output;
  std::string error;
};

// Runs a program to its end. DEADLINE_EXCEEDED when it takes longer than `timeout_ms` (in builds
// with sanitizers six times that).
absl::StatusOr<CommandResult> RunCommand(const ProcessOptions& options, int timeout_ms = 30000);

// The path of a program of this build: they lie in bin/ beside the running program's directory.
std::string BuiltProgram(const std::string& name);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_PROCESS_H_
