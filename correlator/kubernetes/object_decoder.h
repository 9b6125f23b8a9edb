// From the API server's JSON to ApiObject, one object at a time.

#ifndef CORRELATOR_KUBERNETES_OBJECT_DECODER_H_
#define CORRELATOR_KUBERNETES_OBJECT_DECODER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "correlator/kubernetes/api_object.h"

namespace audio_latency::correlator {

// An element of a list, of any of the kinds in KUBERNETES_RESOURCES. Nothing when it is no JSON,
// a field that is read is of another type, or it has no name or no UUID: what it says cannot be
// relied on then. Other fields are free to be anything.
std::optional<ApiObject> DecodeObject(std::string_view json);

enum class WatchEventType : uint8_t { kAdded, kModified, kDeleted, kBookmark, kError };

// A line of a watch.
struct WatchEvent {
  WatchEventType type = WatchEventType::kError;
  // Of kBookmark the resource version only; of kError nothing.
  ApiObject object = {};
  // Of kError: the HTTP status that it stands for (410: the resource version is too old), 0 when
  // it tells none; and what the server says.
  int code = 0;
  std::string message = {};
};
std::optional<WatchEvent> DecodeWatchEvent(std::string_view json);

// What stands around a list's items.
struct ListEnvelope {
  std::string resource_version;
  // Of the next page; "" at the end of the list.
  std::string continue_token;
};
std::optional<ListEnvelope> DecodeListEnvelope(std::string_view json);

// The field "message" of a Status, the body of refusals; "" where there is none. One line.
std::string MessageOfStatus(std::string_view json);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_OBJECT_DECODER_H_
