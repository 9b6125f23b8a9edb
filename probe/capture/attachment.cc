#include "probe/capture/attachment.h"

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace audio_latency::probe {

absl::StatusOr<std::unique_ptr<Attacher>> MakeAttacher(TcAttach choice, TcxOrder order,
                                                       CapturePrograms* programs) {
  if (choice == TcAttach::kClsact) {
    return MakeClsactAttacher(programs);
  }
  if (TcxIsSupported(programs)) {
    return MakeTcxAttacher(order, programs);
  }
  if (choice == TcAttach::kTcx) {
    return absl::FailedPreconditionError(
        "TC_ATTACH is tcx, which this kernel does not have (it came with Linux 6.6); set TC_ATTACH "
        "to auto or clsact");
  }
  return MakeClsactAttacher(programs);
}

absl::Status AttachError(const char* method, const std::string& interface_name, int error) {
  if (error == EPERM || error == EACCES) {
    return absl::PermissionDeniedError(
        fmt::format("cannot attach to {} by {}: {}; run as root or with CAP_BPF, CAP_NET_ADMIN and "
                    "CAP_PERFMON",
                    interface_name, method, std::strerror(error)));
  }
  if (error == ENODEV) {
    return absl::NotFoundError(
        fmt::format("cannot attach to {} by {}: the interface is gone", interface_name, method));
  }
  return absl::InternalError(fmt::format(
      "cannot attach to {} by {}: {}; TC_ATTACH=tcx or TC_ATTACH=clsact chooses another way",
      interface_name, method, std::strerror(error)));
}

}  // namespace audio_latency::probe
