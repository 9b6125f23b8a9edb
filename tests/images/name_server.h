// A DNS server that knows one name.

#ifndef TESTS_IMAGES_NAME_SERVER_H_
#define TESTS_IMAGES_NAME_SERVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {

// Answers at 127.0.0.1:53 of a network: the name has the IPv4 address 127.0.0.1 and no other, any
// other name does not exist (RFC 1035).
class NameServer {
 public:
  static absl::StatusOr<std::unique_ptr<NameServer>> Start(const NetworkNamespace& network,
                                                           std::string name);
  ~NameServer();

  // Questions for the name so far.
  int answers() const { return answers_.load(); }

 private:
  NameServer(FileDescriptor socket, std::string name)
      : socket_(std::move(socket)), name_(std::move(name)) {}

  void Serve();

  const FileDescriptor socket_;
  const std::string name_;
  std::atomic<int> answers_{0};
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

}  // namespace audio_latency::lab

#endif  // TESTS_IMAGES_NAME_SERVER_H_
