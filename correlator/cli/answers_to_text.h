// Answers as tables for people, and what to do next when there is nothing to show.

#ifndef CORRELATOR_CLI_ANSWERS_TO_TEXT_H_
#define CORRELATOR_CLI_ANSWERS_TO_TEXT_H_

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

// Why there are no paths or hops, and what to do: by what the probes say. `narrowed`: the question
// left some out by --through or --window.
std::string NothingSeenText(const google::protobuf::RepeatedPtrField<v1::Node>& nodes,
                            bool narrowed);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_ANSWERS_TO_TEXT_H_
