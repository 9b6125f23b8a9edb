// What readers may ask of the load: how much the probes are asked to tell.

#ifndef CORRELATOR_LOAD_LOAD_READER_H_
#define CORRELATOR_LOAD_LOAD_READER_H_

#include <cstdint>

#include "correlator/load/backlog.h"

namespace audio_latency::correlator {

struct LoadSnapshot {
  // Of the signatures, what all probes are to keep.
  double sampling_share = 1;
  bool gives_credit = true;
  // How often the share was lowered, and credit withheld, since the start.
  uint64_t lowered = 0;
  uint64_t credit_withheld = 0;
  // Taken lately.
  double events_per_second = 0;
  // Of the stage that is worst off.
  Backlog backlog;
};

// Thread-safe.
class LoadReader {
 public:
  virtual ~LoadReader() = default;
  virtual LoadSnapshot Load() const = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_LOAD_LOAD_READER_H_
