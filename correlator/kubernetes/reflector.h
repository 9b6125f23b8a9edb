// Keeps up with one kind of objects: list, then watch, again and again.

#ifndef CORRELATOR_KUBERNETES_REFLECTOR_H_
#define CORRELATOR_KUBERNETES_REFLECTOR_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/time/backoff.h"
#include "correlator/kubernetes/api_client.h"
#include "correlator/kubernetes/api_object.h"
#include "correlator/kubernetes/cluster_access.h"
#include "correlator/kubernetes/object_sink.h"
#include "correlator/kubernetes/sync_board.h"

namespace audio_latency::correlator {

struct ReflectorOptions {
  int page_objects = 500;
  // etcd holds no larger objects; a line of a watch is a little more.
  size_t max_object_bytes = 4 << 20;
  std::chrono::milliseconds first_backoff{100};
  std::chrono::milliseconds most_backoff{30'000};
  // A page of a list: how long nothing may come, and how long all may take.
  std::chrono::milliseconds page_silence{15'000};
  std::chrono::milliseconds page_total{120'000};
  // The server ends a watch after one to two times this; a bookmark comes each minute.
  std::chrono::seconds watch{300};
  std::chrono::milliseconds watch_silence{150'000};
};

// A thread that lists, then watches from the list's resource version on. A watch that ends goes on
// from the last version seen (bookmarks keep that new); where the server has forgotten it (410) all
// is listed again, and what is gone by then is removed. What fails is tried again, ever more
// slowly, until a watch has told something or gone on for a second.
class Reflector {
 public:
  // `sink` and `board` must outlive it.
  Reflector(Resource resource, const ClusterAccess& access, const ReflectorOptions& options,
            ObjectSink* sink, SyncBoard* board);
  // Ends within a moment.
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  // Makes the destructor, or those of several, quick: tells the thread to end, waits for nothing.
  void Stop();

 private:
  void Run();
  ApiOutcome List();
  ApiOutcome ListPage(const std::string& continue_token, uint64_t* objects,
                      std::string* next_token);
  ApiOutcome Watch();
  // What a line of the watch says is wrong; ok while it may go on.
  ApiOutcome TakeLine(std::string_view line);
  void TakeListed(std::string_view json, uint64_t* objects);
  void HandOn();
  // False when the thread is to end.
  bool Wait(std::chrono::milliseconds time);
  bool is_stopping();

  const ResourceFacts& facts_;
  const ReflectorOptions options_;
  ObjectSink& sink_;
  SyncBoard& board_;
  ApiClient client_;
  Backoff backoff_;
  // The thread's.
  std::string version_;
  bool is_paged_ = true;
  int failed_watches_ = 0;
  uint64_t malformed_ = 0;
  std::vector<ApiObject> batch_;

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool is_stopping_ = false;
  absl::Notification has_ended_;
  std::jthread thread_;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_REFLECTOR_H_
