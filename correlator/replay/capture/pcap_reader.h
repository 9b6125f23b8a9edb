// pcap files (draft-ietf-opsawg-pcap).

#ifndef CORRELATOR_REPLAY_CAPTURE_PCAP_READER_H_
#define CORRELATOR_REPLAY_CAPTURE_PCAP_READER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "correlator/replay/capture/capture_input.h"
#include "correlator/replay/capture/capture_reader.h"

namespace audio_latency::correlator {

// Whether a file that begins so is pcap, of either byte order, of micro- or nanoseconds.
bool IsPcap(std::span<const uint8_t, 4> magic);

// `input` is behind `magic`.
absl::StatusOr<std::unique_ptr<CaptureReader>> OpenPcap(CaptureInput input,
                                                        std::span<const uint8_t, 4> magic);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_CAPTURE_PCAP_READER_H_
