#include "common/signature/signature_parameters.h"

#include <catch2/catch.hpp>

#include "common/status/status_macros.h"

namespace audio_latency {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("algorithms have numbers by name, and no other name passes for one") {
  CHECK(*SignatureAlgorithmNumber("xxhash") == CAPTURE_ALGORITHM_XXHASH);
  CHECK(*SignatureAlgorithmNumber("crc32") == CAPTURE_ALGORITHM_CRC32);
  CHECK(*SignatureAlgorithmNumber("rolling_hash") == CAPTURE_ALGORITHM_ROLLING_HASH);
  for (const char* const name : {"", "md5", "XXHASH"}) {
    CHECK_THAT(Message(SignatureAlgorithmNumber(name).status()), Contains("use xxhash, crc32 or"));
  }
}

TEST_CASE("what is out of its range is named") {
  CHECK(CheckSignatureParameters({}).ok());
  SignatureParameters parameters;
  parameters.algorithm = "md5";
  CHECK_THAT(Message(CheckSignatureParameters(parameters)), Contains("\"md5\""));
  for (const int64_t window : {-1, 0, CAPTURE_WINDOW_MIN_BYTES - 1, CAPTURE_WINDOW_MAX_BYTES + 1}) {
    parameters = SignatureParameters();
    parameters.window_size_bytes = window;
    CHECK_THAT(Message(CheckSignatureParameters(parameters)), Contains("window size"));
  }
  for (const int64_t rate : {-32, 0, 16, 100, 131072}) {
    parameters = SignatureParameters();
    parameters.rate_bytes = rate;
    CHECK_THAT(Message(CheckSignatureParameters(parameters)), Contains("power of two"));
  }
}

TEST_CASE("options take what is in range, and say what is not") {
  const auto parse = [](const char* rate, SignatureParameters* parameters) {
    ConfigParser parser("program", "A program.");
    AddSignatureOptions(&parser, parameters);
    return parser.Parse({}, {{"SIGNATURE_RATE", rate}, {"SIGNATURE_ALGORITHM", "crc32"}}).status();
  };
  SignatureParameters parameters;
  CHECK(parse("1024", &parameters).ok());
  CHECK(parameters.rate_bytes == 1024);
  CHECK(parameters.algorithm == "crc32");
  CHECK(CheckSignatureParameters(parameters).ok());
  for (const char* const rate : {"", "16", "100", "-32", "131072", "x"}) {
    CHECK_THAT(Message(parse(rate, &parameters)), Contains("power of two from 32 to 65536"));
  }
}

}  // namespace
}  // namespace audio_latency
