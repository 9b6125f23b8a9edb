// Linux capabilities of this process: what it has, and giving up what it needs no more.

#ifndef PROBE_PRIVILEGE_CAPABILITIES_H_
#define PROBE_PRIVILEGE_CAPABILITIES_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"

namespace audio_latency::probe {

// Numbers as in <linux/capability.h>; the last two are newer than the oldest headers that this
// compiles with.
inline constexpr int kCapNetBindService = 10;
inline constexpr int kCapNetAdmin = 12;
inline constexpr int kCapSysAdmin = 21;
inline constexpr int kCapPerfmon = 38;
inline constexpr int kCapBpf = 39;

// A set of capabilities: bit n is capability n.
constexpr uint64_t CapabilitySet(std::initializer_list<int> capabilities) {
  uint64_t set = 0;
  for (const int capability : capabilities) {
    set |= uint64_t{1} << capability;
  }
  return set;
}

// "CAP_NET_ADMIN, CAP_BPF" of those named above, "capability 7" of others; "none".
std::string CapabilityNames(uint64_t set);

// Makes those of `wanted` effective that the calling thread is permitted to have. A program whose
// file has permitted capabilities without the effective bit (capabilities(7)) is started with none
// effective; without that bit, a container that may not have them all can start it too.
absl::Status RaiseCapabilities(uint64_t wanted);

// Leaves the calling thread, and what it starts from now on, with those of `kept` that it has
// (permitted and effective), and nothing inheritable or ambient; no program that it executes gets
// more (no_new_privs). The bounding set is cut down too where the thread may do that
// (CAP_SETPCAP); without that right no_new_privs does as much. Other threads keep what they have:
// call it before they start.
absl::Status DropCapabilitiesTo(uint64_t kept);

// What `work` says when it is run in a thread that has no capabilities but `kept`.
bool WorksWithCapabilities(uint64_t kept, const std::function<bool()>& work);

}  // namespace audio_latency::probe

#endif  // PROBE_PRIVILEGE_CAPABILITIES_H_
