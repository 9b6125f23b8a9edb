// What really passed an interface, by tcpdump: the truth that measurements are held against.

#ifndef TESTS_LAB_CAPTURE_H_
#define TESTS_LAB_CAPTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/lab/network_namespace.h"
#include "tests/lab/process.h"

namespace audio_latency::lab {

// A TCP segment or UDP datagram over IPv4.
struct CapturedPacket {
  int64_t unix_time_ns = 0;
  std::string source;  // "10.244.1.2"
  std::string destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  bool is_tcp = false;
  bool is_syn = false;
  uint32_t sequence = 0;  // TCP
  std::string payload;
};

// Records one interface from Start to Finish.
class Capture {
 public:
  // `path`: where the capture file goes. `filter` is tcpdump's.
  static absl::StatusOr<Capture> Start(const NetworkNamespace& network,
                                       const std::string& interface_name, const std::string& filter,
                                       const std::string& path);
  // Ends the recording and returns the path of the file.
  std::string Stop();
  // Stop, and the packets in the order in which they passed.
  absl::StatusOr<std::vector<CapturedPacket>> Finish();

 private:
  Capture(Process process, std::string path)
      : process_(std::move(process)), path_(std::move(path)) {}

  Process process_;
  std::string path_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_CAPTURE_H_
