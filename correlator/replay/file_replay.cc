#include "correlator/replay/file_replay.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "common/status/status_macros.h"
#include "correlator/replay/capture/capture_reader.h"
#include "correlator/replay/capture/valid_utf8.h"

namespace audio_latency::correlator {
namespace {

constexpr uint64_t kProgressPackets = 16'384;
constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;
// On the common clock: from 1970 to the end of 2100, so that times can be added and taken from each
// other.
constexpr int64_t kFirstNs = 0;
constexpr int64_t kLastNs = int64_t{4'133'980'799} * 1'000'000'000;

// One file, with the packet that comes next.
class OpenCapture {
 public:
  OpenCapture(CaptureFile file, int stop_descriptor) {
    outcome_.file = std::move(file);
    absl::StatusOr<std::unique_ptr<CaptureReader>> reader =
        CaptureReader::Open(outcome_.file.path, stop_descriptor);
    if (reader.ok()) {
      reader_ = *std::move(reader);
      Advance();
    } else {
      outcome_.problem = reader.status();
    }
  }

  bool has_packet() const { return packet_.has_value(); }
  bool was_stopped() const { return absl::IsCancelled(outcome_.problem); }
  // Leaves the rest unread.
  void Stop() {
    if (packet_.has_value()) {
      outcome_.problem = absl::CancelledError("reading was interrupted");
      packet_.reset();
    }
  }
  // On the common clock.
  int64_t time_ns() const { return packet_->time_ns + outcome_.file.clock_offset_ns; }

  // Hands the packet over and reads the next one.
  void Replay(correlator::Replay* replay) {
    const absl::StatusOr<PointId> point = PointOf(packet_->interface, replay);
    if (!point.ok()) {
      outcome_.problem = point.status();
      packet_.reset();
      return;
    }
    outcome_.first_ns = outcome_.packets == 0 ? time_ns() : std::min(outcome_.first_ns, time_ns());
    outcome_.last_ns = outcome_.packets == 0 ? time_ns() : std::max(outcome_.last_ns, time_ns());
    ++outcome_.packets;
    replay->Packet(*point, packet_->time_ns, packet_->bytes, packet_->original_bytes,
                   packet_->direction);
    Advance();
  }

  uint64_t stored_bytes_read() const {
    return reader_ == nullptr ? 0 : reader_->stored_bytes_read();
  }
  uint64_t stored_bytes() const { return reader_ == nullptr ? 0 : reader_->stored_bytes(); }
  CaptureOutcome Outcome() const {
    CaptureOutcome outcome = outcome_;
    outcome.untimed_packets = reader_ == nullptr ? 0 : reader_->untimed_packets();
    return outcome;
  }

 private:
  using NextPacket = absl::StatusOr<std::optional<CapturePacket>>;

  void Advance() {
    while (true) {
      NextPacket next = following_.has_value() ? *std::move(following_) : reader_->Next();
      following_.reset();
      if (!next.ok() || !next->has_value()) {
        outcome_.problem = next.status();
        packet_.reset();
        return;
      }
      CapturePacket packet = **next;
      const bool may_be_wild = !IsInRange(packet.time_ns) || !newest_ns_.has_value() ||
                               packet.time_ns - *newest_ns_ > kDayNs;
      if (may_be_wild) {
        // Reading on overwrites it.
        kept_bytes_.assign(packet.bytes.begin(), packet.bytes.end());
        packet.bytes = kept_bytes_;
        following_ = reader_->Next();
        if (IsTakenBack(packet, *following_)) {
          ++outcome_.wild_packets;
          continue;
        }
      }
      if (!IsInRange(packet.time_ns)) {
        outcome_.problem = reader_->DataLoss(
            packet,
            "a packet's time is not from 1970 to 2100: check --clock-offset, or correct the times "
            "(editcap -t)");
        packet_.reset();
        return;
      }
      newest_ns_ = packet.time_ns;
      packet_ = packet;
      return;
    }
  }

  // Whether the next packet shows that a packet's time was wrong.
  bool IsTakenBack(const CapturePacket& packet, const NextPacket& next) const {
    if (!next.ok() || !next->has_value() || !IsInRange((*next)->time_ns)) {
      return false;
    }
    return !IsInRange(packet.time_ns) || packet.time_ns - (*next)->time_ns > kDayNs;
  }

  bool IsInRange(int64_t time_ns) const {
    const int64_t offset_ns = outcome_.file.clock_offset_ns;
    return time_ns >= kFirstNs - offset_ns && time_ns <= kLastNs - offset_ns;
  }

  // An interface that a later section of the file describes again is the same point.
  absl::StatusOr<PointId> PointOf(size_t number, correlator::Replay* replay) {
    if (number < points_.size() && points_[number].has_value()) {
      return *points_[number];
    }
    const CaptureInterface& interface = reader_->interfaces()[number];
    points_.resize(std::max(points_.size(), number + 1));
    for (size_t i = 0; i < points_.size(); ++i) {
      const CaptureInterface& other = reader_->interfaces()[i];
      if (points_[i].has_value() && !other.name.empty() && other.name == interface.name &&
          other.link_layer == interface.link_layer) {
        points_[number] = points_[i];
        return *points_[i];
      }
    }
    const CaptureFile& file = outcome_.file;
    std::string name = interface.name.empty() ? NodeNameOf(file.path) : interface.name;
    if (interface.name.empty() && number > 0) {
      name += "-" + std::to_string(number);
    }
    ASSIGN_OR_RETURN(const PointId point,
                     replay->AddPoint({.node = file.node,
                                       .interface_name = std::move(name),
                                       .link_layer = interface.link_layer,
                                       .clock_offset_ns = file.clock_offset_ns,
                                       .clock_error_ns = file.clock_error_ns,
                                       .time_resolution_ns = interface.time_resolution_ns}));
    points_[number] = point;
    return point;
  }

  CaptureOutcome outcome_;
  std::unique_ptr<CaptureReader> reader_;
  std::optional<CapturePacket> packet_;
  // The one after it, where it had to be seen already; then `packet_` is in `kept_bytes_`.
  std::optional<NextPacket> following_;
  std::vector<uint8_t> kept_bytes_;
  // Of the last packet that was taken, on the file's clock.
  std::optional<int64_t> newest_ns_;
  // By the reader's numbers of interfaces.
  std::vector<std::optional<PointId>> points_;
};

ReplayProgress ProgressOf(const std::vector<std::unique_ptr<OpenCapture>>& captures,
                          uint64_t packets) {
  ReplayProgress progress{.packets = packets};
  bool all_known = true;
  for (const auto& capture : captures) {
    progress.bytes_read += capture->stored_bytes_read();
    progress.bytes += capture->stored_bytes();
    all_known &= capture->stored_bytes() > 0;
  }
  progress.bytes = all_known ? progress.bytes : 0;
  return progress;
}

}  // namespace

std::string NodeNameOf(const std::string& path) {
  if (path == "-") {
    return "stdin";
  }
  std::string_view name = path;
  name = name.substr(name.rfind('/') + 1);
  for (const std::string_view ending : {".gz", ".pcap", ".pcapng", ".cap"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      name.remove_suffix(ending.size());
    }
  }
  return ValidUtf8(std::string(name));
}

std::vector<CaptureOutcome> ReplayFiles(
    std::vector<CaptureFile> files, Replay* replay,
    const std::function<void(const ReplayProgress&)>& on_progress, int stop_descriptor) {
  std::sort(files.begin(), files.end(), [](const CaptureFile& a, const CaptureFile& b) {
    return std::tie(a.node, a.path) < std::tie(b.node, b.path);
  });
  std::vector<std::unique_ptr<OpenCapture>> captures;
  for (CaptureFile& file : files) {
    captures.push_back(std::make_unique<OpenCapture>(std::move(file), stop_descriptor));
  }
  uint64_t packets = 0;
  while (true) {
    OpenCapture* next = nullptr;
    for (const auto& capture : captures) {
      if (capture->has_packet() && (next == nullptr || capture->time_ns() < next->time_ns())) {
        next = capture.get();
      }
    }
    if (next == nullptr) {
      break;
    }
    next->Replay(replay);
    if (next->was_stopped()) {
      for (const auto& capture : captures) {
        capture->Stop();
      }
      break;
    }
    if (++packets % kProgressPackets == 0) {
      on_progress(ProgressOf(captures, packets));
    }
  }
  replay->Finish();
  std::vector<CaptureOutcome> outcomes;
  for (const auto& capture : captures) {
    outcomes.push_back(capture->Outcome());
  }
  return outcomes;
}

}  // namespace audio_latency::correlator
