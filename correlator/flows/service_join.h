// Conversations through a Kubernetes Service: one side of the address translation sees the
// service's ClusterIP, the other the pod's address.

#ifndef CORRELATOR_FLOWS_SERVICE_JOIN_H_
#define CORRELATOR_FLOWS_SERVICE_JOIN_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "correlator/flows/conversation_table.h"

namespace audio_latency::correlator {

// A conversation with a ClusterIP is the same as the one with the same client (address, port,
// transport, RTP source) whose server is a pod of the service's namespace, if there is exactly one
// such (with TCP: of the same initial sequence number, where both are known). What could be several
// is left apart, and counted. Not thread-safe.
class ServiceJoin {
 public:
  // `endpoints` must outlive it.
  explicit ServiceJoin(const EndpointTable* endpoints) : endpoints_(*endpoints) {}

  // The conversation is new or its names are: takes note of it, and appends those to `changed`
  // that are joined with another than before.
  void Update(Conversation* conversation, std::vector<Conversation*>* changed);
  // Its flows have ended: others may be told apart now.
  void Review(Conversation* conversation, std::vector<Conversation*>* changed);
  // It goes.
  void Remove(Conversation* conversation, std::vector<Conversation*>* changed);

  // Conversations with a ClusterIP, and of these those that are joined or could be of several pods.
  size_t services() const { return services_.size(); }
  size_t joined() const { return joined_; }
  size_t ambiguous() const { return ambiguous_.size(); }

 private:
  enum class Side : uint8_t { kNone, kSource, kDestination };
  using Index = absl::flat_hash_map<ConversationKey, absl::InlinedVector<Conversation*, 1>>;

  Side ServiceSide(const Conversation& conversation) const;
  static ConversationKey Without(Side side, const ConversationKey& key);
  bool IsCandidate(const Conversation& service, Side side, const Conversation& candidate) const;
  void Decide(Conversation* service, std::vector<Conversation*>* changed);
  void Join(Conversation* service, Conversation* pod, std::vector<Conversation*>* changed);
  void Forget(Conversation* conversation);

  const EndpointTable& endpoints_;
  // Conversations with a service, by what they have without its end; the others, without either.
  Index service_index_;
  Index pod_index_;
  absl::flat_hash_map<const Conversation*, Side> services_;
  absl::flat_hash_set<const Conversation*> ambiguous_;
  size_t joined_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_FLOWS_SERVICE_JOIN_H_
