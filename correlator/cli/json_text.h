// Answers as JSON, in protobuf's mapping with the names of the .proto files.

#ifndef CORRELATOR_CLI_JSON_TEXT_H_
#define CORRELATOR_CLI_JSON_TEXT_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/statusor.h"

namespace audio_latency::correlator {

enum class JsonForm { kIndented, kOneLine };

// With fields that are zero or empty, and a line end.
absl::StatusOr<std::string> JsonText(const google::protobuf::Message& message, JsonForm form);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_JSON_TEXT_H_
