// Whether this machine lets us do what the demo does.

#ifndef TESTS_LAB_DEMO_PERMISSION_H_
#define TESTS_LAB_DEMO_PERMISSION_H_

#include "absl/status/status.h"

namespace audio_latency::lab {

// PERMISSION_DENIED tells what is not allowed: to make network namespaces, or to load eBPF. Leaves
// nothing behind.
absl::Status CheckPermissions();

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEMO_PERMISSION_H_
