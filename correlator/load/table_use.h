// How full a bounded table is.

#ifndef CORRELATOR_LOAD_TABLE_USE_H_
#define CORRELATOR_LOAD_TABLE_USE_H_

#include <string>

namespace audio_latency::correlator {

struct TableUse {
  std::string table;
  double used = 0;
  double limit = 0;
  // What it refused or forgot for want of room, since the start.
  double evictions = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_LOAD_TABLE_USE_H_
