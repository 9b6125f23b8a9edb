// Names that travel: they end up in logs, labels and on terminals, so they hold no surprises.

#ifndef COMMON_NAMES_NODE_NAME_H_
#define COMMON_NAMES_NODE_NAME_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace audio_latency {

// As long as Kubernetes lets a name be (RFC 1123 subdomain).
inline constexpr size_t kMaxNodeNameBytes = 253;

// INVALID_ARGUMENT unless `name` has 1 to kMaxNodeNameBytes of the letters, digits, '-', '_' and
// '.' that names of hosts and of Kubernetes' nodes are made of. The error quotes no byte that is
// not among them.
absl::Status CheckNodeName(std::string_view name);

// Whether `text` has at most `max_bytes`, all of them printable ASCII (a space is).
bool IsPlainText(std::string_view text, size_t max_bytes);

}  // namespace audio_latency

#endif  // COMMON_NAMES_NODE_NAME_H_
