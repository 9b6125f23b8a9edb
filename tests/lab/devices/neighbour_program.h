// Another tool's program at an interface, which gives every packet the same verdict.

#ifndef TESTS_LAB_DEVICES_NEIGHBOUR_PROGRAM_H_
#define TESTS_LAB_DEVICES_NEIGHBOUR_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace audio_latency::lab {

// How a neighbour takes part.
enum class NeighbourHook {
  // In front of the tcx programs that are there, or behind them.
  kTcxBefore,
  kTcxAfter,
  // A filter of priority 1, for IPv4.
  kClsact,
  // The same at the older qdisc "ingress", which takes the place of clsact; ingress only.
  kIngressQdisc,
  // Generic XDP; ingress only.
  kXdp,
};

// At both directions, where its hook has them, of an interface of the network namespace of the
// calling thread; gone when it is destroyed there. Not thread-safe.
class NeighbourProgram {
 public:
  // `verdict`: TC_ACT_* or XDP_*.
  static absl::StatusOr<std::unique_ptr<NeighbourProgram>> Attach(const std::string& interface_name,
                                                                  NeighbourHook hook, int verdict);
  virtual ~NeighbourProgram() = default;

  // The kernel's number of the program.
  virtual uint32_t program_id() const = 0;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_DEVICES_NEIGHBOUR_PROGRAM_H_
