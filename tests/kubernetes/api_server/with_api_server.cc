// with-api-server COMMAND [ARGUMENT…]: runs the command with KUBECONFIG set for a Kubernetes API
// server that is started for it and ended with it. Its status is the command's; 77 where there is
// no API server to start.
//
// By root, the command runs in a lab: it sees the server on 127.0.0.1 and no other network, and
// nothing that it starts outlives it.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "common/status/status_macros.h"
#include "tests/kubernetes/api_server/api_server.h"
#include "tests/kubernetes/api_server/requirement.h"
#include "tests/lab/lab.h"
#include "tests/lab/network_namespace.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

constexpr int kCannotRun = 127;  // as shells say it

int RunCommandWith(char** command, const std::string& kubeconfig) {
  // Ctrl-C is for the command; what was started for it ends when it has.
  std::signal(SIGINT, SIG_IGN);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGINT, SIG_DFL);
    setenv("KUBECONFIG", kubeconfig.c_str(), 1);
    execvp(command[0], command);
    std::perror(command[0]);
    _exit(kCannotRun);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    std::perror("with-api-server");
    return EXIT_FAILURE;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int Run(char** command) {
  const ScratchFolder folder;
  const std::string kubeconfig = folder.path() + "/kubeconfig";
  const absl::StatusOr<std::unique_ptr<ApiServer>> server = ApiServer::Start();
  const absl::Status ready =
      server.ok() ? WriteKubeconfig((*server)->admin(), kubeconfig) : server.status();
  if (!ready.ok()) {
    fmt::print(stderr, "with-api-server: {}\n", Message(ready));
    return EXIT_FAILURE;
  }
  return RunCommandWith(command, kubeconfig);
}

int Main(char** command) {
  if (const auto program = FindApiServerProgram(); !program.ok()) {
    return ExitWithoutApiServer(program.status());
  }
  if (geteuid() != 0) {
    return Run(command);
  }
  const absl::StatusOr<int> status = Lab::Run([command](const Lab&) {
    const absl::StatusOr<NetworkNamespace> network = NetworkNamespace::OfThisThread();
    const absl::Status up =
        network.ok() ? network->Configure("link set lo up\n") : network.status();
    if (!up.ok()) {
      fmt::print(stderr, "with-api-server: {}\n", Message(up));
      return EXIT_FAILURE;
    }
    return Run(command);
  });
  if (!status.ok()) {
    fmt::print(stderr, "with-api-server: {}\n", Message(status.status()));
    return EXIT_FAILURE;
  }
  return *status;
}

}  // namespace
}  // namespace audio_latency::lab

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: with-api-server COMMAND [ARGUMENT…]\n", stderr);
    return 2;
  }
  return audio_latency::lab::Main(argv + 1);
}
