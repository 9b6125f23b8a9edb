// What an API server and a kubeconfig may say, true or not.
//
// Input: what it is (a list, lines of a watch, a kubeconfig), then its text. A list and a watch are
// cut into pieces of a length that the second byte tells.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "correlator/kubernetes/cluster_access.h"
#include "correlator/kubernetes/cluster_state.h"
#include "correlator/kubernetes/json_splitter.h"
#include "correlator/kubernetes/object_decoder.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {
namespace {

using namespace correlator;  // NOLINT(google-build-using-namespace): all of this is its

constexpr size_t kMaxObjectBytes = 4096;
constexpr PodTable::Limits kLimits = {.max_pods = 20, .max_history = 10};
// A pod's own address, a service's and a node's in the first inputs.
constexpr std::array kAddresses = {"10.0.1.5", "10.96.0.7", "192.168.1.1", "fd00::5"};

void CheckName(const std::string& name) {
  FUZZ_CHECK(name.size() <= 253);
  FUZZ_CHECK(std::all_of(name.begin(), name.end(),
                         [](char letter) { return letter > ' ' && letter < 0x7F; }));
}

void CheckObject(const ApiObject& object) {
  FUZZ_CHECK(!object.name.empty() && object.uid != Uid());
  FUZZ_CHECK(Uid::Parse(object.uid.ToString()) == object.uid);
  CheckName(object.name);
  CheckName(object.namespace_name);
  CheckName(object.node_name);
  FUZZ_CHECK(object.addresses.size() <= ApiObject::kMaxAddresses);
  FUZZ_CHECK(object.ports.size() <= ApiObject::kMaxPorts);
  FUZZ_CHECK(object.started_unix_ns >= 0 && object.created_unix_ns >= 0);
}

// A small cluster that is told everything as every kind.
class Cluster {
 public:
  void Set(const ApiObject& object) {
    for (const ResourceFacts& facts : kResources) {
      state_.Set(facts.resource, {&object, 1});
      // To say a thing twice changes nothing more, unless it was forgotten in between.
      const uint64_t version = state_.Version();
      const double evictions = Evictions();
      state_.Set(facts.resource, {&object, 1});
      FUZZ_CHECK(state_.Version() == version || Evictions() != evictions);
    }
    Check();
  }
  void Remove(const ApiObject& object) {
    for (const ResourceFacts& facts : kResources) {
      state_.Remove(facts.resource, object);
    }
    for (const char* const address : kAddresses) {
      FUZZ_CHECK(At(address).pod_uid != object.uid.ToString());
    }
    Check();
  }
  // An empty list of every kind: nothing is there any more, and later nothing is known.
  void End() {
    for (const ResourceFacts& facts : kResources) {
      state_.BeginList(facts.resource);
      state_.EndList(facts.resource);
    }
    for (const char* const address : kAddresses) {
      Endpoint nameless;
      nameless.address = *IpAddress::Parse(address);
      FUZZ_CHECK(At(address) == nameless || At(address).ambiguous);
    }
    clock_.Advance(PodTable::kHistoryNs);
    state_.Tick();
    for (const TableUse& table : state_.statistics().tables) {
      FUZZ_CHECK(table.used == 0);
    }
  }

 private:
  Endpoint At(const char* address) const {
    return state_
        .Resolve({.address = *IpAddress::Parse(address),
                  .port = 5060,
                  .transport = 17,
                  .unix_time_ns = clock_.NowNs(),
                  .container = {},
                  .observing_node = {}})
        .endpoint;
  }
  double Evictions() const {
    double evictions = 0;
    for (const TableUse& table : state_.statistics().tables) {
      evictions += table.evictions;
    }
    return evictions;
  }
  void Check() {
    clock_.Advance(1'000'000'000);
    const ClusterState::Statistics statistics = state_.statistics();
    for (const TableUse& table : statistics.tables) {
      FUZZ_CHECK(table.used <= table.limit);
    }
    FUZZ_CHECK(statistics.bytes > 0);
    for (const char* const address : kAddresses) {
      const Endpoint endpoint = At(address);
      FUZZ_CHECK(endpoint.pod.empty() || endpoint.service.empty());
      FUZZ_CHECK(endpoint.pod.empty() == endpoint.pod_uid.empty());
    }
  }

  ManualClock clock_{1'795'255'200'000'000'000};
  ClusterState state_{clock_, kLimits};
};

struct Values {
  std::vector<std::string> texts;
  std::string envelope;
  uint64_t oversized = 0;
  bool is_good = true;
};

template <typename Splitter>
Values Split(std::string_view text, size_t piece) {
  Values values;
  Splitter splitter(kMaxObjectBytes, [&](std::string_view value) {
    FUZZ_CHECK(value.size() <= kMaxObjectBytes);
    values.texts.emplace_back(value);
    return true;
  });
  for (size_t i = 0; i < text.size() && values.is_good; i += piece) {
    values.is_good = splitter.Feed(text.substr(i, piece));
  }
  if constexpr (std::is_same_v<Splitter, ListSplitter>) {
    values.envelope = splitter.complete() ? splitter.envelope() : "";
  }
  values.oversized = splitter.oversized();
  return values;
}

// The same, however it is cut.
template <typename Splitter>
Values SplitTwice(std::string_view text, size_t piece) {
  const Values whole = Split<Splitter>(text, std::max<size_t>(text.size(), 1));
  const Values pieces = Split<Splitter>(text, piece);
  FUZZ_CHECK(whole.texts == pieces.texts && whole.envelope == pieces.envelope);
  FUZZ_CHECK(whole.oversized == pieces.oversized && whole.is_good == pieces.is_good);
  return whole;
}

void ReadList(std::string_view text, size_t piece) {
  const Values values = SplitTwice<ListSplitter>(text, piece);
  Cluster cluster;
  for (const std::string& each : values.texts) {
    if (const std::optional<ApiObject> object = DecodeObject(each); object.has_value()) {
      CheckObject(*object);
      cluster.Set(*object);
    }
  }
  if (const auto envelope = DecodeListEnvelope(values.envelope); envelope.has_value()) {
    FUZZ_CHECK(!envelope->resource_version.empty());
  }
  cluster.End();
}

void ReadWatch(std::string_view text, size_t piece) {
  const Values values = SplitTwice<LineSplitter>(text, piece);
  Cluster cluster;
  for (const std::string& each : values.texts) {
    const std::optional<WatchEvent> event = DecodeWatchEvent(each);
    if (!event.has_value()) {
      continue;
    }
    switch (event->type) {
      case WatchEventType::kAdded:
      case WatchEventType::kModified:
        CheckObject(event->object);
        cluster.Set(event->object);
        break;
      case WatchEventType::kDeleted:
        CheckObject(event->object);
        cluster.Remove(event->object);
        break;
      case WatchEventType::kBookmark:
        FUZZ_CHECK(!event->object.resource_version.empty());
        break;
      case WatchEventType::kError:
        FUZZ_CHECK(event->code >= 0 && event->code < 1000);
        FUZZ_CHECK(event->message.find('\n') == std::string::npos);
        break;
    }
  }
  cluster.End();
}

void ReadKubeconfig(std::string_view text) {
  const int file = memfd_create("kubeconfig", MFD_CLOEXEC);
  FUZZ_CHECK(file >= 0);
  FUZZ_CHECK(write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const auto access = KubeconfigAccess(path);
  if (access.ok()) {
    FUZZ_CHECK(!access->host.empty() && access->port != 0);
    FUZZ_CHECK(access->certificate.empty() == access->key.empty());
  } else {
    const std::string message = Message(access.status());
    FUZZ_CHECK(message.find(path) != std::string::npos);
    FUZZ_CHECK(message.find('\n') == std::string::npos);
  }
  close(file);
}

void Run(Input input) {
  const uint8_t what = input.Byte();
  const size_t piece = size_t{input.Byte()} + 1;
  const std::span<const uint8_t> rest = input.Rest();
  const std::string text(rest.begin(), rest.end());
  switch (what % 3) {
    case 0:
      return ReadList(text, piece);
    case 1:
      return ReadWatch(text, piece);
    default:
      return ReadKubeconfig(text);
  }
}

}  // namespace
}  // namespace audio_latency::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::fuzz::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
