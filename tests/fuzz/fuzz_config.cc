// Configuration files of any content: refused in one line that names the file, or taken.
//
// Input: which file it is (endpoints or options), then its text.

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/status/status_macros.h"
#include "correlator/endpoints/endpoint_directory.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/input.h"

namespace audio_latency::fuzz {
namespace {

void CheckRefusal(const absl::Status& status, const std::string& path) {
  const std::string message = Message(status);
  FUZZ_CHECK(message.find(path) != std::string::npos);
  FUZZ_CHECK(message.find('\n') == std::string::npos);
}

void ReadOptions(const std::string& path) {
  std::string text = "default";
  int64_t number = 5;
  std::string choice = "one";
  std::vector<std::string> list;
  ConfigParser parser("fuzz", "Reads what it is given.");
  parser.AddString("TEXT", "any", &text);
  parser.AddInteger("NUMBER", "a number", 1, 10, &number);
  parser.AddChoice("CHOICE", "one of", {"one", "two"}, &choice);
  parser.AddList("LIST", "any", &list);
  const auto outcome = parser.Parse({}, {{"CONFIG", path}});
  if (!outcome.ok()) {
    CheckRefusal(outcome.status(), path);
    return;
  }
  FUZZ_CHECK(number >= 1 && number <= 10);
  FUZZ_CHECK(choice == "one" || choice == "two");
}

void Run(Input input) {
  const bool is_endpoints = (input.Byte() & 1) != 0;
  const std::span<const uint8_t> text = input.Rest();
  const int file = memfd_create("configuration", MFD_CLOEXEC);
  FUZZ_CHECK(file >= 0);
  FUZZ_CHECK(write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (is_endpoints) {
    const auto directory = correlator::LoadEndpointFile(path);
    if (!directory.ok()) {
      CheckRefusal(directory.status(), path);
    }
  } else {
    ReadOptions(path);
  }
  close(file);
}

}  // namespace
}  // namespace audio_latency::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  audio_latency::fuzz::Run(audio_latency::fuzz::Input(data, size));
  return 0;
}
