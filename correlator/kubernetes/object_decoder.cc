#include "correlator/kubernetes/object_decoder.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/text.h"
#include "correlator/kubernetes/field_tree.h"

namespace audio_latency::correlator {
namespace {

// As long as Kubernetes lets a name, and a label of a kind, be (RFC 1123 subdomain).
constexpr size_t kMaxNameBytes = 253;
constexpr size_t kMaxTextBytes = 1024;
constexpr size_t kMaxMessageBytes = 300;

enum Field : int {
  kName,
  kNamespace,
  kUid,
  kResourceVersion,
  kCreated,
  kOwner,
  kOwnerKind,
  kOwnerName,
  kOwnerUid,
  kOwnerController,
  kNodeName,
  kHostNetwork,
  kPort,
  kContainerPort,
  kHostPort,
  kProtocol,
  kServicePort,
  kNodePort,
  kPhase,
  kAddress,
  kNodeAddressOfPod,
  kStarted,
  kNodeAddress,
  kNodeAddressType,
  kNodeAddressText,
  // Of a watch's events and of lists.
  kEventType,
  kCode,
  kMessage,
  kContinue,
};

FieldTree ObjectTree(std::string_view prefix) {
  return FieldTree(prefix, {{"metadata.name", kName},
                            {"metadata.namespace", kNamespace},
                            {"metadata.uid", kUid},
                            {"metadata.resourceVersion", kResourceVersion},
                            {"metadata.creationTimestamp", kCreated},
                            {"metadata.ownerReferences[]", kOwner},
                            {"metadata.ownerReferences[].kind", kOwnerKind},
                            {"metadata.ownerReferences[].name", kOwnerName},
                            {"metadata.ownerReferences[].uid", kOwnerUid},
                            {"metadata.ownerReferences[].controller", kOwnerController},
                            {"spec.nodeName", kNodeName},
                            {"spec.hostNetwork", kHostNetwork},
                            {"spec.containers[].ports[]", kPort},
                            {"spec.containers[].ports[].containerPort", kContainerPort},
                            {"spec.containers[].ports[].hostPort", kHostPort},
                            {"spec.containers[].ports[].protocol", kProtocol},
                            {"spec.initContainers[].ports[]", kPort},
                            {"spec.initContainers[].ports[].containerPort", kContainerPort},
                            {"spec.initContainers[].ports[].hostPort", kHostPort},
                            {"spec.initContainers[].ports[].protocol", kProtocol},
                            {"spec.clusterIP", kAddress},
                            {"spec.clusterIPs[]", kAddress},
                            {"spec.externalIPs[]", kAddress},
                            {"status.loadBalancer.ingress[].ip", kAddress},
                            {"spec.ports[]", kPort},
                            {"spec.ports[].port", kServicePort},
                            {"spec.ports[].nodePort", kNodePort},
                            {"spec.ports[].protocol", kProtocol},
                            {"status.phase", kPhase},
                            {"status.podIP", kAddress},
                            {"status.podIPs[].ip", kAddress},
                            {"status.hostIP", kNodeAddressOfPod},
                            {"status.hostIPs[].ip", kNodeAddressOfPod},
                            {"status.startTime", kStarted},
                            {"status.addresses[]", kNodeAddress},
                            {"status.addresses[].type", kNodeAddressType},
                            {"status.addresses[].address", kNodeAddressText}});
}

FieldTree EventTree() {
  FieldTree tree = ObjectTree("object.");
  tree.Add("type", kEventType);
  tree.Add("object.code", kCode);
  tree.Add("object.message", kMessage);
  return tree;
}

// 0 when it is no time between 1970 and 2262.
int64_t ParseUnixNs(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, std::string(text), &time, &error)) {
    return 0;
  }
  const int64_t unix_ns = absl::ToUnixNanos(time);
  return unix_ns == std::numeric_limits<int64_t>::max() ? 0 : std::max<int64_t>(unix_ns, 0);
}

void AddAddress(const IpAddress& address, std::vector<IpAddress>* addresses) {
  if (!address.is_unspecified() && addresses->size() < ApiObject::kMaxAddresses &&
      std::find(addresses->begin(), addresses->end(), address) == addresses->end()) {
    addresses->push_back(address);
  }
}

class ObjectSink final : public FieldSink {
 public:
  bool Text(int field, std::string_view text) override {
    if (text.size() > kMaxTextBytes && field != kMessage && field != kContinue) {
      return false;
    }
    switch (field) {
      case kName:
        return TakeName(text, &object_.name);
      case kNamespace:
        return TakeName(text, &object_.namespace_name);
      case kNodeName:
        return TakeName(text, &object_.node_name);
      case kOwnerKind:
        return TakeName(text, &owner_.kind);
      case kOwnerName:
        return TakeName(text, &owner_.name);
      case kUid:
        return TakeUid(text, &object_.uid);
      case kOwnerUid:
        return TakeUid(text, &owner_.uid);
      case kResourceVersion:
        object_.resource_version = text;
        return true;
      case kCreated:
        object_.created_unix_ns = ParseUnixNs(text);
        return true;
      case kStarted:
        object_.started_unix_ns = ParseUnixNs(text);
        return true;
      case kPhase:
        object_.is_terminal = text == "Succeeded" || text == "Failed";
        return true;
      case kProtocol:
        port_.transport = text == "UDP" ? IPPROTO_UDP : text == "SCTP" ? IPPROTO_SCTP : IPPROTO_TCP;
        return true;
      case kAddress:
        return TakeAddress(text, &object_.addresses);
      case kNodeAddressOfPod:
        return TakeAddress(text, &object_.node_addresses);
      case kNodeAddressType:
        address_type_ = text;
        return true;
      case kNodeAddressText:
        address_text_ = text;
        return true;
      case kEventType:
        event_type_ = text;
        return true;
      case kMessage:
        message_ = text.substr(0, kMaxMessageBytes);
        return true;
      case kContinue:
        continue_token_ = text;
        return true;
      default:
        return false;
    }
  }

  bool Number(int field, int64_t number) override {
    switch (field) {
      case kContainerPort:
      case kServicePort:
        return TakePort(number, &port_.port);
      case kHostPort:
      case kNodePort:
        return TakePort(number, &port_.node_port);
      case kCode:
        code_ = number > 0 && number < 1000 ? static_cast<int>(number) : 0;
        return true;
      default:
        return false;
    }
  }

  bool Truth(int field, bool value) override {
    switch (field) {
      case kHostNetwork:
        object_.host_network = value;
        return true;
      case kOwnerController:
        is_controller_ = value;
        return true;
      default:
        return false;
    }
  }

  bool Begin(int field) override {
    switch (field) {
      case kOwner:
        owner_ = OwnerReference();
        is_controller_ = false;
        return true;
      case kPort:
        port_ = DeclaredPort{.transport = IPPROTO_TCP};
        return true;
      case kNodeAddress:
        address_type_.clear();
        address_text_.clear();
        return true;
      default:
        return false;
    }
  }

  bool End(int field) override {
    switch (field) {
      case kOwner:
        if (is_controller_) {
          if (owner_.kind.empty() || owner_.name.empty()) {
            return false;
          }
          object_.controller = owner_;
        }
        return true;
      case kPort:
        if (object_.ports.size() < ApiObject::kMaxPorts) {
          object_.ports.push_back(port_);
        }
        return true;
      case kNodeAddress:
        // "Hostname", "InternalDNS" and "ExternalDNS" hold names.
        if (address_type_ == "InternalIP" || address_type_ == "ExternalIP") {
          return TakeAddress(address_text_, &object_.addresses);
        }
        return true;
      default:
        return false;
    }
  }

  // Whether there is enough of it to know which object it is.
  bool has_identity() const { return !object_.name.empty() && object_.uid != Uid(); }
  ApiObject& object() { return object_; }
  const std::string& event_type() const { return event_type_; }
  const std::string& continue_token() const { return continue_token_; }
  const std::string& message() const { return message_; }
  int code() const { return code_; }

 private:
  static bool TakeName(std::string_view text, std::string* name) {
    // They end up in labels and on terminals.
    const auto is_plain = [](char letter) { return letter > ' ' && letter < 0x7F; };
    if (text.size() > kMaxNameBytes || !std::all_of(text.begin(), text.end(), is_plain)) {
      return false;
    }
    *name = text;
    return true;
  }
  static bool TakeUid(std::string_view text, Uid* uid) {
    const std::optional<Uid> parsed = Uid::Parse(text);
    *uid = parsed.value_or(Uid());
    return parsed.has_value();
  }
  static bool TakePort(int64_t number, uint16_t* port) {
    if (number < 0 || number > std::numeric_limits<uint16_t>::max()) {
      return false;
    }
    *port = static_cast<uint16_t>(number);
    return true;
  }
  static bool TakeAddress(std::string_view text, std::vector<IpAddress>* addresses) {
    // A headless service has the address "None", a pod without a network yet an empty one.
    if (text.empty() || text == "None") {
      return true;
    }
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
    if (!address.ok()) {
      return false;
    }
    AddAddress(*address, addresses);
    return true;
  }

  ApiObject object_;
  OwnerReference owner_;
  bool is_controller_ = false;
  DeclaredPort port_;
  std::string address_type_;
  std::string address_text_;
  std::string event_type_;
  std::string continue_token_;
  std::string message_;
  int code_ = 0;
};

std::optional<WatchEventType> TypeOf(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, WatchEventType>, 5> kTypes = {
      {{"ADDED", WatchEventType::kAdded},
       {"MODIFIED", WatchEventType::kModified},
       {"DELETED", WatchEventType::kDeleted},
       {"BOOKMARK", WatchEventType::kBookmark},
       {"ERROR", WatchEventType::kError}}};
  for (const auto& [name, type] : kTypes) {
    if (name == text) {
      return type;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ApiObject> DecodeObject(std::string_view json) {
  static const FieldTree kTree = ObjectTree("");
  ObjectSink sink;
  if (!ReadFields(json, kTree, &sink) || !sink.has_identity()) {
    return std::nullopt;
  }
  return std::move(sink.object());
}

std::optional<WatchEvent> DecodeWatchEvent(std::string_view json) {
  static const FieldTree kTree = EventTree();
  ObjectSink sink;
  if (!ReadFields(json, kTree, &sink)) {
    return std::nullopt;
  }
  const std::optional<WatchEventType> type = TypeOf(sink.event_type());
  if (!type.has_value()) {
    return std::nullopt;
  }
  WatchEvent event{.type = *type};
  switch (*type) {
    case WatchEventType::kError:
      event.code = sink.code();
      event.message = OneLine(sink.message());
      return event;
    case WatchEventType::kBookmark:
      event.object.resource_version = std::move(sink.object().resource_version);
      return event.object.resource_version.empty() ? std::nullopt : std::optional(event);
    default:
      if (!sink.has_identity()) {
        return std::nullopt;
      }
      event.object = std::move(sink.object());
      return event;
  }
}

std::optional<ListEnvelope> DecodeListEnvelope(std::string_view json) {
  static const FieldTree kTree(
      "", {{"metadata.resourceVersion", kResourceVersion}, {"metadata.continue", kContinue}});
  ObjectSink sink;
  if (!ReadFields(json, kTree, &sink) || sink.object().resource_version.empty()) {
    return std::nullopt;
  }
  return ListEnvelope{.resource_version = std::move(sink.object().resource_version),
                      .continue_token = sink.continue_token()};
}

std::string MessageOfStatus(std::string_view json) {
  static const FieldTree kTree("", {{"message", kMessage}});
  ObjectSink sink;
  return ReadFields(json, kTree, &sink) ? OneLine(sink.message()) : std::string();
}

}  // namespace audio_latency::correlator
