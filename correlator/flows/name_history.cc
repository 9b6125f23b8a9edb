#include "correlator/flows/name_history.h"

#include <algorithm>
#include <utility>

#include "correlator/flows/endpoint_table.h"

namespace audio_latency::correlator {
namespace {

EndpointQuery QueryOf(const ConversationKey& key, const IpAddress& address, uint16_t port,
                      const EndContext& end) {
  return {.address = address,
          .port = port,
          .transport = key.transport,
          .unix_time_ns = 0,
          .container = end.container,
          .observing_node = end.observing_node};
}

}  // namespace

NameHistory ResolveNames(const EndpointDirectory& directory, const ConversationKey& key,
                         const EndContext& source, const EndContext& destination,
                         int64_t unix_time_ns) {
  EndpointQuery from = QueryOf(key, key.source, key.source_port, source);
  EndpointQuery to = QueryOf(key, key.destination, key.destination_port, destination);
  NameHistory history;
  int64_t at_ns = unix_time_ns;
  while (true) {
    from.unix_time_ns = at_ns;
    to.unix_time_ns = at_ns;
    Resolution is_from = directory.Resolve(from);
    Resolution is_to = directory.Resolve(to);
    const int64_t since_ns = std::min(std::max(is_from.since_unix_ns, is_to.since_unix_ns), at_ns);
    if (!history.empty() && IsSameEndpoint(history.back().source, is_from.endpoint) &&
        IsSameEndpoint(history.back().destination, is_to.endpoint)) {
      history.back().since_unix_ns = since_ns;
    } else if (history.size() < kMaxNames) {
      history.push_back({.source = std::move(is_from.endpoint),
                         .destination = std::move(is_to.endpoint),
                         .since_unix_ns = since_ns});
    } else {
      break;
    }
    if (since_ns <= unix_time_ns - kNamesRememberedNs) {
      break;
    }
    at_ns = since_ns - 1;
  }
  history.back().since_unix_ns = Resolution::kAlways;
  return history;
}

}  // namespace audio_latency::correlator
