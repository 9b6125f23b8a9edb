#include "bpf/software/software_capture.h"

#include <cstring>
#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/loss/sampling_share.h"

// The shared headers are C.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunknown-pragmas"

#include "bpf/flow.h"
#include "bpf/level.h"
#include "bpf/parse.h"
#include "bpf/rtp.h"
#include "bpf/sampling.h"
#include "bpf/scratch.h"
#include "bpf/signature.h"
#include "bpf/tunnel.h"

static_assert(audio_latency::kSamplingAll == SAMPLING_ALL);

// What stands for the kernel's maps.
struct capture_surroundings {
  using Key = std::array<uint8_t, sizeof(flow_key)>;
  struct Flow {
    Key key;
    flow_state state;
  };

  capture_config configuration;
  uint32_t sampling_threshold = SAMPLING_ALL;
  size_t max_flows;
  audio_latency::SoftwareCapture::EventSink sink;
  audio_latency::SoftwareCapture::Counters counters = {};
  // Least recently used last.
  std::list<Flow> flows;
  absl::flat_hash_map<Key, std::list<Flow>::iterator> by_key;
};

struct capture_packet {
  const uint8_t* data;
  uint32_t bytes;
  uint32_t segment_bytes;
};

#define capture_configuration (scratch->surroundings->configuration)
#define capture_sampling_threshold(scratch) ((scratch)->surroundings->sampling_threshold)

static void capture_count(capture_scratch* scratch, __u32 cause) {
  ++scratch->surroundings->counters[cause];
}

static const __u8* capture_data(const capture_packet* packet) { return packet->data; }
static const __u8* capture_end(const capture_packet* packet) {
  return packet->data + packet->bytes;
}
static __u32 capture_bytes(const capture_packet* packet) { return packet->bytes; }
static __u32 capture_segment_bytes(const capture_packet* packet) { return packet->segment_bytes; }

static int capture_load(const capture_packet* packet, __u32 offset, void* to, __u32 bytes) {
  if (bytes == 0 || bytes > CHUNK_BYTES || offset > packet->bytes ||
      bytes > packet->bytes - offset) {
    return 1;
  }
  memcpy(to, packet->data + offset, bytes);
  return 0;
}

static flow_state* capture_flow_if_known(capture_scratch* scratch) {
  capture_surroundings& all = *scratch->surroundings;
  capture_surroundings::Key key;
  memcpy(key.data(), &scratch->key, sizeof(flow_key));
  const auto found = all.by_key.find(key);
  if (found == all.by_key.end()) {
    return nullptr;
  }
  all.flows.splice(all.flows.begin(), all.flows, found->second);
  return &found->second->state;
}

static flow_state* capture_flow(capture_scratch* scratch) {
  if (flow_state* const known = capture_flow_if_known(scratch)) {
    return known;
  }
  capture_surroundings& all = *scratch->surroundings;
  capture_surroundings::Key key;
  memcpy(key.data(), &scratch->key, sizeof(flow_key));
  if (all.flows.size() >= all.max_flows) {
    all.by_key.erase(all.flows.back().key);
    all.flows.pop_back();
  }
  all.flows.push_front({key, {}});
  all.by_key[key] = all.flows.begin();
  ++all.counters[CAPTURE_COUNTER_FLOW_STATES];
  return &all.flows.front().state;
}

static int capture_flow_lock(flow_state*) { return 1; }
static void capture_flow_unlock(flow_state*) {}

static void capture_emit(capture_scratch* scratch) {
  capture_count(scratch, CAPTURE_COUNTER_EVENTS);
  if (scratch->event.flags & CAPTURE_EVENT_SIGNED) {
    capture_count(scratch, CAPTURE_COUNTER_SIGNED);
  }
  scratch->surroundings->sink(scratch->event);
}

// A capture file holds what the user wanted to look at.
static int capture_port_wanted(capture_scratch*, __u16, __u16) { return 1; }

#include "bpf/capture_core.h"

#pragma GCC diagnostic pop

namespace audio_latency {
namespace {

class Engine final : public SoftwareCapture {
 public:
  Engine(const capture_config& config, size_t max_flows, EventSink sink)
      : scratch_(std::make_unique<capture_scratch>()) {
    surroundings_.configuration = config;
    surroundings_.max_flows = max_flows;
    surroundings_.sink = std::move(sink);
    scratch_->surroundings = &surroundings_;
  }

  void Packet(std::span<const uint8_t> frame, uint64_t time_ns, uint32_t interface_index,
              capture_direction direction, const PacketForm& form) override {
    capture_packet packet = {frame.data(), static_cast<uint32_t>(frame.size()), form.segment_bytes};
    capture_count(scratch_.get(), CAPTURE_COUNTER_PACKETS);
    const int result = find_payload(&packet, scratch_.get(), form.link_layer);
    if (result != PARSE_OK) {
      capture_count(scratch_.get(), static_cast<__u32>(result));
      return;
    }
    capture_packet_payload(&packet, scratch_.get(), time_ns, interface_index,
                           static_cast<__u8>(direction));
  }

  void SetSamplingThreshold(uint32_t threshold) override {
    surroundings_.sampling_threshold = threshold;
  }

  const Counters& counters() const override { return surroundings_.counters; }

 private:
  capture_surroundings surroundings_;
  std::unique_ptr<capture_scratch> scratch_;
};

struct CounterInfo {
  const char* name;
  bool is_loss;
};

constexpr CounterInfo kCounters[] = {
#define CAPTURE_COUNTER_INFO(constant, name, lost) {name, lost != 0},
    CAPTURE_COUNTERS(CAPTURE_COUNTER_INFO)
#undef CAPTURE_COUNTER_INFO
};

}  // namespace

std::unique_ptr<SoftwareCapture> SoftwareCapture::Create(const capture_config& config,
                                                         size_t max_flows, EventSink sink) {
  return std::make_unique<Engine>(config, max_flows, std::move(sink));
}

const char* CaptureCounterName(capture_counter counter) { return kCounters[counter].name; }

bool CaptureCounterIsLoss(capture_counter counter) { return kCounters[counter].is_loss; }

}  // namespace audio_latency
