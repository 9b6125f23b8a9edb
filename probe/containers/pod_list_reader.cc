#include "probe/containers/pod_list_reader.h"

#include <cstdint>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency::probe {
namespace {

// Pods lie not near as deep.
constexpr int kMostDepth = 256;
// DNS-1123 names and uids are shorter.
constexpr size_t kMostNameBytes = 253;

// Follows {"items":[{"metadata":{"name":…,"namespace":…,"uid":…},…},…]} by depth: the object is 1,
// items 2, a pod 3, its metadata 4.
class PodListHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit PodListHandler(const KubeletClient::Visit& visit) : visit_(visit) {}

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }

  bool string(string_t& value) override {
    if (depth_ == kMetadataDepth && is_metadata_ && value.size() <= kMostNameBytes) {
      if (key_ == "name") {
        name_.pod = value;
      } else if (key_ == "namespace") {
        name_.namespace_name = value;
      } else if (key_ == "uid") {
        uid_ = value;
      }
    } else if (depth_ == 1 && key_ == "kind" && value != "PodList") {
      return Fail(fmt::format("it is a {}", value.substr(0, kMostNameBytes)));
    }
    return true;
  }

  bool key(string_t& value) override {
    if (depth_ == 1) {
      is_items_ = value == "items";
      has_items_ |= is_items_;
    } else if (depth_ == kPodDepth && is_items_) {
      is_metadata_ = value == "metadata";
    }
    if (depth_ == 1 || depth_ == kMetadataDepth) {
      key_ = std::move(value);
    }
    return true;
  }

  bool start_object(std::size_t /*size*/) override {
    if (++depth_ > kMostDepth) {
      return Fail("it is too deep");
    }
    if (depth_ == kPodDepth && is_items_) {
      uid_.clear();
      name_ = {};
      is_metadata_ = false;
    }
    return true;
  }

  bool end_object() override {
    if (depth_ == kPodDepth && is_items_ && !uid_.empty() && !name_.empty()) {
      if (++pods_ > KubeletClient::kMostPods) {
        return Fail(fmt::format("it has more than {} pods", KubeletClient::kMostPods));
      }
      visit_(std::move(uid_), std::move(name_));
      uid_.clear();
      name_ = {};
    }
    --depth_;
    return true;
  }

  bool start_array(std::size_t /*size*/) override {
    return ++depth_ <= kMostDepth || Fail("it is too deep");
  }
  bool end_array() override {
    --depth_;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return Fail(fmt::format("no JSON from byte {} on", position));
  }

  absl::Status Result(bool is_read) const {
    if (is_read && has_items_) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        fmt::format("not a list of pods: {}", is_read ? "it has no items" : failure_));
  }

 private:
  static constexpr int kPodDepth = 3;
  static constexpr int kMetadataDepth = 4;

  bool Fail(std::string why) {
    failure_ = std::move(why);
    return false;
  }

  const KubeletClient::Visit& visit_;
  int depth_ = 0;
  bool is_items_ = false;
  bool has_items_ = false;
  bool is_metadata_ = false;
  std::string key_;
  std::string uid_;
  PodName name_;
  size_t pods_ = 0;
  std::string failure_;
};

}  // namespace

absl::Status ReadPodList(std::FILE* file, const KubeletClient::Visit& visit) {
  PodListHandler handler(visit);
  return handler.Result(nlohmann::json::sax_parse(file, &handler));
}

}  // namespace audio_latency::probe
