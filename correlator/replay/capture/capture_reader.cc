#include "correlator/replay/capture/capture_reader.h"

#include <array>
#include <utility>

#include "common/status/status_macros.h"
#include "correlator/replay/capture/capture_input.h"
#include "correlator/replay/capture/pcap_reader.h"
#include "correlator/replay/capture/pcapng_reader.h"

namespace audio_latency::correlator {

absl::StatusOr<std::unique_ptr<CaptureReader>> CaptureReader::Open(const std::string& path,
                                                                   int stop_descriptor) {
  ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, ByteSource::Open(path, stop_descriptor));
  CaptureInput input(std::move(source), path == "-" ? "standard input" : path);
  std::array<uint8_t, 4> magic = {};
  ASSIGN_OR_RETURN(const size_t count, input.ReadSome(magic));
  if (count < magic.size()) {
    // Damaged gzip is told by the next call.
    std::array<uint8_t, 1> next;
    RETURN_IF_ERROR(input.ReadSome(next).status());
  }
  if (count == 0) {
    return input.DataLoss(0, "the file is empty: nothing was captured, or not written yet");
  }
  if (count == magic.size() && IsPcap(magic)) {
    return OpenPcap(std::move(input), magic);
  }
  if (count == magic.size() && IsPcapng(magic)) {
    return OpenPcapng(std::move(input));
  }
  return input.Unsupported(
      0, "neither pcap nor pcapng: record with tcpdump -w, or save as one of them");
}

}  // namespace audio_latency::correlator
