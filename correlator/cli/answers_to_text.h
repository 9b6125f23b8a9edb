// Answers as tables for people, and what to do next when there is nothing to show.

#ifndef CORRELATOR_CLI_ANSWERS_TO_TEXT_H_
#define CORRELATOR_CLI_ANSWERS_TO_TEXT_H_

#include <google/protobuf/map.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <string>

#include "audio_latency/v1/latency.pb.h"

namespace audio_latency::correlator {

// Each path with its hops under it.
std::string PathsText(const google::protobuf::RepeatedPtrField<v1::Path>& paths);
std::string HopsText(const google::protobuf::RepeatedPtrField<v1::Hop>& hops);
// `now_unix_seconds` makes ages of times.
std::string NodesText(const google::protobuf::RepeatedPtrField<v1::Node>& nodes,
                      double now_unix_seconds);
std::string TracesText(const google::protobuf::RepeatedPtrField<v1::Trace>& traces);

// What to know of the clocks behind an answer: a line for each that is not good; empty: all are.
std::string ClocksText(const google::protobuf::RepeatedPtrField<v1::NodeClock>& clocks);

// "ring_full 12, gate_silence 3 and 2 more": the largest first; "none".
std::string DropsText(const google::protobuf::Map<std::string, double>& drops);

// Why there are no paths or hops, and what to do: by what the probes say, and by what the question
// left out (`through`: a name or empty; `window_seconds`: 0 for none).
std::string NothingSeenText(const google::protobuf::RepeatedPtrField<v1::Node>& nodes,
                            const std::string& through, uint32_t window_seconds);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_ANSWERS_TO_TEXT_H_
