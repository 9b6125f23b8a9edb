#include "probe/capture/load_failure.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "common/status/status_macros.h"

namespace audio_latency::probe {
namespace {

constexpr uint64_t kNetAdmin = uint64_t{1} << 12;
constexpr uint64_t kSysAdmin = uint64_t{1} << 21;
constexpr uint64_t kPerfmon = uint64_t{1} << 38;
constexpr uint64_t kBpf = uint64_t{1} << 39;
constexpr uint64_t kAll = kNetAdmin | kPerfmon | kBpf;

KernelFacts Facts(const std::string& release, bool has_btf, uint64_t capabilities,
                  const std::string& machine = "x86_64") {
  return {release, machine, has_btf, capabilities, false};
}

bool IsNewEnough(const std::string& release, const std::string& machine = "x86_64") {
  return IsKernelNewEnough(Facts(release, true, kAll, machine));
}

TEST_CASE("releases are compared by their numbers") {
  CHECK(IsNewEnough("5.15.0-91-generic"));
  CHECK(IsNewEnough("6.1"));
  CHECK(IsNewEnough("10.0.0"));
  CHECK(IsNewEnough("custom"));
  CHECK_FALSE(IsNewEnough("5.9.16"));
  CHECK_FALSE(IsNewEnough("4.18.0-553.el8"));
  CHECK_FALSE(IsNewEnough("5.15.0-91-generic", "aarch64"));
  CHECK_FALSE(IsNewEnough("5.17.3", "aarch64"));
  CHECK(IsNewEnough("5.18.0", "aarch64"));
}

TEST_CASE("missing capabilities are named") {
  CHECK(MissingCapabilities(kAll).empty());
  CHECK(MissingCapabilities(kNetAdmin | kSysAdmin).empty());
  CHECK(MissingCapabilities(0) == "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON");
  CHECK(MissingCapabilities(kNetAdmin | kBpf) == "CAP_PERFMON");
}

TEST_CASE("a failure to load says what to do") {
  const absl::Status capability = DescribeLoadFailure(EPERM, Facts("6.1.0", true, kNetAdmin));
  CHECK(absl::IsPermissionDenied(capability));
  CHECK_THAT(Message(capability), Catch::Contains("without CAP_BPF, CAP_PERFMON"));

  // Without CAP_PERFMON the verifier answers EACCES.
  CHECK(absl::IsPermissionDenied(
      DescribeLoadFailure(EACCES, Facts("6.1.0", true, kNetAdmin | kBpf))));

  const absl::Status old = DescribeLoadFailure(EINVAL, Facts("5.10.0-21-amd64", true, kAll));
  CHECK_THAT(Message(old), Catch::Contains("5.10.0-21-amd64") && Catch::Contains("5.15"));

  // They are loaded without the kernel's BTF, so that its lack is no reason.
  CHECK_THAT(Message(DescribeLoadFailure(EINVAL, Facts("6.1.0", false, kAll))),
             !Catch::Contains("BTF"));

  const absl::Status old_arm = DescribeLoadFailure(524, Facts("5.15.0", true, kAll, "aarch64"));
  CHECK_THAT(Message(old_arm), Catch::Contains("aarch64") && Catch::Contains("5.18"));

  const absl::Status jit = DescribeLoadFailure(524, Facts("6.1.0", true, kAll, "riscv64"));
  CHECK_THAT(Message(jit), Catch::Contains("riscv64") && Catch::Contains("atomics") &&
                               Catch::Contains("bpf_jit_enable") && !Catch::Contains("524"));

  const absl::Status memory = DescribeLoadFailure(ENOMEM, Facts("6.1.0", true, kAll));
  CHECK_THAT(Message(memory), Catch::Contains("PERF_BUFFER_SIZE"));

  const absl::Status lockdown = DescribeLoadFailure(EPERM, Facts("6.1.0", true, kAll));
  CHECK_THAT(Message(lockdown), Catch::Contains("lockdown"));

  const absl::Status other = DescribeLoadFailure(E2BIG, Facts("6.1.0", true, kAll));
  CHECK_THAT(Message(other), Catch::Contains("LOG_LEVEL=debug"));
}

TEST_CASE("versions are compared as numbers") {
  for (const char* release : {"5.15.0", "5.100.1", "6.1", "10.0", "6"}) {
    INFO(release);
    CHECK_THAT(Message(DescribeLoadFailure(E2BIG, Facts(release, true, kAll))),
               !Catch::Contains("or later is needed"));
  }
  for (const char* release : {"5.14.21", "4.18.0-553.el8"}) {
    INFO(release);
    CHECK_THAT(Message(DescribeLoadFailure(E2BIG, Facts(release, true, kAll))),
               Catch::Contains("or later is needed"));
  }
}

TEST_CASE("the facts of this kernel can be read") {
  CHECK_FALSE(ReadKernelFacts().release.empty());
}

}  // namespace
}  // namespace audio_latency::probe
