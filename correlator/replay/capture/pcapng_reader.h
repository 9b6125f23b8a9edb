// pcapng files (draft-ietf-opsawg-pcapng).

#ifndef CORRELATOR_REPLAY_CAPTURE_PCAPNG_READER_H_
#define CORRELATOR_REPLAY_CAPTURE_PCAPNG_READER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "correlator/replay/capture/capture_input.h"
#include "correlator/replay/capture/capture_reader.h"

namespace audio_latency::correlator {

// Whether a file that begins so is pcapng.
bool IsPcapng(std::span<const uint8_t, 4> magic);

// `input` is behind the first 4 bytes.
absl::StatusOr<std::unique_ptr<CaptureReader>> OpenPcapng(CaptureInput input);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_CAPTURE_PCAPNG_READER_H_
