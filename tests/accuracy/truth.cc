#include "tests/accuracy/truth.h"

#include <algorithm>

namespace audio_latency::accuracy {

void PassTimes::Add(uint64_t begin, uint64_t end, int64_t time_ns) {
  auto next = parts_.upper_bound(begin);
  if (next != parts_.begin()) {
    begin = std::max(begin, std::prev(next)->second.end);
  }
  while (begin < end) {
    const uint64_t free_end = next == parts_.end() ? end : std::min(end, next->first);
    if (begin < free_end) {
      parts_.emplace_hint(next, begin, Part{.end = free_end, .time_ns = time_ns});
    }
    if (next == parts_.end()) {
      return;
    }
    begin = std::max(begin, next->second.end);
    ++next;
  }
}

std::optional<int64_t> PassTimes::PassedAt(uint64_t begin, uint64_t end) const {
  auto part = parts_.upper_bound(begin);
  if (part == parts_.begin() || begin >= end) {
    return std::nullopt;
  }
  --part;
  int64_t latest_ns = part->second.time_ns;
  for (; begin < end; ++part) {
    if (part == parts_.end() || part->first > begin || part->second.end <= begin) {
      return std::nullopt;
    }
    latest_ns = std::max(latest_ns, part->second.time_ns);
    begin = part->second.end;
  }
  return latest_ns;
}

void StreamTruth::AddRun(const AudioRun& run) {
  if (!runs.empty() && runs.back().stream_begin + runs.back().bytes == run.stream_begin &&
      runs.back().audio_begin + runs.back().bytes == run.audio_begin) {
    runs.back().bytes += run.bytes;
    return;
  }
  runs.push_back(run);
}

std::optional<ByteRange> StreamTruth::AudioOf(const ByteRange& stream_range) const {
  auto run = std::upper_bound(
      runs.begin(), runs.end(), stream_range.begin,
      [](uint64_t byte, const AudioRun& candidate) { return byte < candidate.stream_begin; });
  if (run != runs.begin()) {
    --run;
  }
  std::optional<ByteRange> audio;
  for (; run != runs.end() && run->stream_begin < stream_range.end; ++run) {
    const uint64_t begin = std::max(run->stream_begin, stream_range.begin);
    const uint64_t end = std::min(run->stream_begin + run->bytes, stream_range.end);
    if (begin < end) {
      const uint64_t audio_begin = run->audio_begin + (begin - run->stream_begin);
      audio = {.begin = audio ? audio->begin : audio_begin, .end = audio_begin + (end - begin)};
    }
  }
  return audio;
}

std::optional<ByteRange> StreamTruth::StreamOf(const ByteRange& audio_range) const {
  const auto after = std::upper_bound(
      runs.begin(), runs.end(), audio_range.begin,
      [](uint64_t byte, const AudioRun& candidate) { return byte < candidate.audio_begin; });
  if (after == runs.begin()) {
    return std::nullopt;
  }
  const AudioRun& run = *std::prev(after);
  if (audio_range.end > run.audio_begin + run.bytes) {
    return std::nullopt;
  }
  const uint64_t begin = run.stream_begin + (audio_range.begin - run.audio_begin);
  return ByteRange{.begin = begin, .end = begin + (audio_range.end - audio_range.begin)};
}

std::optional<int64_t> LegTruth::PassedAt(const ByteRange& audio_range, size_t side) const {
  std::optional<int64_t> latest_ns;
  uint64_t found = audio_range.begin;
  for (const StreamTruth& stream : streams) {
    for (auto run = std::upper_bound(stream.runs.begin(), stream.runs.end(), found,
                                     [](uint64_t byte, const AudioRun&candidate) {
                                       return byte < candidate.audio_begin + candidate.bytes;
                                     });
         run != stream.runs.end() && run->audio_begin <= found && found < audio_range.end; ++run) {
      const uint64_t end = std::min(run->audio_begin + run->bytes, audio_range.end);
      const uint64_t begin_in_stream = run->stream_begin + (found - run->audio_begin);
      const std::optional<int64_t> passed_ns =
          stream.passed[side].PassedAt(begin_in_stream, begin_in_stream + (end - found));
      if (!passed_ns) {
        return std::nullopt;
      }
      latest_ns = std::max(latest_ns.value_or(*passed_ns), *passed_ns);
      found = end;
    }
  }
  return found == audio_range.end ? latest_ns : std::nullopt;
}

}  // namespace audio_latency::accuracy
