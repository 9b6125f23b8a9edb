#include "correlator/flows/flow_registry.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "correlator/flows/chunked_store.h"
#include "correlator/flows/conversation_key.h"
#include "correlator/flows/conversation_table.h"
#include "correlator/flows/endpoint_table.h"
#include "correlator/flows/name_history.h"
#include "correlator/flows/service_join.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

constexpr size_t kMaxNodes = 65535;
// Endpoints stay for hours; a cluster that changes much needs room for more than are alive.
constexpr size_t kLeastMaxEndpoints = 65536;
// Conversations that are asked for at once, without the lock.
constexpr size_t kRefreshBatch = 256;
constexpr int64_t kGoneCheckNs = 5'000'000'000;

// Aligned so that what the event path reads is in one cache line.
struct alignas(64) FlowSlot {
  // Newest first; the last one holds for all times before, too.
  std::atomic<const FlowRecord*> records = nullptr;
  // As long as there is but one name.
  FlowRecord first;
  std::unique_ptr<FlowRecord[]> replaced;
  FlowDescription description;
  // The writer's.
  Conversation* conversation = nullptr;
  bool is_live = false;
  // Has been told to readers.
  bool is_told = false;
};

class FlowRegistryImplementation final : public FlowRegistry {
 public:
  FlowRegistryImplementation(const EndpointDirectory& directory, uint32_t max_flows,
                             uint32_t max_flows_per_node)
      : directory_(directory),
        max_flows_(max_flows),
        max_numbers_per_node_(size_t{max_flows_per_node} * 2),
        flows_(size_t{max_flows} * 2),
        endpoints_(std::max(kLeastMaxEndpoints, size_t{max_flows} * 4)),
        node_names_(kMaxNodes),
        conversations_(&endpoints_),
        services_(&endpoints_) {}

  absl::StatusOr<NodeId> InternNode(const std::string& name) override {
    const std::scoped_lock lock(mutex_);
    if (const auto found = nodes_.find(name); found != nodes_.end()) {
      return found->second;
    }
    if (nodes_.size() >= kMaxNodes) {
      ++refused_nodes_;
      return absl::ResourceExhaustedError(
          fmt::format("node {}: {} nodes are known already, which is the limit", name, kMaxNodes));
    }
    const NodeId id = static_cast<NodeId>(nodes_.size());
    node_names_.Writable(id) = name;
    nodes_.emplace(name, id);
    return id;
  }

  absl::StatusOr<FlowId> Add(const FlowDescription& flow, int64_t unix_time_ns) override {
    const ConversationKey key = ConversationKeyOf(flow);
    EndContext source{.container = {}, .observing_node = node_names_[flow.node]};
    EndContext destination = source;
    if (EndContext* const end = ContainerEnd(flow, &source, &destination); end != nullptr) {
      end->container = flow.container;
    }
    // Asked outside the lock: a directory may take its time.
    const NameHistory history = ResolveNames(directory_, key, source, destination, unix_time_ns);

    const std::scoped_lock lock(mutex_);
    if (live_flows_ >= max_flows_ || (free_flows_.empty() && used_slots_ == flows_.capacity())) {
      ++refused_flows_;
      return absl::ResourceExhaustedError(fmt::format(
          "{} flows are registered and {} wait for reuse; raise MAX_FLOWS (now {}) to take more",
          live_flows_, quarantine_.size(), max_flows_));
    }
    uint32_t& numbers_of_node = numbers_by_node_[flow.node];
    if (numbers_of_node >= max_numbers_per_node_) {
      ++refused_flows_;
      return absl::ResourceExhaustedError(
          fmt::format("{} flows of node {} are registered or wait for reuse; its flows come and go "
                      "too quickly, or raise MAX_FLOWS_PER_PROBE (now {})",
                      numbers_of_node, node_names_[flow.node], max_numbers_per_node_ / 2));
    }
    Conversation* conversation = conversations_.Find(key);
    const bool is_new = conversation == nullptr;
    if (is_new) {
      conversation = conversations_.Create(key, history.front(), unix_time_ns);
      if (conversation == nullptr) {
        return absl::ResourceExhaustedError(
            fmt::format("{} endpoints are known, which is the limit; raise MAX_FLOWS (now {})",
                        endpoints_.size(), max_flows_));
      }
      conversation->source = std::move(source);
      conversation->destination = std::move(destination);
    } else {
      Improve(flow, conversation);
    }
    if (!conversations_.IsNamed(*conversation, history)) {
      AskAgain(key);
    }
    if (!conversation->initial_sequence.has_value()) {
      conversation->initial_sequence = flow.initial_sequence;
    }

    FlowId id = 0;
    if (!free_flows_.empty()) {
      id = free_flows_.back();
      free_flows_.pop_back();
    } else {
      id = used_slots_++;
    }
    FlowSlot& slot = flows_.Writable(id);
    slot.description = flow;
    slot.conversation = conversation;
    slot.is_live = true;
    slot.is_told = false;
    conversation->flows.push_back(id);
    ++conversation->live_flows;
    ++live_flows_;
    ++numbers_of_node;
    Publish(id);
    std::vector<Conversation*> changed;
    is_new ? services_.Update(conversation, &changed) : services_.Review(conversation, &changed);
    PublishAll(changed);
    return id;
  }

  void TellContainer(FlowId flow, const ContainerHint& container) override {
    const std::scoped_lock lock(mutex_);
    if (flow >= used_slots_ || !flows_.Writable(flow).is_live) {
      return;
    }
    FlowDescription description = flows_[flow].description;
    description.container = container;
    if (Improve(description, flows_[flow].conversation)) {
      AskAgain(flows_[flow].conversation->key);
    }
  }

  void Remove(FlowId flow, int64_t monotonic_ns) override {
    const std::scoped_lock lock(mutex_);
    ReleaseQuarantined(monotonic_ns);
    if (flow >= used_slots_ || !flows_.Writable(flow).is_live) {
      return;
    }
    FlowSlot& slot = flows_.Writable(flow);
    slot.is_live = false;
    --live_flows_;
    quarantine_.emplace_back(monotonic_ns, flow);
    if (--slot.conversation->live_flows == 0) {
      std::vector<Conversation*> changed;
      services_.Review(slot.conversation, &changed);
      PublishAll(changed);
    }
  }

  void ReleaseRemoved(int64_t monotonic_ns) override {
    const std::scoped_lock lock(mutex_);
    ReleaseQuarantined(monotonic_ns);
  }

  void Refresh(int64_t unix_time_ns, int64_t monotonic_ns) override {
    // Before asking: what changes meanwhile is asked for the next time.
    const uint64_t version = directory_.Version();
    std::vector<ConversationKey> keys;
    {
      const std::scoped_lock lock(mutex_);
      ReleaseQuarantined(monotonic_ns);
      keys = std::exchange(unsettled_, {});
      if (std::exchange(is_all_unsettled_, false) || version != refreshed_version_) {
        keys = conversations_.Keys();
      }
      refreshed_version_ = version;
    }
    const std::span<const ConversationKey> all(keys);
    for (size_t begin = 0; begin < all.size(); begin += kRefreshBatch) {
      Rename(all.subspan(begin, std::min(kRefreshBatch, all.size() - begin)), unix_time_ns,
             monotonic_ns);
    }
    if (monotonic_ns - gone_checked_ns_ >= kGoneCheckNs) {
      gone_checked_ns_ = monotonic_ns;
      FindGone(unix_time_ns);
    }
  }

  const FlowRecord& Record(FlowId flow) const override {
    return *flows_[flow].records.load(std::memory_order_acquire);
  }
  const FlowRecord& RecordAt(FlowId flow, int64_t time_ns) const override {
    const FlowRecord* record = flows_[flow].records.load(std::memory_order_acquire);
    while (time_ns < record->since_ns) {
      ++record;
    }
    return *record;
  }
  const FlowDescription& Description(FlowId flow) const override {
    return flows_[flow].description;
  }
  const Endpoint& EndpointOf(EndpointId endpoint) const override { return endpoints_[endpoint]; }
  bool IsGone(EndpointId endpoint) const override { return endpoints_.IsGone(endpoint); }
  const std::string& NodeName(NodeId node) const override { return node_names_[node]; }
  uint32_t flow_count() const override {
    const std::scoped_lock lock(mutex_);
    return live_flows_;
  }
  NameStatistics Names() const override {
    const std::scoped_lock lock(mutex_);
    return {.renamed = renamed_,
            .postponed = postponed_,
            .services = services_.services(),
            .services_joined = services_.joined(),
            .services_ambiguous = services_.ambiguous()};
  }
  std::vector<TableUse> Tables() const override {
    const std::scoped_lock lock(mutex_);
    return {{.table = "flows",
             .used = static_cast<double>(used_slots_ - free_flows_.size()),
             .limit = static_cast<double>(flows_.capacity()),
             .evictions = static_cast<double>(refused_flows_)},
            endpoints_.Use(),
            {.table = "node_names",
             .used = static_cast<double>(nodes_.size()),
             .limit = static_cast<double>(kMaxNodes),
             .evictions = static_cast<double>(refused_nodes_)},
            {.table = "flow_names",
             .used = static_cast<double>(replaced_.size()),
             .limit = static_cast<double>(MaxReplaced()),
             .evictions = static_cast<double>(postponed_)}};
  }

 private:
  // Of the two ends the one whose container the flow's probe can tell (FlowDefinition.container);
  // nullptr: neither.
  static EndContext* ContainerEnd(const FlowDescription& flow, EndContext* source,
                                  EndContext* destination) {
    if (flow.direction == Direction::kUnknown) {
      return nullptr;
    }
    // What comes into the node by the host's end of a container's veth comes out of the container;
    // elsewhere what leaves the node comes out of one of its own sockets.
    const bool is_source = (flow.direction == Direction::kIngress) ==
                           (flow.interface_role == InterfaceRole::kContainer);
    return is_source ? source : destination;
  }

  // Takes over what the flow's probe knows of the container; whether it is news.
  bool Improve(const FlowDescription& flow, Conversation* conversation) {
    EndContext* const end = ContainerEnd(flow, &conversation->source, &conversation->destination);
    if (end == nullptr || flow.container.empty() || end->container == flow.container) {
      return false;
    }
    *end = {.container = flow.container, .observing_node = node_names_[flow.node]};
    return true;
  }

  size_t MaxReplaced() const { return size_t{max_flows_} * 4; }

  void AskAgain(const ConversationKey& key) {
    if (unsettled_.size() < max_flows_) {
      unsettled_.push_back(key);
    } else {
      is_all_unsettled_ = true;
    }
  }

  // Tells readers what the flow is called by now.
  void Publish(FlowId id) {
    FlowSlot& slot = flows_.Writable(id);
    const FlowDescription& flow = slot.description;
    const absl::InlinedVector<Naming, 1>& namings = slot.conversation->EffectiveNamings();
    const auto record_of = [&flow](const Naming& naming) {
      return FlowRecord{.conversation = naming.conversation,
                        .source = naming.source,
                        .destination = naming.destination,
                        .node = flow.node,
                        .direction = flow.direction,
                        .interface_role = flow.interface_role,
                        .is_rtp = flow.is_rtp,
                        .since_ns = naming.since_ns};
    };
    if (!std::exchange(slot.is_told, true) && namings.size() == 1) {
      slot.first = record_of(namings.front());
      slot.records.store(&slot.first, std::memory_order_release);
      return;
    }
    auto records = std::make_unique<FlowRecord[]>(namings.size());
    std::transform(namings.begin(), namings.end(), records.get(), record_of);
    slot.records.store(records.get(), std::memory_order_release);
    Retire(std::exchange(slot.replaced, std::move(records)));
  }

  void PublishAll(std::span<Conversation* const> conversations) {
    for (const Conversation* const conversation : conversations) {
      for (const FlowId flow : conversation->flows) {
        Publish(flow);
      }
    }
  }

  // Somebody may be reading them still.
  void Retire(std::unique_ptr<FlowRecord[]> records) {
    if (records != nullptr) {
      replaced_.emplace_back(newest_ns_, std::move(records));
    }
  }

  void Rename(std::span<const ConversationKey> keys, int64_t unix_time_ns, int64_t monotonic_ns) {
    std::vector<std::pair<EndContext, EndContext>> contexts(keys.size());
    {
      const std::scoped_lock lock(mutex_);
      for (size_t i = 0; i < keys.size(); ++i) {
        if (const Conversation* const conversation = conversations_.Find(keys[i]);
            conversation != nullptr) {
          contexts[i] = {conversation->source, conversation->destination};
        }
      }
    }
    std::vector<NameHistory> histories;
    histories.reserve(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      histories.push_back(
          ResolveNames(directory_, keys[i], contexts[i].first, contexts[i].second, unix_time_ns));
    }
    const std::scoped_lock lock(mutex_);
    for (size_t i = 0; i < keys.size(); ++i) {
      Conversation* const conversation = conversations_.Find(keys[i]);
      if (conversation == nullptr || conversations_.IsNamed(*conversation, histories[i])) {
        continue;
      }
      if (replaced_.size() >= MaxReplaced() ||
          !conversations_.Rename(conversation, histories[i], unix_time_ns - monotonic_ns,
                                 monotonic_ns)) {
        ++postponed_;
        is_all_unsettled_ = true;
        continue;
      }
      ++renamed_;
      std::vector<Conversation*> changed(conversation->joined.begin(), conversation->joined.end());
      changed.push_back(conversation);
      services_.Update(conversation, &changed);
      PublishAll(changed);
    }
  }

  void FindGone(int64_t unix_time_ns) {
    std::vector<Endpoint> unused;
    {
      const std::scoped_lock lock(mutex_);
      unused = endpoints_.Unused();
    }
    for (const Endpoint& endpoint : unused) {
      EndpointQuery query;
      query.address = endpoint.address;
      query.unix_time_ns = unix_time_ns;
      // Not its name: a directory would only repeat that, of a pod that is deleted, too.
      query.container.pod_uid = endpoint.pod_uid;
      query.observing_node = endpoint.node;
      const bool is_gone = !IsSameEndpoint(directory_.Resolve(query).endpoint, endpoint);
      const std::scoped_lock lock(mutex_);
      endpoints_.SetGone(endpoint, is_gone);
    }
  }

  void Release(FlowId flow, int64_t monotonic_ns) {
    FlowSlot& slot = flows_.Writable(flow);
    Conversation* const conversation = slot.conversation;
    const auto place = std::find(conversation->flows.begin(), conversation->flows.end(), flow);
    *place = conversation->flows.back();
    conversation->flows.pop_back();
    slot.conversation = nullptr;
    slot.first = *slot.records.load(std::memory_order_relaxed);
    slot.first.since_ns = std::numeric_limits<int64_t>::min();
    slot.records.store(&slot.first, std::memory_order_release);
    Retire(std::move(slot.replaced));
    if (conversation->flows.empty()) {
      std::vector<Conversation*> changed;
      services_.Remove(conversation, &changed);
      conversations_.Erase(conversation, monotonic_ns);
      PublishAll(changed);
    }
  }

  void ReleaseQuarantined(int64_t monotonic_ns) {
    newest_ns_ = std::max(newest_ns_, monotonic_ns);
    while (!quarantine_.empty() && monotonic_ns - quarantine_.front().first >= kFlowQuarantineNs) {
      const FlowId flow = quarantine_.front().second;
      quarantine_.pop_front();
      Release(flow, monotonic_ns);
      free_flows_.push_back(flow);
      const auto count = numbers_by_node_.find(flows_[flow].description.node);
      if (--count->second == 0) {
        numbers_by_node_.erase(count);
      }
    }
    while (!replaced_.empty() && monotonic_ns - replaced_.front().first >= kFlowQuarantineNs) {
      replaced_.pop_front();
    }
    conversations_.ReleaseNumbers(monotonic_ns);
    endpoints_.ForgetIdle(monotonic_ns);
  }

  const EndpointDirectory& directory_;
  const uint32_t max_flows_;
  const size_t max_numbers_per_node_;
  // Refresh's.
  int64_t gone_checked_ns_ = std::numeric_limits<int64_t>::min() / 2;

  // Guards what follows; the stores are written under it and read by anyone.
  mutable std::mutex mutex_;
  ChunkedStore<FlowSlot> flows_;
  EndpointTable endpoints_;
  ChunkedStore<std::string> node_names_;
  absl::flat_hash_map<std::string, NodeId> nodes_;
  ConversationTable conversations_;
  ServiceJoin services_;
  // Whose names are to be asked for again whatever the directory's version.
  std::vector<ConversationKey> unsettled_;
  bool is_all_unsettled_ = false;
  uint64_t refreshed_version_ = 0;
  // What readers may still have in hand, by when it was replaced.
  std::deque<std::pair<int64_t, std::unique_ptr<FlowRecord[]>>> replaced_;
  // Of the monotonic times that were told.
  int64_t newest_ns_ = std::numeric_limits<int64_t>::min() / 2;
  uint64_t refused_flows_ = 0;
  uint64_t refused_nodes_ = 0;
  uint64_t renamed_ = 0;
  uint64_t postponed_ = 0;
  std::vector<FlowId> free_flows_;
  // When it was removed, in that order.
  std::deque<std::pair<int64_t, FlowId>> quarantine_;
  // Of flows that are registered or wait for reuse.
  absl::flat_hash_map<NodeId, uint32_t> numbers_by_node_;
  uint32_t used_slots_ = 0;
  uint32_t live_flows_ = 0;
};

}  // namespace

std::unique_ptr<FlowRegistry> FlowRegistry::Create(const EndpointDirectory& directory,
                                                   uint32_t max_flows,
                                                   uint32_t max_flows_per_node) {
  return std::make_unique<FlowRegistryImplementation>(directory, max_flows, max_flows_per_node);
}

}  // namespace audio_latency::correlator
