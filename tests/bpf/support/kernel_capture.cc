#include "tests/bpf/support/kernel_capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bpf/capture_layout.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#include "bpf/capture.skel.h"
#pragma GCC diagnostic pop

namespace audio_latency::testing {
namespace {

constexpr uint32_t kRingBytes = 4 << 20;
constexpr uint32_t kFlows = 1024;
constexpr size_t kKeyBytes = 48;

using PortSet = std::array<uint64_t, CAPTURE_PORT_COUNT / 64>;

PortSet PortsOf(const std::set<uint16_t>& ports) {
  PortSet set = {};
  for (const uint16_t port : ports) {
    set[port >> 6] |= uint64_t{1} << (port & 63);
  }
  return set;
}

class Loaded final : public KernelCapture {
 public:
  explicit Loaded(capture_bpf* skeleton) : skeleton_(skeleton) {}
  ~Loaded() override {
    ring_buffer__free(ring_);
    if (nothing_ >= 0) {
      close(nothing_);
    }
    capture_bpf__destroy(skeleton_);
  }

  absl::Status Begin(const std::set<uint16_t>& audio_ports, const std::set<uint16_t>& excluded) {
    PortSet wanted = PortsOf(audio_ports);
    if (audio_ports.empty()) {
      wanted.fill(~uint64_t{0});
    }
    const PortSet unwanted = PortsOf(excluded);
    const uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.port_filter), &zero, &wanted, BPF_ANY) ||
        bpf_map_update_elem(bpf_map__fd(skeleton_->maps.port_exclude), &zero, &unwanted, BPF_ANY)) {
      return absl::InternalError("cannot fill the port maps");
    }
    ring_ = ring_buffer__new(bpf_map__fd(skeleton_->maps.events), &Loaded::OnEvent, this, nullptr);
    return ring_ ? absl::OkStatus() : absl::InternalError("cannot read the ring buffer");
  }

  int Run(std::span<const uint8_t> frame, capture_direction direction) override {
    return Test(frame, direction, 1).retval;
  }

  int RunIp(std::span<const uint8_t> packet, capture_direction direction) override {
    const bpf_program* program = direction == CAPTURE_DIRECTION_INGRESS
                                     ? skeleton_->progs.capture_ingress_ip
                                     : skeleton_->progs.capture_egress_ip;
    return Test(bpf_program__fd(program), packet, 1, nullptr).retval;
  }

  int RunSegments(std::span<const uint8_t> frame, capture_direction direction,
                  uint32_t segment_bytes) override {
    __sk_buff context = {};
    context.gso_size = segment_bytes;
    context.gso_segs = static_cast<uint32_t>(frame.size()) / segment_bytes;
    return Test(ProgramOf(direction), frame, 1, &context).retval;
  }

  uint32_t Measure(std::span<const uint8_t> frame, uint32_t repeat) override {
    return Test(frame, CAPTURE_DIRECTION_INGRESS, repeat).duration_ns;
  }

  uint32_t MeasureNothing(std::span<const uint8_t> frame, uint32_t repeat) override {
    if (nothing_ < 0) {
      // r0 = TC_ACT_UNSPEC; exit
      bpf_insn instructions[2] = {};
      instructions[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
      instructions[0].imm = -1;
      instructions[1].code = BPF_JMP | BPF_EXIT;
      nothing_ = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "nothing", "GPL", instructions, 2, nullptr);
    }
    return Test(nothing_, frame, repeat, nullptr).duration_ns;
  }

  std::vector<signature_event> TakeEvents() override {
    ring_buffer__consume(ring_);
    return std::exchange(events_, {});
  }

  uint64_t Counter(capture_counter counter) const override {
    std::vector<uint64_t> values(static_cast<size_t>(libbpf_num_possible_cpus()));
    const uint32_t key = counter;
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counters), &key, values.data()) != 0) {
      return UINT64_MAX;
    }
    uint64_t sum = 0;
    for (const uint64_t value : values) {
      sum += value;
    }
    return sum;
  }

  void SetInterrupted(bool interrupted) override {
    const bpf_map* const scratches = skeleton_->maps.scratches;
    const size_t stride = (bpf_map__value_size(scratches) + 7) / 8 * 8;
    std::vector<uint8_t> values(stride * static_cast<size_t>(libbpf_num_possible_cpus()));
    const uint32_t zero = 0;
    bpf_map_lookup_elem(bpf_map__fd(scratches), &zero, values.data());
    for (size_t at = 0; at < values.size(); at += stride) {
      const uint32_t busy = interrupted ? 1 : 0;  // the first field
      std::memcpy(&values[at], &busy, sizeof(busy));
    }
    bpf_map_update_elem(bpf_map__fd(scratches), &zero, values.data(), BPF_ANY);
  }

  void SetSamplingThreshold(uint32_t threshold) override {
    skeleton_->data->sampling_threshold = threshold;
  }

  void ForgetFlows() override {
    const int flows = bpf_map__fd(skeleton_->maps.flows);
    std::array<uint8_t, kKeyBytes> key = {};
    while (bpf_map_get_next_key(flows, nullptr, key.data()) == 0) {
      bpf_map_delete_elem(flows, key.data());
    }
  }

  std::map<std::string, uint32_t> VerifiedInstructions() const override {
    std::map<std::string, uint32_t> instructions;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton_->obj) {
      bpf_prog_info info = {};
      uint32_t bytes = sizeof(info);
      const bool is_known = bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &bytes) == 0;
      instructions[bpf_program__name(program)] = is_known ? info.verified_insns : 0;
    }
    return instructions;
  }

 private:
  struct Result {
    int retval;
    uint32_t duration_ns;
  };

  static int OnEvent(void* self, void* data, size_t) {
    signature_event event;
    std::memcpy(&event, data, sizeof(event));
    static_cast<Loaded*>(self)->events_.push_back(event);
    return 0;
  }

  int ProgramOf(capture_direction direction) const {
    return bpf_program__fd(direction == CAPTURE_DIRECTION_INGRESS
                               ? skeleton_->progs.capture_ingress
                               : skeleton_->progs.capture_egress);
  }

  Result Test(std::span<const uint8_t> frame, capture_direction direction, uint32_t repeat) {
    return Test(ProgramOf(direction), frame, repeat, nullptr);
  }

  static Result Test(int program, std::span<const uint8_t> frame, uint32_t repeat,
                     __sk_buff* context) {
    bpf_test_run_opts options = {};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<uint32_t>(frame.size());
    options.repeat = static_cast<int>(repeat);
    if (context != nullptr) {
      options.ctx_in = context;
      options.ctx_size_in = sizeof(*context);
    }
    if (bpf_prog_test_run_opts(program, &options) != 0) {
      return {-errno, 0};
    }
    return {static_cast<int>(options.retval), options.duration};
  }

  capture_bpf* skeleton_;
  ring_buffer* ring_ = nullptr;
  int nothing_ = -1;
  std::vector<signature_event> events_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<KernelCapture>> KernelCapture::Load(
    const capture_config& config, const std::set<uint16_t>& audio_ports,
    const std::set<uint16_t>& excluded, const std::set<std::string>& only, bool is_preemptible) {
  capture_bpf* skeleton = capture_bpf__open();
  if (skeleton == nullptr) {
    return absl::InternalError(fmt::format("cannot open the skeleton: {}", std::strerror(errno)));
  }
  auto loaded = std::make_unique<Loaded>(skeleton);
  std::memcpy(const_cast<capture_config*>(&skeleton->rodata->capture_configuration), &config,
              sizeof(config));
  const uint32_t preemptible = is_preemptible ? 1 : 0;
  const uint32_t can_tell_senders = 1;
  std::memcpy(const_cast<uint32_t*>(&skeleton->rodata->capture_can_tell_senders), &can_tell_senders,
              sizeof(can_tell_senders));
  std::memcpy(const_cast<uint32_t*>(&skeleton->rodata->capture_is_preemptible), &preemptible,
              sizeof(preemptible));
  bpf_map__set_max_entries(skeleton->maps.events, kRingBytes);
  bpf_map__set_max_entries(skeleton->maps.flows, kFlows);
  bpf_map__set_value_size(skeleton->maps.flows, capture_flow_value_bytes(config.window_bytes));
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    bpf_program__set_autoload(program, only.empty() || only.contains(bpf_program__name(program)));
  }
  if (const int error = capture_bpf__load(skeleton); error != 0) {
    return absl::InternalError(
        fmt::format("the kernel refused the programs: {}", std::strerror(-error)));
  }
  const absl::Status begun = loaded->Begin(audio_ports, excluded);
  if (!begun.ok()) {
    return begun;
  }
  return loaded;
}

}  // namespace audio_latency::testing
