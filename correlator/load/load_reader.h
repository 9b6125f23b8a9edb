// What readers may ask of the load: how much the probes are asked to tell.

#ifndef CORRELATOR_LOAD_LOAD_READER_H_
#define CORRELATOR_LOAD_LOAD_READER_H_

#include <cstdint>

#include "correlator/load/backlog.h"

namespace audio_latency::correlator {

struct LoadSnapshot {
  // Of the signatures, what all probes are to keep.
  double sampling_share = 1;
  // Batches that each may have on the way; 0: none may send.
  uint32_t credit_batches = 0;
  // How often the share was lowered, and credit withheld, since the start.
  uint64_t lowered = 0;
  uint64_t credit_withheld = 0;
  // Taken lately, and made by the probes.
  double events_per_second = 0;
  double made_per_second = 0;
  // Made by the probes that are connected, and not sent yet.
  uint64_t pending_events = 0;
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
