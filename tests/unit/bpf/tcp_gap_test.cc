// Late TCP segments: what is behind a gap is signed at once, and the segment that fills it when it
// comes.

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "tests/unit/bpf/software_stream.h"

namespace audio_latency {
namespace {

using testing::Bytes;
using testing::Config;
using testing::ReferenceSignatures;
using testing::Signatures;
using testing::Speech;
using testing::Stream;

struct Piece {
  size_t from;
  size_t bytes;
};

std::vector<Piece> CutInto(size_t stream_bytes, size_t longest, std::mt19937& random) {
  std::vector<Piece> pieces;
  for (size_t at = 0; at < stream_bytes;) {
    const size_t bytes = std::min(stream_bytes - at, 1 + random() % longest);
    pieces.push_back({at, bytes});
    at += bytes;
  }
  return pieces;
}

TEST_CASE("behind a gap all is signed, and until it is filled only what spans it is missing") {
  const Bytes stream = Speech(20000, 5);
  const capture_config config = Config(64, 6);
  const Signatures reference = ReferenceSignatures(stream, config);
  Stream cut(config);
  cut.Syn();
  cut.Segment(stream, 0, 8000);
  cut.Segment(stream, 9000, 11000);
  for (const auto& [offset, signature] : cut.signatures) {
    REQUIRE(reference.at(offset) == signature);
  }
  size_t whole = 0;
  for (const auto& [offset, signature] : reference) {
    whole += offset + 64 <= 8000 || offset >= 9004;
  }
  CHECK(cut.signatures.size() == whole);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_GAP) == 1);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_LATE) == 0);
  cut.Segment(stream, 8000, 1000);
  CHECK(cut.signatures == reference);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_LATE) == 1);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_GAP_UNFILLED) == 0);
}

TEST_CASE("one segment late by up to 40 others: every signature comes, however it is cut") {
  std::mt19937 random(3);
  for (const uint32_t window_bytes : {16U, 64U, 100U, 1024U}) {
    const capture_config config = Config(window_bytes, 5);
    const Bytes stream = Speech(12000, 6);
    const Signatures reference = ReferenceSignatures(stream, config);
    for (int round = 0; round < 150; ++round) {
      const size_t longest = size_t{8} << (random() % 9);
      const std::vector<Piece> pieces = CutInto(stream.size(), longest, random);
      const size_t late = random() % pieces.size();
      const size_t after = std::min(pieces.size() - 1, late + 1 + random() % 40);
      Stream cut(config);
      cut.Syn();
      for (size_t i = 0; i < pieces.size(); ++i) {
        if (i != late) {
          cut.Segment(stream, pieces[i].from, pieces[i].bytes);
        }
        if (i == after || (late == after && i == late)) {
          cut.Segment(stream, pieces[late].from, pieces[late].bytes);
        }
      }
      REQUIRE(cut.signatures == reference);
    }
  }
}

TEST_CASE("a gap of several segments is filled in parts, with overlaps and repeats") {
  std::mt19937 random(4);
  const capture_config config = Config(64, 5);
  const Bytes stream = Speech(12000, 7);
  const Signatures reference = ReferenceSignatures(stream, config);
  for (int round = 0; round < 300; ++round) {
    const size_t begin = 1 + random() % 4000;
    const size_t end = begin + 1 + random() % 3000;
    const size_t behind = end + 1 + random() % 3000;
    Stream cut(config);
    cut.Syn();
    cut.Segment(stream, 0, begin);
    cut.Segment(stream, end, behind - end);
    for (size_t at = begin; at < end;) {
      const size_t back = std::min<size_t>(at, random() % 3 == 0 ? random() % 300 : 0);
      const size_t bytes = 1 + random() % 900;
      cut.Segment(stream, at - back, std::min(stream.size() - (at - back), bytes + back));
      at += bytes;
    }
    cut.Segment(stream, behind, stream.size() - behind);
    REQUIRE(cut.signatures == reference);
  }
}

TEST_CASE("a retransmission may fill the gap and bring new bytes too") {
  const capture_config config = Config(64, 5);
  const Bytes stream = Speech(9000, 8);
  Stream cut(config);
  cut.Syn();
  cut.Segment(stream, 0, 3000);
  cut.Segment(stream, 4000, 1000);
  cut.Segment(stream, 2500, 6500);
  CHECK(cut.signatures == ReferenceSignatures(stream, config));
}

TEST_CASE("two gaps at once: the older is given up and counted, nothing is signed wrongly") {
  const capture_config config = Config(64, 5);
  const Bytes stream = Speech(9000, 9);
  const Signatures reference = ReferenceSignatures(stream, config);
  Stream cut(config);
  cut.Syn();
  cut.Segment(stream, 0, 2000);
  cut.Segment(stream, 3000, 1000);
  cut.Segment(stream, 5000, 4000);
  cut.Segment(stream, 2000, 1000);
  cut.Segment(stream, 4000, 1000);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_GAP) == 2);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_GAP_UNFILLED) == 1);
  size_t whole = 0;
  for (const auto& [offset, signature] : reference) {
    const bool is_seen = offset + 64 <= 2000 || offset >= 3004;
    whole += is_seen;
    REQUIRE(cut.signatures.contains(offset) == is_seen);
  }
  CHECK(cut.signatures.size() == whole);
}

TEST_CASE("a gap filled from its middle: the part before is given up and counted") {
  const capture_config config = Config(64, 5);
  const Bytes stream = Speech(9000, 10);
  const Signatures reference = ReferenceSignatures(stream, config);
  Stream cut(config);
  cut.Syn();
  cut.Segment(stream, 0, 2000);
  cut.Segment(stream, 6000, 3000);
  cut.Segment(stream, 4000, 2000);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_GAP_UNFILLED) == 1);
  for (const auto& [offset, signature] : reference) {
    REQUIRE(cut.signatures.contains(offset) == (offset + 64 <= 2000 || offset >= 4004));
  }
}

TEST_CASE("a gap that is never filled is counted once the stream has gone on far") {
  const Bytes stream = testing::RandomBytes(600000, 12);
  Stream cut(Config(64, 8));
  cut.Syn();
  cut.Segment(stream, 0, 5000);
  for (size_t at = 6000; at + 50000 <= stream.size(); at += 50000) {
    CHECK(cut.Count(CAPTURE_COUNTER_TCP_GAP_UNFILLED) == (at > 6000 + (1 << 18) ? 1 : 0));
    cut.Segment(stream, at, 50000);
  }
  cut.Segment(stream, 5000, 1000);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_GAP_UNFILLED) == 1);
  CHECK(cut.Count(CAPTURE_COUNTER_TCP_LATE) == 0);
}

TEST_CASE("random loss with retransmissions: most signatures come, each of them right") {
  std::mt19937 random(11);
  const capture_config config = Config(64, 5);
  const Bytes stream = Speech(400000, 11);
  const Signatures reference = ReferenceSignatures(stream, config);
  for (const unsigned lost_per_mille : {10U, 50U}) {
    Stream cut(config);
    cut.Syn();
    // What is lost comes again eight segments later.
    std::vector<std::pair<size_t, Piece>> again;
    size_t number = 0;
    for (const Piece& piece : CutInto(stream.size(), 640, random)) {
      ++number;
      if (random() % 1000 < lost_per_mille) {
        again.emplace_back(number + 8, piece);
      } else {
        cut.Segment(stream, piece.from, piece.bytes);
      }
      while (!again.empty() && again.front().first <= number) {
        cut.Segment(stream, again.front().second.from, again.front().second.bytes);
        again.erase(again.begin());
      }
    }
    for (const auto& [offset, signature] : cut.signatures) {
      REQUIRE(reference.at(offset) == signature);
    }
    const double recall =
        static_cast<double>(cut.signatures.size()) / static_cast<double>(reference.size());
    CHECK(recall > (lost_per_mille == 10 ? 0.99 : 0.96));
  }
}

}  // namespace
}  // namespace audio_latency
