// The few fields that are wanted of large JSON documents, found while the text is read once.

#ifndef CORRELATOR_KUBERNETES_FIELD_TREE_H_
#define CORRELATOR_KUBERNETES_FIELD_TREE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace audio_latency::correlator {

// Which fields are wanted: "metadata.name", "status.podIPs[].ip". Immutable once made; may be read
// from any thread.
class FieldTree {
 public:
  static constexpr int kNone = -1;

  struct Wanted {
    std::string_view path;
    // What the field is told as, 0 or more. An element of an array ("ports[]") that has one is
    // told when it begins and when it ends.
    int field = 0;
  };

  // `prefix` stands before every path ("object." or "").
  FieldTree(std::string_view prefix, std::initializer_list<Wanted> fields);
  // One more, without the prefix.
  void Add(std::string_view path, int field);

  // Places in the tree; the root is 0. kNone where nothing is wanted.
  int Child(int place, std::string_view key) const;
  int Element(int place) const;
  int FieldAt(int place) const;

 private:
  struct Place {
    std::vector<std::pair<std::string, int>> children;
    int element = kNone;
    int field = kNone;
  };

  int ChildForWriting(int place, std::string_view key);

  std::vector<Place> places_{1};
};

// Takes what is wanted, in the order of the text. To return false ends the reading.
class FieldSink {
 public:
  virtual ~FieldSink() = default;

  virtual bool Text(int field, std::string_view text) = 0;
  virtual bool Number(int field, int64_t number) = 0;
  virtual bool Truth(int field, bool value) = 0;
  // An array's element, or an object where a plain value was wanted.
  virtual bool Begin(int field) = 0;
  virtual bool End(int field) = 0;
};

// Whether `json` is one JSON value and `sink` wanted all of it. Null is told as nothing, and so is
// what the tree does not name; a field that is there twice is told twice. A number that is no
// 64-bit integer is told as -1.
bool ReadFields(std::string_view json, const FieldTree& tree, FieldSink* sink);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_FIELD_TREE_H_
