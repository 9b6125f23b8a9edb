// What a replay shows line by line while it runs: events and matches.

#ifndef CORRELATOR_CLI_REPLAY_LINES_H_
#define CORRELATOR_CLI_REPLAY_LINES_H_

#include <ostream>
#include <string>

#include "correlator/replay/replay.h"
#include "correlator/replay/replay_tap.h"

namespace audio_latency::correlator {

// Not thread-safe.
class ReplayLines final : public ReplayTap {
 public:
  struct Options {
    bool events = false;
    bool matches = false;
    bool as_json = false;
  };

  // `output` must outlive this.
  ReplayLines(const Options& options, std::ostream* output) : options_(options), output_(*output) {}

  // What names are looked up in; before the first packet, for it is made with this.
  void SetReplay(Replay* replay) { replay_ = replay; }

  // The signed ones, in the names of the JSON log.
  void OnEvent(const ReplayEvent& event) override;
  void OnMatch(const Match& match) override;

 private:
  const Options options_;
  std::ostream& output_;
  Replay* replay_ = nullptr;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_REPLAY_LINES_H_
