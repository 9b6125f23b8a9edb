#include "common/process/shutdown.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

namespace audio_latency {
namespace {

// Runs `body` in a child process and gives its exit code; 128 + signal when a signal ended it.
template <typename Body>
int ExitCodeOf(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_CASE("SIGTERM, SIGINT and SIGHUP end the wait") {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    CHECK(ExitCodeOf([signal] {
            const auto shutdown = Shutdown::Install();
            kill(getpid(), signal);
            (*shutdown)->Wait();
            return 7;
          }) == 7);
  }
}

TEST_CASE("a SIGHUP that is ignored, as nohup does, stays so") {
  CHECK(ExitCodeOf([] {
          std::signal(SIGHUP, SIG_IGN);
          const auto shutdown = Shutdown::Install();
          kill(getpid(), SIGHUP);
          kill(getpid(), SIGTERM);
          (*shutdown)->Wait();
          // A second signal would have ended the program with another status.
          sleep(1);
          return 7;
        }) == 7);
}

TEST_CASE("a signal that came before there was anybody to wait for it is not lost") {
  CHECK(ExitCodeOf([] {
          std::signal(SIGTERM, SIG_DFL);  // Catch has a handler of its own
          auto signals = BlockedSignals::Block();
          std::thread other([] { sleep(1); });
          // To the process: any thread that does not block it would be chosen.
          kill(getpid(), SIGTERM);
          const auto shutdown = Shutdown::Install(*std::move(signals));
          (*shutdown)->Wait();
          other.join();
          return 7;
        }) == 7);
}

TEST_CASE("a request ends the wait") {
  CHECK(ExitCodeOf([] {
          const auto shutdown = Shutdown::Install();
          std::thread other([&shutdown] { (*shutdown)->Request(); });
          (*shutdown)->Wait();
          other.join();
          (*shutdown)->Wait();  // and every later one
          return 8;
        }) == 8);
}

TEST_CASE("a second signal ends the program at once") {
  CHECK(ExitCodeOf([] {
          const auto shutdown = Shutdown::Install();
          kill(getpid(), SIGTERM);
          (*shutdown)->Wait();
          kill(getpid(), SIGTERM);
          sleep(20);  // winding down, far too slowly
          return 9;
        }) == 130);
}

TEST_CASE("a broken pipe is no reason to end") {
  CHECK(ExitCodeOf([] {
          const auto shutdown = Shutdown::Install();
          std::array<int, 2> ends = {};
          if (pipe(ends.data()) != 0) {
            return 1;
          }
          close(ends[0]);
          return write(ends[1], "x", 1) == -1 ? 10 : 1;
        }) == 10);
}

TEST_CASE("signals are as before once it is gone") {
  CHECK(ExitCodeOf([] {
          std::signal(SIGTERM, SIG_DFL);  // Catch has a handler of its own
          Shutdown::Install()->reset();
          kill(getpid(), SIGTERM);
          sleep(20);
          return 1;
        }) == 128 + SIGTERM);
}

}  // namespace
}  // namespace audio_latency
