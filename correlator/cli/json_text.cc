#include "correlator/cli/json_text.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "absl/status/status.h"

namespace audio_latency::correlator {

absl::StatusOr<std::string> JsonText(const google::protobuf::Message& message, JsonForm form) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = form == JsonForm::kIndented;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
      !status.ok()) {
    return absl::InternalError(
        fmt::format("the answer cannot be written as JSON: {}", status.ToString()));
  }
  if (!text.ends_with('\n')) {
    text += '\n';
  }
  return text;
}

}  // namespace audio_latency::correlator
