// What was read of captures, and what a replay says when it has nothing to show.

#ifndef CORRELATOR_CLI_CAPTURES_TO_TEXT_H_
#define CORRELATOR_CLI_CAPTURES_TO_TEXT_H_

#include <span>
#include <string>

#include "audio_latency/v1/latency.pb.h"
#include "correlator/replay/file_replay.h"
#include "correlator/replay/replay.h"

namespace audio_latency::correlator {

// A row a node: its files' packets, and what the capture code made of them.
std::string CapturesText(std::span<const CaptureOutcome> outcomes,
                         const google::protobuf::RepeatedPtrField<v1::Node>& nodes);

// Why there are no paths or hops, and what to do.
std::string NothingReplayedText(const Replay::Counters& counters);

// What the user should know beside the answers, a line each: packets cut, late or without a time,
// what was taken apart or not tested, and clocks of which nothing is known.
std::string RemarksText(std::span<const CaptureOutcome> outcomes, const Replay::Counters& counters,
                        const MatchingCounters& matching);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_CAPTURES_TO_TEXT_H_
