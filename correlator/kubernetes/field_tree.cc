#include "correlator/kubernetes/field_tree.h"

#include <limits>
#include <utility>

#include "nlohmann/json.hpp"

namespace audio_latency::correlator {
namespace {

constexpr std::string_view kElement = "[]";

// Follows the text down the tree. What is not in the tree is only counted, by its depth.
class FieldReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  FieldReader(const FieldTree& tree, FieldSink* sink) : tree_(tree), sink_(*sink) {}

  bool null() override { return true; }
  bool boolean(bool value) override {
    const int field = tree_.FieldAt(Enter());
    return field == FieldTree::kNone || sink_.Truth(field, value);
  }
  bool number_integer(number_integer_t value) override { return TakeNumber(value); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto kMost = static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max());
    return TakeNumber(value > kMost ? -1 : static_cast<int64_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override { return TakeNumber(-1); }
  bool string(string_t& value) override {
    const int field = tree_.FieldAt(Enter());
    return field == FieldTree::kNone || sink_.Text(field, value);
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(false); }
  bool start_array(size_t) override { return Open(true); }
  bool key(string_t& name) override {
    next_ = tree_.Child(open_.back().place, name);
    return true;
  }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  struct Level {
    int place = FieldTree::kNone;
    bool is_array = false;
  };

  // The place of the value that begins.
  int Enter() const {
    if (open_.empty()) {
      return 0;
    }
    return open_.back().is_array ? tree_.Element(open_.back().place) : next_;
  }
  bool TakeNumber(int64_t value) {
    const int field = tree_.FieldAt(Enter());
    return field == FieldTree::kNone || sink_.Number(field, value);
  }
  bool Open(bool is_array) {
    const int place = Enter();
    open_.push_back({place, is_array});
    const int field = tree_.FieldAt(place);
    return field == FieldTree::kNone || sink_.Begin(field);
  }
  bool Close() {
    const int field = tree_.FieldAt(open_.back().place);
    open_.pop_back();
    return field == FieldTree::kNone || sink_.End(field);
  }

  const FieldTree& tree_;
  FieldSink& sink_;
  std::vector<Level> open_;
  // Where the last key leads.
  int next_ = FieldTree::kNone;
};

}  // namespace

FieldTree::FieldTree(std::string_view prefix, std::initializer_list<Wanted> fields) {
  for (const Wanted& wanted : fields) {
    Add(std::string(prefix).append(wanted.path), wanted.field);
  }
}

void FieldTree::Add(std::string_view path, int field) {
  int place = 0;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    std::string_view key = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    const bool is_array = key.ends_with(kElement);
    if (is_array) {
      key.remove_suffix(kElement.size());
    }
    place = ChildForWriting(place, key);
    if (is_array) {
      if (places_[place].element == kNone) {
        places_[place].element = static_cast<int>(places_.size());
        places_.emplace_back();
      }
      place = places_[place].element;
    }
  }
  places_[place].field = field;
}

int FieldTree::ChildForWriting(int place, std::string_view key) {
  if (const int known = Child(place, key); known != kNone) {
    return known;
  }
  const int child = static_cast<int>(places_.size());
  places_[place].children.emplace_back(key, child);
  places_.emplace_back();
  return child;
}

int FieldTree::Child(int place, std::string_view key) const {
  if (place == kNone) {
    return kNone;
  }
  for (const auto& [name, child] : places_[place].children) {
    if (name == key) {
      return child;
    }
  }
  return kNone;
}

int FieldTree::Element(int place) const { return place == kNone ? kNone : places_[place].element; }

int FieldTree::FieldAt(int place) const { return place == kNone ? kNone : places_[place].field; }

bool ReadFields(std::string_view json, const FieldTree& tree, FieldSink* sink) {
  FieldReader reader(tree, sink);
  return nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
}

}  // namespace audio_latency::correlator
