#include "tests/lab/lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

// Exit status by which the launcher says that the lab could not be set up; the reason is in the
// pipe.
constexpr int kSetupFailed = 255;

// A chain of processes, each of which dies with the one before it:
//   caller > launcher > init (process 1 of the lab) > body
// The launcher exists because unshare(CLONE_NEWPID) would leave its mark on the caller. Init
// exists because process 1 has no default signal actions and must collect orphans; when it dies,
// the kernel kills whatever else runs in the lab.

int ExitStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return ExitStatus(status);
}

// Waits for all children until `child` is among them.
int CollectUntil(pid_t child) {
  for (;;) {
    int status = 0;
    const pid_t collected = waitpid(-1, &status, 0);
    if (collected == child) {
      return ExitStatus(status);
    }
    if (collected < 0 && errno != EINTR) {
      return kSetupFailed;
    }
  }
}

[[noreturn]] void FailSetup(int report, const absl::Status& status) {
  const std::string text = Message(status);
  // A reader that is gone leaves nobody to tell.
  if (write(report, text.data(), text.size()) < 0) {
    _exit(kSetupFailed);
  }
  _exit(kSetupFailed);
}

absl::Status MountViews() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoStatus("making the lab's mounts private");
  }
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return ErrnoStatus("mounting the lab's /proc");
  }
  return absl::OkStatus();
}

int RunBody(const std::function<int()>& body) {
  int status = EXIT_FAILURE;
  try {
    status = body();
  } catch (const std::exception& error) {
    fmt::print(stderr, "lab: ended by an exception: {}\n", error.what());
  }
  std::fflush(nullptr);
  return status;
}

[[noreturn]] void RunInit(int lifeline, int report, const std::function<int()>& body) {
  // The launcher may have died before this call; the lifeline's other end is then closed already.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd launcher = {.fd = lifeline, .events = 0, .revents = 0};
  if (poll(&launcher, 1, 0) != 0) {
    _exit(kSetupFailed);
  }
  if (absl::Status mounted = MountViews(); !mounted.ok()) {
    FailSetup(report, mounted);
  }
  close(report);
  const pid_t child = fork();
  if (child == 0) {
    _exit(RunBody(body));
  }
  _exit(child < 0 ? kSetupFailed : CollectUntil(child));
}

[[noreturn]] void RunLauncher(pid_t caller, int report, const std::function<int()>& body) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != caller) {
    _exit(kSetupFailed);
  }
  if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) != 0) {
    FailSetup(report, ErrnoStatus("making namespaces for the lab (run it as root)"));
  }
  int lifeline[2];
  if (pipe2(lifeline, O_CLOEXEC) != 0) {
    FailSetup(report, ErrnoStatus("making a pipe for the lab"));
  }
  const pid_t init = fork();
  if (init == 0) {
    close(lifeline[1]);
    RunInit(lifeline[0], report, body);
  }
  if (init < 0) {
    FailSetup(report, ErrnoStatus("starting the lab's first process"));
  }
  close(report);
  _exit(WaitFor(init));
}

std::string ReadAll(int descriptor) {
  std::string text;
  char chunk[512];
  for (;;) {
    const ssize_t got = read(descriptor, chunk, sizeof(chunk));
    if (got > 0) {
      text.append(chunk, static_cast<size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      return text;
    }
  }
}

}  // namespace

absl::StatusOr<int> Lab::Run(const std::function<int(const Lab&)>& body) {
  ASSIGN_OR_RETURN(NetworkNamespace outside, NetworkNamespace::OfThisThread());
  const Lab lab(std::move(outside));
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    return ErrnoStatus("making a pipe for the lab");
  }
  // What is still buffered would otherwise be printed twice.
  std::fflush(nullptr);
  const pid_t caller = getpid();
  const pid_t launcher = fork();
  if (launcher == 0) {
    close(report[0]);
    RunLauncher(caller, report[1], [&] { return body(lab); });
  }
  const int fork_error = errno;
  FileDescriptor reading(report[0]);
  close(report[1]);
  if (launcher < 0) {
    return ErrnoStatus("starting the lab", fork_error);
  }
  const std::string failure = ReadAll(reading.get());
  const int status = WaitFor(launcher);
  if (!failure.empty()) {
    return absl::PermissionDeniedError(failure);
  }
  return status;
}

}  // namespace audio_latency::lab
