// Holds what the product reports against the truth.

#ifndef TESTS_ACCURACY_JUDGE_H_
#define TESTS_ACCURACY_JUDGE_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/capture_abi.h"
#include "correlator/flows/flow_registry.h"
#include "correlator/matching/match.h"
#include "tests/accuracy/reference.h"
#include "tests/accuracy/truth.h"

namespace audio_latency::accuracy {

// A delay that is further from the truth is that of other audio, or of another round of the same.
inline constexpr double kMostErrorUs = 1000;

// What README.md defines.
struct Figures {
  uint64_t matches = 0;
  uint64_t false_matches = 0;
  // What was wrong with the first one.
  std::string first_false_match = {};
  // Pieces that could be met again on the whole way, and that were.
  uint64_t expected = 0;
  uint64_t found = 0;
  // Pieces of the audio alone.
  uint64_t of_audio = 0;
  uint64_t seconds_with_sound = 0;
  uint64_t covered_seconds = 0;
  // Magnitudes, in microseconds, ascending.
  std::vector<double> errors_us = {};

  std::optional<double> Recall() const;
  std::optional<double> RecallOfAudio() const;
  std::optional<double> Coverage() const;
  // `share` 0.5: the median. Nothing where no delay was told.
  std::optional<double> ErrorUs(double share) const;
};

// The name of the node that stands for capture file `index`.
std::string PointName(size_t index);

// Not thread-safe. Both must outlive the judge.
class Judge {
 public:
  Judge(const Truth& truth, const capture_config& config);

  // `flows` are those that the match names.
  void Take(const correlator::Match& match, const correlator::FlowRegistry& flows);
  Figures Finish();

 private:
  struct StreamPlace {
    size_t call = 0;
    size_t leg = 0;
    const StreamTruth* stream = nullptr;
  };
  // A passage of a match, found in the truth.
  struct Seen {
    StreamPlace place;
    std::array<size_t, 2> sides = {};  // of its first and last point
    // All bytes that the signature hangs on.
    ByteRange in_stream;
    // Of its window, or of the packet that it ends in.
    ByteRange audio;
    bool is_window = false;
  };
  // What a match is about.
  struct Piece {
    ByteRange audio;
    // With those before it that the signature hangs on too.
    ByteRange bytes;
  };
  struct CallState {
    Reference reference;
    // By audio byte: windows, or packets on the whole way.
    std::set<uint64_t> expected;
    std::set<uint64_t> found;
    std::set<int64_t> covered_seconds;
  };

  void Expect(size_t call);
  bool IsPastLearning(const CallTruth& call, const ByteRange& audio) const;
  bool PassesAll(const CallTruth& call, const ByteRange& audio, bool crosses_headers) const;
  std::optional<StreamPlace> FindStream(const FlowKey& key, int64_t time_ns) const;
  std::optional<size_t> SideOf(const StreamPlace& place, std::string_view node) const;
  // Nothing, with the reason in `problem_`, where the truth does not know such a passage.
  std::optional<Seen> Find(const correlator::Passage& passage,
                           const correlator::FlowRegistry& flows);
  ByteRange AudioOfWindow(const StreamTruth& stream, const ByteRange& window) const;
  ByteRange AudioOfPacket(const StreamTruth& stream, const ByteRange& packet) const;
  bool IsSamePiece(const Seen& a, const Seen& b);
  // The piece of a match whose passages are all true.
  Piece PieceOf(uint64_t signature, const std::vector<Seen>& seen) const;
  std::optional<int64_t> TruePassNs(const Seen& seen, const Piece& piece, size_t side) const;
  void CountFalse(std::string problem);
  void AddError(int64_t reported_ns, std::optional<int64_t> from_ns, std::optional<int64_t> to_ns);
  void AddDelays(const correlator::Match& match, const std::vector<Seen>& seen, const Piece& piece);
  void AddWays(const correlator::Match& match, const std::vector<Seen>& seen, const Piece& piece);

  const Truth& truth_;
  const capture_config config_;
  std::map<FlowKey, std::vector<StreamPlace>> streams_;
  std::vector<CallState> calls_;
  Figures figures_;
  std::string problem_;
};

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_JUDGE_H_
