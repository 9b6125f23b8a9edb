// The product under test: the chain of `audio-latency replay`, fed with capture files.

#ifndef TESTS_ACCURACY_PRODUCT_H_
#define TESTS_ACCURACY_PRODUCT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/signature/signature_parameters.h"
#include "tests/accuracy/judge.h"

namespace audio_latency::accuracy {

struct PointFile {
  std::string path;
  // What brings its clock to that of the others.
  int64_t clock_offset_ns = 0;
};

struct ProductCounts {
  uint64_t events = 0;
  uint64_t collisions = 0;
};

// The capture configuration that follows from the parameters, with the product's default
// SILENCE_THRESHOLD.
capture_config CaptureConfigOf(const SignatureParameters& parameters);

// Replays the files, each as an observation point of a node of its own (PointName), and hands every
// match to the judge; where it `detects_audio`, as --detect-audio. An error names the file that
// could not be read.
absl::StatusOr<ProductCounts> ReplayPoints(const std::vector<PointFile>& files,
                                           const SignatureParameters& parameters,
                                           bool detects_audio, Judge* judge);

}  // namespace audio_latency::accuracy

#endif  // TESTS_ACCURACY_PRODUCT_H_
