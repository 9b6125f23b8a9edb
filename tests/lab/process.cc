#include "tests/lab/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/status/status_macros.h"
#include "tests/lab/errno_status.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {
namespace {

// Programs with sanitizers are given so many times as long to do what they are waited for.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kPatienceFactor = 6;
#else
constexpr int kPatienceFactor = 1;
#endif

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Of the caller's environment: how sanitizers that the program is built with are to report, which
// tests/sanitizers/run_test.sh sets.
constexpr const char* kHandedOn[] = {"ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
                                     "UBSAN_OPTIONS"};

// Everything that the child needs, made before the fork: between fork and exec a program with
// threads may only make system calls.
struct Preparation {
  std::string program;
  std::vector<char*> arguments;
  std::vector<std::string> environment_texts;
  std::vector<char*> environment;
  int network = -1;
  FileDescriptor input;
  FileDescriptor output;
  FileDescriptor error;
};

// The steps between fork and exec, to name the one that failed.
enum class Step : int { kNamespace, kMount, kRedirect, kExecute };

const char* StepName(Step step) {
  switch (step) {
    case Step::kNamespace:
      return "entering the network namespace of";
    case Step::kMount:
      return "mounting /sys for";
    case Step::kRedirect:
      return "redirecting the output of";
    case Step::kExecute:
      break;
  }
  return "executing";
}

struct Failure {
  Step step;
  int error_number;
};

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) != 0) {
      return ErrnoStatus(fmt::format("starting {}", name));
    }
    return name;
  }
  std::istringstream folders{kDefaultPath};
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = folder + "/" + name;
    if (access(path.c_str(), X_OK) == 0) {
      return path;
    }
  }
  return absl::NotFoundError(
      fmt::format("program {} is not installed; .ci/setup installs what the lab needs", name));
}

absl::StatusOr<FileDescriptor> MemoryFile(const char* name) {
  FileDescriptor file(memfd_create(name, MFD_CLOEXEC));
  if (!file.is_open()) {
    return ErrnoStatus("making a memory file");
  }
  return file;
}

absl::Status OpenStreams(const ProcessOptions& options, Preparation* preparation) {
  ASSIGN_OR_RETURN(preparation->input, MemoryFile("input"));
  const std::string& input = options.input;
  if (pwrite(preparation->input.get(), input.data(), input.size(), 0) !=
      static_cast<ssize_t>(input.size())) {
    return ErrnoStatus("writing a program's input");
  }
  if (options.log_path.empty()) {
    ASSIGN_OR_RETURN(preparation->output, MemoryFile("output"));
    ASSIGN_OR_RETURN(preparation->error, MemoryFile("error"));
    return absl::OkStatus();
  }
  preparation->output =
      FileDescriptor(open(options.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                          S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH));
  if (!preparation->output.is_open()) {
    return ErrnoStatus(fmt::format("opening log file {}", options.log_path));
  }
  return absl::OkStatus();
}

absl::StatusOr<Preparation> Prepare(const ProcessOptions& options) {
  if (options.arguments.empty()) {
    return absl::InvalidArgumentError("no program given");
  }
  Preparation preparation;
  ASSIGN_OR_RETURN(preparation.program, FindProgram(options.arguments.front()));
  for (const std::string& argument : options.arguments) {
    preparation.arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  preparation.arguments.push_back(nullptr);
  preparation.environment_texts = {fmt::format("PATH={}", kDefaultPath), "HOME=/tmp", "TERM=dumb"};
  for (const char* const name : kHandedOn) {
    if (const char* const value = std::getenv(name); value != nullptr) {
      preparation.environment_texts.push_back(fmt::format("{}={}", name, value));
    }
  }
  for (const auto& [name, value] : options.environment) {
    preparation.environment_texts.push_back(fmt::format("{}={}", name, value));
  }
  for (std::string& text : preparation.environment_texts) {
    preparation.environment.push_back(text.data());
  }
  preparation.environment.push_back(nullptr);
  preparation.network = options.network == nullptr ? -1 : options.network->descriptor();
  RETURN_IF_ERROR(OpenStreams(options, &preparation));
  return preparation;
}

// sysfs shows the interfaces of the network namespace that it was mounted in.
bool MountSys() {
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return false;
  }
  // Where /sys shows this very network already, a second mount on top would be refused.
  umount2("/sys", MNT_DETACH);
  return mount("sysfs", "/sys", "sysfs", 0, nullptr) == 0 &&
         mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) == 0;
}

bool Redirect(const Preparation& preparation) {
  const int error =
      preparation.error.is_open() ? preparation.error.get() : preparation.output.get();
  return dup2(preparation.input.get(), STDIN_FILENO) >= 0 &&
         lseek(STDIN_FILENO, 0, SEEK_SET) == 0 &&
         dup2(preparation.output.get(), STDOUT_FILENO) >= 0 && dup2(error, STDERR_FILENO) >= 0;
}

[[noreturn]] void RunChild(const Preparation& preparation, int report) {
  const auto fail = [report](Step step) {
    const Failure failure = {step, errno};
    _exit(write(report, &failure, sizeof(failure)) < 0 ? 126 : 127);
  };
  // What the caller blocks or ignores must not be handed on.
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (preparation.network >= 0) {
    if (setns(preparation.network, CLONE_NEWNET) != 0) {
      fail(Step::kNamespace);
    }
    if (!MountSys()) {
      fail(Step::kMount);
    }
  }
  if (!Redirect(preparation)) {
    fail(Step::kRedirect);
  }
  execve(preparation.program.c_str(), preparation.arguments.data(), preparation.environment.data());
  fail(Step::kExecute);
  _exit(127);
}

std::string Contents(const FileDescriptor& file) {
  std::string text;
  char chunk[4096];
  ssize_t got = 0;
  while (file.is_open() &&
         (got = pread(file.get(), chunk, sizeof(chunk), static_cast<off_t>(text.size()))) > 0) {
    text.append(chunk, static_cast<size_t>(got));
  }
  return text;
}

}  // namespace

absl::StatusOr<Process> Process::Start(const ProcessOptions& options) {
  ASSIGN_OR_RETURN(Preparation preparation, Prepare(options));
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    return ErrnoStatus("making a pipe");
  }
  FileDescriptor reading(report[0]);
  FileDescriptor writing(report[1]);
  const pid_t pid = fork();
  if (pid == 0) {
    RunChild(preparation, writing.get());
  }
  if (pid < 0) {
    return ErrnoStatus(fmt::format("starting {}", preparation.program));
  }
  writing.Close();
  Failure failure = {};
  if (read(reading.get(), &failure, sizeof(failure)) == static_cast<ssize_t>(sizeof(failure))) {
    waitpid(pid, nullptr, 0);
    return ErrnoStatus(fmt::format("{} {}", StepName(failure.step), preparation.program),
                       failure.error_number);
  }
  FileDescriptor handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const bool in_memory = options.log_path.empty();
  return Process(pid, std::move(handle),
                 in_memory ? std::move(preparation.output) : FileDescriptor(),
                 in_memory ? std::move(preparation.error) : FileDescriptor());
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      handle_(std::move(other.handle_)),
      output_(std::move(other.output_)),
      error_(std::move(other.error_)),
      exit_status_(other.exit_status_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    Terminate();
    pid_ = std::exchange(other.pid_, -1);
    handle_ = std::move(other.handle_);
    output_ = std::move(other.output_);
    error_ = std::move(other.error_);
    exit_status_ = other.exit_status_;
  }
  return *this;
}

Process::~Process() { Terminate(); }

bool Process::IsRunning() { return pid_ > 0 && !Wait(0).has_value(); }

std::optional<int> Process::Wait(int timeout_ms) {
  if (exit_status_.has_value() || pid_ <= 0) {
    return exit_status_;
  }
  pollfd ended = {.fd = handle_.get(), .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, timeout_ms) <= 0) {
    return std::nullopt;
  }
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) {
    exit_status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return exit_status_;
}

int Process::Terminate(int grace_ms) {
  if (pid_ <= 0) {
    return 0;
  }
  if (!Wait(0).has_value()) {
    kill(pid_, SIGTERM);
    if (!Wait(kPatienceFactor * grace_ms).has_value()) {
      kill(pid_, SIGKILL);
      Wait(-1);
    }
  }
  return exit_status_.value_or(0);
}

void Process::Signal(int number) const {
  if (pid_ > 0 && !exit_status_.has_value()) {
    kill(pid_, number);
  }
}

std::string Process::StandardOutput() const { return Contents(output_); }
std::string Process::StandardError() const { return Contents(error_); }

absl::StatusOr<ResourceUsage> Process::Usage() const {
  std::ifstream file(fmt::format("/proc/{}/stat", pid_));
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) {
    return absl::NotFoundError(fmt::format("process {} has ended", pid_));
  }
  // Fields as in proc(5), counted from 1; the text behind the name starts with field 3.
  std::istringstream fields(line.substr(name_end + 1));
  std::vector<std::string> values = {"", "", ""};
  for (std::string value; fields >> value;) {
    values.push_back(value);
  }
  constexpr size_t kUserTicks = 14;
  constexpr size_t kSystemTicks = 15;
  constexpr size_t kResidentPages = 24;
  if (values.size() <= kResidentPages) {
    return absl::InternalError(fmt::format("/proc/{}/stat is too short", pid_));
  }
  ResourceUsage usage;
  usage.cpu_seconds = (std::stod(values[kUserTicks]) + std::stod(values[kSystemTicks])) /
                      static_cast<double>(sysconf(_SC_CLK_TCK));
  usage.resident_bytes = std::stoll(values[kResidentPages]) * sysconf(_SC_PAGESIZE);
  return usage;
}

absl::StatusOr<CommandResult> RunCommand(const ProcessOptions& options, int timeout_ms) {
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  const int patience_ms = kPatienceFactor * timeout_ms;
  const std::optional<int> status = process.Wait(patience_ms);
  if (!status.has_value()) {
    return absl::DeadlineExceededError(
        fmt::format("{} did not end within {} ms", options.arguments.front(), patience_ms));
  }
  return CommandResult{*status, process.StandardOutput(), process.StandardError()};
}

std::string BuiltProgram(const std::string& name) {
  std::error_code ignored;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (self.parent_path().parent_path() / "bin" / name).string();
}

}  // namespace audio_latency::lab
