#include "correlator/metrics/node_gauges.h"

namespace audio_latency::correlator {
namespace {

using Value = std::optional<double>;
using KernelClock = NodeSnapshot::KernelClock;

constexpr double kPpm = 1e-6;
constexpr double kNsPerSecond = 1e9;

Value Flag(bool is_set) { return is_set ? 1.0 : 0.0; }

// A member of the snapshot as it is.
template <double NodeSnapshot::*kMember>
Value Plain(const NodeSnapshot& node) {
  return node.*kMember;
}

// Of the clock model, once there is one.
template <double NodeSnapshot::*kMember>
Value OfModel(const NodeSnapshot& node, double unit = 1) {
  return node.clock_state == ClockState::kSynchronising ? Value() : node.*kMember * unit;
}

// Of what the kernel says, once the probe told it.
template <double KernelClock::*kMember>
Value OfKernel(const NodeSnapshot& node, double unit = 1) {
  return node.kernel_clock.has_value() ? Value((*node.kernel_clock).*kMember * unit) : Value();
}

constexpr NodeGauge kGauges[] = {
    {"audio_latency_node_connected", "Whether the node's probe is connected.",
     [](const NodeSnapshot& node) { return Flag(node.connected); }},
    {"audio_latency_node_last_seen_timestamp_seconds",
     "Unix time of the last message of the node's probe.",
     [](const NodeSnapshot& node) {
       return Value(static_cast<double>(node.last_seen_unix_ns) / kNsPerSecond);
     }},
    {"audio_latency_node_flows", "Audio flows that the node's probe sees now.",
     Plain<&NodeSnapshot::flows>},
    {"audio_latency_node_lost_ratio", "Share of the node's events that were lost before matching.",
     Plain<&NodeSnapshot::lost_share>},
    {"audio_latency_node_sampling_share",
     "Share of the signatures that the node's probe kept of its newest events.",
     Plain<&NodeSnapshot::sampling_share>},
    {"audio_latency_node_clock_error_bound_seconds",
     "How far the node's clock, as corrected, may be off the correlator's, either way.",
     [](const NodeSnapshot& node) {
       return OfModel<&NodeSnapshot::clock_error_bound_seconds>(node);
     }},
    {"audio_latency_node_clock_offset_seconds",
     "The correlator's monotonic clock minus the node's.",
     [](const NodeSnapshot& node) { return OfModel<&NodeSnapshot::clock_offset_seconds>(node); }},
    {"audio_latency_node_clock_drift_ratio",
     "By how much the offset grows, in seconds each second.",
     [](const NodeSnapshot& node) { return OfModel<&NodeSnapshot::clock_drift_ppm>(node, kPpm); }},
    {"audio_latency_node_clock_waiting_events",
     "Events of the node that are not told before its clock is good.",
     Plain<&NodeSnapshot::clock_waiting_events>},
    {"audio_latency_node_kernel_clock_synchronised",
     "1 while the node's kernel says that its wall clock is disciplined (adjtimex).",
     [](const NodeSnapshot& node) {
       return node.kernel_clock.has_value() ? Flag(node.kernel_clock->is_synchronised) : Value();
     }},
    {"audio_latency_node_kernel_clock_offset_seconds",
     "What the kernel has still to slew the wall clock by.",
     [](const NodeSnapshot& node) { return OfKernel<&KernelClock::offset_seconds>(node); }},
    {"audio_latency_node_kernel_clock_frequency_ratio",
     "The kernel's correction of its clock's rate.",
     [](const NodeSnapshot& node) { return OfKernel<&KernelClock::frequency_ppm>(node, kPpm); }},
    {"audio_latency_node_kernel_clock_estimated_error_seconds",
     "The kernel's estimate of the wall clock's error.",
     [](const NodeSnapshot& node) {
       return OfKernel<&KernelClock::estimated_error_seconds>(node);
     }},
    {"audio_latency_node_kernel_clock_maximum_error_seconds",
     "The kernel's bound of the wall clock's error.",
     [](const NodeSnapshot& node) { return OfKernel<&KernelClock::maximum_error_seconds>(node); }},
};

}  // namespace

std::span<const NodeGauge> NodeGauges() { return kGauges; }

}  // namespace audio_latency::correlator
