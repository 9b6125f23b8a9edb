#include "tests/interop/rtp_truth.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {
namespace {

using Stream = std::vector<const RtpRecord*>;
using Streams = std::map<RtpStreamKey, Stream>;

// A stream is relayed as it is when this share of its packets is.
constexpr double kLeastRelayedShare = 0.5;

// "1700000000.123456789", exactly.
bool ParseTime(std::string_view text, int64_t* time_ns) {
  constexpr size_t kFractionDigits = 9;
  const size_t point = text.find('.');
  int64_t seconds = 0;
  int64_t fraction = 0;
  if (point == std::string_view::npos || text.size() != point + 1 + kFractionDigits) {
    return false;
  }
  const auto number = [](std::string_view digits, int64_t* value) {
    return std::from_chars(digits.data(), digits.data() + digits.size(), *value).ptr ==
           digits.data() + digits.size();
  };
  if (!number(text.substr(0, point), &seconds) || !number(text.substr(point + 1), &fraction)) {
    return false;
  }
  *time_ns = seconds * 1'000'000'000 + fraction;
  return true;
}

// By payload, where in the stream it is; nothing for one that comes more than once.
std::map<std::string_view, std::optional<uint16_t>> UniquePayloads(const Stream& stream) {
  std::map<std::string_view, std::optional<uint16_t>> places;
  for (const RtpRecord* record : stream) {
    const auto [place, is_new] = places.try_emplace(record->payload, record->sequence);
    if (!is_new) {
      place->second.reset();
    }
  }
  return places;
}

// The shift that most of the payloads agree on, and how many do.
std::pair<uint16_t, size_t> FindShift(const Stream& in, const Stream& out) {
  const auto places = UniquePayloads(out);
  std::map<uint16_t, size_t> votes;
  for (const auto& [payload, sequence] : UniquePayloads(in)) {
    const auto found = places.find(payload);
    if (sequence.has_value() && found != places.end() && found->second.has_value()) {
      ++votes[static_cast<uint16_t>(*found->second - *sequence)];
    }
  }
  std::pair<uint16_t, size_t> best = {0, 0};
  for (const auto& [shift, count] : votes) {
    if (count > best.second) {
      best = {shift, count};
    }
  }
  return best;
}

RelayedStream Pair(const RtpStreamKey& in_key, const Stream& in, const RtpStreamKey& out_key,
                   const Stream& out, uint16_t shift) {
  RelayedStream relayed = {in_key, out_key, shift, {}};
  std::map<uint16_t, const RtpRecord*> by_sequence;
  for (const RtpRecord* record : out) {
    by_sequence.emplace(record->sequence, record);
  }
  for (const RtpRecord* record : in) {
    const auto found = by_sequence.find(static_cast<uint16_t>(record->sequence + shift));
    if (found != by_sequence.end() && found->second->payload == record->payload) {
      relayed.passages.emplace(
          record->sequence,
          RelayedStream::Passage{record->unix_time_ns, found->second->unix_time_ns,
                                 record->timestamp - in.front()->timestamp});
    }
  }
  return relayed;
}

}  // namespace

absl::StatusOr<std::vector<RtpRecord>> ReadRtp(const std::string& capture_path, int first_port,
                                               int last_port) {
  ProcessOptions options;
  options.arguments = {"tshark", "-n",
                       "-r",     capture_path,
                       "-d",     fmt::format("udp.port=={}-{},rtp", first_port, last_port),
                       "-Y",     "rtp.payload",
                       "-T",     "fields"};
  for (const char* field : {"frame.time_epoch", "ip.src", "ip.dst", "rtp.ssrc", "rtp.seq",
                            "rtp.timestamp", "rtp.payload"}) {
    options.arguments.insert(options.arguments.end(), {"-e", field});
  }
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(options));
  if (result.exit_status != 0) {
    return absl::InternalError(
        fmt::format("tshark could not read {}: {}", capture_path, result.error));
  }
  return ParseTsharkFields(result.output);
}

absl::StatusOr<std::vector<RtpRecord>> ParseTsharkFields(std::string_view text) {
  std::vector<RtpRecord> records;
  const absl::string_view all(text.data(), text.size());
  for (const absl::string_view line : absl::StrSplit(all, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    RtpRecord record;
    uint32_t sequence = 0;
    if (fields.size() != 7 || !ParseTime(fields[0], &record.unix_time_ns) ||
        !absl::SimpleHexAtoi(fields[3], &record.ssrc) || !absl::SimpleAtoi(fields[4], &sequence) ||
        sequence > UINT16_MAX || !absl::SimpleAtoi(fields[5], &record.timestamp)) {
      return absl::InvalidArgumentError(fmt::format(
          "tshark's line {} is not time, addresses, SSRC, sequence, timestamp and payload",
          records.size() + 1));
    }
    record.source = fields[1];
    record.destination = fields[2];
    record.sequence = static_cast<uint16_t>(sequence);
    record.payload = fields[6];
    records.push_back(std::move(record));
  }
  return records;
}

const RelayedStream* RelayTruth::Find(const RtpStreamKey& in) const {
  for (const RelayedStream& stream : streams) {
    if (stream.in == in) {
      return &stream;
    }
  }
  return nullptr;
}

RelayTruth MakeRelayTruth(const std::vector<RtpRecord>& records, const std::string& relay_address) {
  RelayTruth truth;
  Streams into;
  Streams out_of;
  for (const RtpRecord& record : records) {
    const RtpStreamKey key = {record.source, record.destination, record.ssrc};
    if (record.destination == relay_address) {
      into[key].push_back(&record);
      ++truth.packets_in;
    } else if (record.source == relay_address) {
      out_of[key].push_back(&record);
      ++truth.packets_out;
    }
  }
  for (const auto& [in_key, in] : into) {
    const std::pair<const RtpStreamKey, Stream>* best = nullptr;
    std::pair<uint16_t, size_t> best_shift = {0, 0};
    for (const auto& candidate : out_of) {
      if (candidate.first.destination == in_key.source) {
        continue;
      }
      const std::pair<uint16_t, size_t> shift = FindShift(in, candidate.second);
      // Both ends may play the same file: a relay that keeps the SSRC tells which is which.
      const bool is_better = shift.second > best_shift.second ||
                             (shift.second == best_shift.second && best != nullptr &&
                              candidate.first.ssrc == in_key.ssrc);
      if (is_better) {
        best = &candidate;
        best_shift = shift;
      }
    }
    if (best != nullptr &&
        static_cast<double>(best_shift.second) >=
            kLeastRelayedShare * static_cast<double>(UniquePayloads(in).size())) {
      truth.streams.push_back(Pair(in_key, in, best->first, best->second, best_shift.first));
    }
  }
  return truth;
}

}  // namespace audio_latency::lab
