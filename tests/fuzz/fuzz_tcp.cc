// TCP segments in any order, cut and repeated in any way: what is signed must be what a second,
// plain implementation signs that sees the whole stream at once.
//
// Input: a configuration, the shape of the packets, the stream's length and kind, then per segment
// where it begins and how long it is.

#include <map>
#include <random>
#include <vector>

#include "tests/bpf/support/frame_builder.h"
#include "tests/bpf/support/reference_signer.h"
#include "tests/fuzz/capture_fixture.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {
namespace {

using testing::Bytes;
using testing::FrameOptions;

constexpr uint8_t kSyn = 0x02;
constexpr size_t kMostStreamBytes = 6000;
constexpr size_t kMostSegments = 400;

// Bytes like audio: a walk of 16-bit samples, noise, or the input's own.
Bytes MakeStream(Input* input) {
  const uint8_t kind = input->Byte();
  const size_t length = input->Word() % kMostStreamBytes;
  std::minstd_rand random(kind + 1u);
  Bytes stream;
  int sample = 0;
  while (stream.size() < length) {
    if (kind % 3 == 0) {
      stream.push_back(static_cast<uint8_t>(random() >> 8));
    } else if (kind % 3 == 1) {
      sample += static_cast<int>(random() % 2001) - 1000;
      stream.push_back(static_cast<uint8_t>(sample));
      stream.push_back(static_cast<uint8_t>(sample >> 8));
    } else {
      const std::span<const uint8_t> some = input->Bytes(16 + random() % 256);
      if (some.empty()) {
        break;
      }
      stream.insert(stream.end(), some.begin(), some.end());
    }
  }
  stream.resize(std::min(length, stream.size()));
  return stream;
}

// What the stream's begin must give: by the second implementation, which knows only xxhash, or by
// the first of the whole in large segments.
testing::Signatures Expected(std::span<const uint8_t> stream, const capture_config& config) {
  if (config.algorithm == CAPTURE_ALGORITHM_XXHASH) {
    return testing::ReferenceSignatures(stream, config);
  }
  constexpr size_t kSegmentBytes = 8000;
  CaptureFixture capture(config);
  for (size_t at = 0; at < stream.size(); at += kSegmentBytes) {
    FrameOptions options;
    options.sequence = static_cast<uint32_t>(at);
    capture.Packet(testing::TcpFrame(
        stream.subspan(at, std::min(kSegmentBytes, stream.size() - at)), options));
  }
  testing::Signatures signatures;
  for (const signature_event& event : capture.events()) {
    signatures.emplace(event.position, event.signature);
  }
  return signatures;
}

void Run(Input input) {
  const capture_config config = TakeConfig(&input);
  FrameOptions shape;
  const uint8_t shape_bits = input.Byte();
  shape.ipv6 = (shape_bits & 1) != 0;
  if ((shape_bits & 2) != 0) {
    shape.vlan_tags = {100};
  }
  if ((shape_bits & 4) != 0) {
    shape.tcp_options.assign(12, 1);
  }
  if ((shape_bits & 8) != 0) {
    shape.trailing_bytes = shape_bits >> 4;
  }
  const bool has_syn = (input.Byte() & 1) != 0;
  const uint32_t first_sequence = input.Long();
  const Bytes stream = MakeStream(&input);

  CaptureFixture capture(config);
  if (has_syn) {
    FrameOptions syn = shape;
    syn.sequence = first_sequence - 1;
    syn.tcp_flags = kSyn;
    capture.Packet(testing::TcpFrame({}, syn));
  }
  // How far the stream has come, and whether each segment began there or before.
  size_t next = 0;
  bool is_whole = true;
  for (size_t count = 0; !input.empty() && count < kMostSegments && !stream.empty(); ++count) {
    const uint8_t flags = input.Byte();
    const size_t length = 1 + input.Word() % 1500;
    size_t from = next;
    if ((flags & 1) != 0) {
      from = next - std::min<size_t>(next, input.Word() % 2000);  // again
    } else if ((flags & 2) != 0) {
      from = next + input.Word() % 2000;  // a gap
    }
    if (from >= stream.size()) {
      continue;
    }
    is_whole = is_whole && from <= next;
    const size_t bytes = std::min(length, stream.size() - from);
    FrameOptions options = shape;
    options.sequence = first_sequence + static_cast<uint32_t>(from);
    capture.Packet(testing::TcpFrame({stream.data() + from, bytes}, options));
    next = std::max(next, from + bytes);
  }

  const testing::Signatures reference = Expected({stream.data(), next}, config);
  std::map<uint32_t, uint64_t> signed_windows;
  for (const signature_event& event : capture.events()) {
    const uint32_t offset = event.position - first_sequence;
    const auto expected = reference.find(offset);
    FUZZ_CHECK(expected != reference.end());
    FUZZ_CHECK(expected->second == event.signature);
    signed_windows.emplace(offset, event.signature);
    const bool is_initial_known = (event.flags & CAPTURE_EVENT_INITIAL_SEQUENCE_KNOWN) != 0;
    FUZZ_CHECK(is_initial_known == has_syn);
    FUZZ_CHECK(event.initial_sequence == (has_syn ? first_sequence : 0));
  }
  if (is_whole && capture.Count(CAPTURE_COUNTER_ANCHORS_OVERFLOW) == 0) {
    FUZZ_CHECK(capture.events().size() == reference.size());
    FUZZ_CHECK(signed_windows == reference);
  }
}

}  // namespace
}  // namespace audio_latency::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::fuzz::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
