#include "correlator/kubernetes/reflector.h"

#include <malloc.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "absl/time/time.h"
#include "correlator/kubernetes/json_splitter.h"
#include "correlator/kubernetes/object_decoder.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

// Objects that are decoded before they are handed on together.
constexpr size_t kBatchObjects = 64;
// After that many watches that failed from the start the version may be what is wrong, whatever
// the server says (one that came back from a backup knows less than we do).
constexpr int kMostFailedWatches = 5;
// A watch that the server ends sooner, and without a word, has failed.
constexpr std::chrono::seconds kShortestWatch(1);
constexpr int kGoneCode = 410;

// Metadata alone where that is all that is needed; older servers that cannot send the whole.
std::string Accept(bool metadata_only, std::string_view kind) {
  return metadata_only
             ? fmt::format("application/json;as={};g=meta.k8s.io;v=v1,application/json", kind)
             : "application/json";
}

std::chrono::seconds Between(std::chrono::seconds least, std::chrono::seconds most) {
  std::random_device random;
  return std::chrono::seconds(
      std::uniform_int_distribution<int64_t>(least.count(), most.count())(random));
}

}  // namespace

Reflector::Reflector(Resource resource, const ClusterAccess& access,
                     const ReflectorOptions& options, ObjectSink* sink, SyncBoard* board)
    : facts_(FactsOf(resource)),
      options_(options),
      sink_(*sink),
      board_(*board),
      client_(access),
      backoff_(options.first_backoff, options.most_backoff, std::random_device()()),
      thread_([this] {
        Run();
        has_ended_.Notify();
      }) {}

Reflector::~Reflector() {
  Stop();
  // A socket that is just about to connect cannot be shut yet: again, until the thread has ended.
  while (!has_ended_.WaitForNotificationWithTimeout(absl::Milliseconds(20))) {
    client_.Stop();
  }
}

void Reflector::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopping_ = true;
  }
  stopped_.notify_all();
  client_.Stop();
}

void Reflector::Run() {
  while (!is_stopping()) {
    const bool is_list = version_.empty();
    const ApiOutcome outcome = is_list ? List() : Watch();
    if (is_stopping()) {
      return;
    }
    sink_.Tick();
    if (outcome.ok()) {
      continue;
    }
    board_.Failed(facts_.resource, outcome.error, outcome.message);
    if (!is_list) {
      const bool is_version_refused =
          outcome.error == ApiError::kGone || outcome.error == ApiError::kMalformed;
      if (is_version_refused || ++failed_watches_ >= kMostFailedWatches) {
        version_.clear();
        failed_watches_ = 0;
      }
    }
    std::chrono::milliseconds pause = backoff_.Next();
    if (outcome.retry_after.has_value()) {
      pause = std::max<std::chrono::milliseconds>(pause, *outcome.retry_after);
    }
    if (!Wait(pause)) {
      return;
    }
  }
}

ApiOutcome Reflector::List() {
  board_.ListBegins(facts_.resource);
  sink_.BeginList(facts_.resource);
  client_.Disconnect();
  uint64_t objects = 0;
  std::string token;
  do {
    std::string next_token;
    ApiOutcome outcome = ListPage(token, &objects, &next_token);
    if (!outcome.ok()) {
      if (outcome.error == ApiError::kGone) {
        // The list took longer than the server keeps it: in one piece next time.
        is_paged_ = false;
      }
      version_.clear();
      return outcome;
    }
    token = std::move(next_token);
  } while (!token.empty());
  sink_.EndList(facts_.resource);
  is_paged_ = true;
  // The pause stays what it was until a watch goes well: where each is refused from the start, all
  // would be listed again and again without one.
  failed_watches_ = 0;
  // What the pages took for a moment goes back to the system.
  malloc_trim(0);
  board_.ListEnds(facts_.resource, objects);
  return {};
}

ApiOutcome Reflector::ListPage(const std::string& continue_token, uint64_t* objects,
                               std::string* next_token) {
  ApiRequest request{.path = std::string(facts_.path),
                     .accept = Accept(facts_.metadata_only, "PartialObjectMetadataList"),
                     .silence = options_.page_silence,
                     .total = options_.page_total};
  if (is_paged_) {
    request.path += fmt::format("?limit={}", options_.page_objects);
    if (!continue_token.empty()) {
      request.path += "&continue=" + EscapeQuery(continue_token);
    }
  }
  ListSplitter splitter(options_.max_object_bytes, [&](std::string_view json) {
    TakeListed(json, objects);
    return true;
  });
  bool is_list = true;
  ApiOutcome outcome = client_.Get(request, [&](std::string_view piece) {
    is_list = splitter.Feed(piece);
    return is_list;
  });
  HandOn();
  board_.LeftOut(facts_.resource, std::exchange(malformed_, 0), splitter.oversized());
  if (!outcome.ok()) {
    return outcome;
  }
  board_.Received(facts_.resource);
  const std::optional<ListEnvelope> envelope =
      is_list && splitter.complete() ? DecodeListEnvelope(splitter.envelope()) : std::nullopt;
  if (!envelope.has_value()) {
    return {.error = ApiError::kMalformed, .message = "what it answers is no list"};
  }
  version_ = envelope->resource_version;
  *next_token = envelope->continue_token;
  return outcome;
}

void Reflector::TakeListed(std::string_view json, uint64_t* objects) {
  std::optional<ApiObject> object = DecodeObject(json);
  if (!object.has_value()) {
    ++malformed_;
    return;
  }
  ++*objects;
  batch_.push_back(*std::move(object));
  if (batch_.size() >= kBatchObjects) {
    HandOn();
  }
}

void Reflector::HandOn() {
  if (!batch_.empty()) {
    sink_.Set(facts_.resource, batch_);
    batch_ = {};
  }
}

ApiOutcome Reflector::Watch() {
  board_.WatchBegins(facts_.resource);
  client_.Disconnect();
  const std::chrono::seconds time = Between(options_.watch, 2 * options_.watch);
  std::optional<std::chrono::steady_clock::time_point> let_in;
  const ApiRequest request{
      .path =
          fmt::format("{}?watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
                      facts_.path, EscapeQuery(version_), time.count()),
      .accept = Accept(facts_.metadata_only, "PartialObjectMetadata"),
      .silence = options_.watch_silence,
      .total = time + std::chrono::seconds(30),
      .on_begin = [&] {
        let_in = std::chrono::steady_clock::now();
        board_.Received(facts_.resource);
      }};
  ApiOutcome said;
  bool has_said_anything = false;
  LineSplitter splitter(options_.max_object_bytes, [&](std::string_view line) {
    said = TakeLine(line);
    if (said.ok()) {
      has_said_anything = true;
      failed_watches_ = 0;
      backoff_.Reset();
      board_.Received(facts_.resource);
    }
    return said.ok();
  });
  ApiOutcome outcome =
      client_.Get(request, [&](std::string_view piece) { return splitter.Feed(piece); });
  board_.LeftOut(facts_.resource, std::exchange(malformed_, 0), splitter.oversized());
  const bool has_lasted =
      let_in.has_value() && std::chrono::steady_clock::now() - *let_in >= kShortestWatch;
  if (has_lasted) {
    failed_watches_ = 0;
    backoff_.Reset();
  }
  if (!said.ok()) {
    return said;
  }
  if (outcome.ok() && !has_said_anything && !has_lasted) {
    return {.error = ApiError::kInterrupted, .message = "the watch ended at once"};
  }
  return outcome;
}

ApiOutcome Reflector::TakeLine(std::string_view line) {
  std::optional<WatchEvent> event = DecodeWatchEvent(line);
  if (!event.has_value()) {
    ++malformed_;
    return {};
  }
  switch (event->type) {
    case WatchEventType::kError:
      return {.error = event->code == kGoneCode ? ApiError::kGone : ApiError::kServerError,
              .message = fmt::format("the watch failed: {} {}", event->code, event->message)};
    case WatchEventType::kBookmark:
      sink_.Tick();
      break;
    case WatchEventType::kDeleted:
      sink_.Remove(facts_.resource, event->object);
      break;
    case WatchEventType::kAdded:
    case WatchEventType::kModified:
      sink_.Set(facts_.resource, {&event->object, 1});
      break;
  }
  if (!event->object.resource_version.empty()) {
    version_ = std::move(event->object.resource_version);
  }
  return {};
}

bool Reflector::Wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, time, [this] { return is_stopping_; });
}

bool Reflector::is_stopping() {
  const std::scoped_lock lock(mutex_);
  return is_stopping_;
}

}  // namespace audio_latency::correlator
