// How many files and sockets this process may have open.

#ifndef COMMON_PROCESS_FILE_LIMIT_H_
#define COMMON_PROCESS_FILE_LIMIT_H_

#include <cstdint>

namespace audio_latency {

// Raises the limit to the most that the system allows (often 1,024 at first, for the sake of
// select()), and returns it.
uint64_t RaiseFileLimit();

}  // namespace audio_latency

#endif  // COMMON_PROCESS_FILE_LIMIT_H_
