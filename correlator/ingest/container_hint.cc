#include "correlator/ingest/container_hint.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

// 36 in Kubernetes; of a static pod 32.
constexpr size_t kMaxUidBytes = 64;
constexpr size_t kMaxContainerIdBytes = 64;
// RFC 1123 subdomain and label.
constexpr size_t kMaxNameBytes = 253;
constexpr size_t kMaxNamespaceBytes = 63;

bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }

// Digits, the letters from a to `last_letter`, and those of `marks`.
bool IsMadeOf(std::string_view text, size_t max_bytes, char last_letter, std::string_view marks) {
  return text.size() <= max_bytes && std::all_of(text.begin(), text.end(), [&](char byte) {
           return IsDigit(byte) || (byte >= 'a' && byte <= last_letter) ||
                  marks.find(byte) != std::string_view::npos;
         });
}

}  // namespace

absl::StatusOr<ContainerHint> ReadContainerHint(const v1::ContainerIdentity& told) {
  const auto invalid = [](std::string_view what, size_t bytes) {
    return absl::InvalidArgumentError(fmt::format("{} bytes that are no {}", bytes, what));
  };
  if (!IsMadeOf(told.container_id(), kMaxContainerIdBytes, 'f', "")) {
    return invalid("container id", told.container_id().size());
  }
  if (!IsMadeOf(told.pod_uid(), kMaxUidBytes, 'z', "-")) {
    return invalid("pod uid", told.pod_uid().size());
  }
  if (!IsMadeOf(told.pod_name(), kMaxNameBytes, 'z', "-.")) {
    return invalid("pod name", told.pod_name().size());
  }
  if (!IsMadeOf(told.pod_namespace(), kMaxNamespaceBytes, 'z', "-")) {
    return invalid("namespace", told.pod_namespace().size());
  }
  return ContainerHint{
      .pod_uid = told.pod_uid(), .namespace_name = told.pod_namespace(), .pod = told.pod_name()};
}

}  // namespace audio_latency::correlator
