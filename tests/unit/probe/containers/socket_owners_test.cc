#include "probe/containers/socket_owners.h"

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <thread>

#include "tests/support/recording_logger.h"

namespace audio_latency::probe {
namespace {

using testing::RecordingLogger;

// What a container's seccomp profile may do, to the calling thread alone. False where it cannot be.
bool ForbidSocketDiagnosis() {
  // The low half of a word of 64 bits, as the machine stores it.
  constexpr auto kArgument = [](size_t index) {
    const size_t low_half = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    return static_cast<uint32_t>(offsetof(seccomp_data, args) + index * 8 + low_half);
  };
  std::array<sock_filter, 8> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArgument(0)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArgument(2)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_SOCK_DIAG, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST_CASE("where a sandbox forbids asking for sockets the probe goes on, and says so once") {
  RecordingLogger logger;
  const std::unique_ptr<SocketOwners> allowed = SocketOwners::OpenOrWarn(&logger);
  CHECK(allowed != nullptr);
  CHECK(logger.lines().empty());

  bool is_forbidden = false;
  std::unique_ptr<SocketOwners> forbidden;
  std::thread([&] {
    is_forbidden = ForbidSocketDiagnosis();
    forbidden = SocketOwners::OpenOrWarn(&logger);
  }).join();
  REQUIRE(is_forbidden);
  CHECK(forbidden == nullptr);
  REQUIRE(logger.lines().size() == 1);
  CHECK(logger.lines().front().level == LogLevel::kWarn);
  CHECK_THAT(logger.lines().front().message, Catch::Matchers::Contains("seccomp"));
}

}  // namespace
}  // namespace audio_latency::probe
