// The product under test: the chain of `audio-latency replay`, fed with capture files.

#ifndef TESTS_ACCURACY_PRODUCT_H_
#define TESTS_ACCURACY_PRODUCT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/signature/signature_parameters.h"
#include "tests/accuracy/capture_file.h"
#include "tests/accuracy/judge.h"

namespace audio_latency::accuracy {

struct ProductCounts {
  uint64_t events = 0;
  uint64_t collisions = 0;
};

// The capture configuration that follows from the parameters, with the product's default
// SILENCE_THRESHOLD.
capture_config CaptureConfigOf(const SignatureParameters& parameters);

// Replays the files, each as an observation point of a node of its own (PointName), and hands every
// match to the judge.
absl::StatusOr<ProductCounts> ReplayFiles(const std::vector<CaptureFile>& points,
                                          const std::vector<int64_t>& clock_offsets_ns,
                                          const SignatureParameters& parameters, Judge* judge);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_PRODUCT_H_
