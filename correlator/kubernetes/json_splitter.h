// Cuts JSON that comes in pieces into the objects that it is made of, so that no more than one of
// them is ever in memory, however long the whole is.

#ifndef CORRELATOR_KUBERNETES_JSON_SPLITTER_H_
#define CORRELATOR_KUBERNETES_JSON_SPLITTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace audio_latency::correlator {

// Takes the text of one value; to return false ends the splitting.
using TakeJson = std::function<bool(std::string_view)>;

// The elements of the array "items" in a list. Not thread-safe.
class ListSplitter {
 public:
  // An element of more than `max_bytes` is left out and counted.
  ListSplitter(size_t max_bytes, TakeJson take) : max_bytes_(max_bytes), take_(std::move(take)) {}

  // False when the text cannot be a list, or `take` wanted no more.
  bool Feed(std::string_view piece);
  // The list without its items, once it is complete().
  const std::string& envelope() const { return envelope_; }
  bool complete() const { return is_begun_ && depth_ == 0; }
  uint64_t oversized() const { return oversized_; }

 private:
  // Where the elements of "items" are.
  static constexpr int kItemsDepth = 2;

  bool TakeStructural(char letter);
  bool AddToEnvelope(char letter);
  void AddToElement(char letter);
  bool EndElement();

  const size_t max_bytes_;
  const TakeJson take_;
  bool is_begun_ = false;
  bool in_string_ = false;
  bool is_escaped_ = false;
  bool in_items_ = false;
  int depth_ = 0;
  // The last string of the outermost object, which is a key when a colon follows.
  std::string last_string_;
  bool is_items_key_ = false;
  std::string element_;
  bool is_element_too_long_ = false;
  std::string envelope_;
  uint64_t oversized_ = 0;
};

// The lines of a watch. Not thread-safe.
class LineSplitter {
 public:
  // A line of more than `max_bytes` is left out and counted.
  LineSplitter(size_t max_bytes, TakeJson take) : max_bytes_(max_bytes), take_(std::move(take)) {}

  // False when `take` wanted no more. Empty lines are not told, nor is a last one without its end.
  bool Feed(std::string_view piece);
  uint64_t oversized() const { return oversized_; }

 private:
  const size_t max_bytes_;
  const TakeJson take_;
  std::string line_;
  bool is_line_too_long_ = false;
  uint64_t oversized_ = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_JSON_SPLITTER_H_
