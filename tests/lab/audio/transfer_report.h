// What an audio program sent or received, so that both ends can be compared.

#ifndef TESTS_LAB_AUDIO_TRANSFER_REPORT_H_
#define TESTS_LAB_AUDIO_TRANSFER_REPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace audio_latency::lab {

struct TransferReport {
  int64_t bytes = 0;
  int64_t packets = 0;  // RTP
  int64_t missing = 0;  // RTP: by sequence number
  // Of all payload bytes in order, 16 hexadecimal digits.
  std::string digest;

  friend bool operator==(const TransferReport&, const TransferReport&) = default;
};

// Hashes bytes as they come.
class PayloadDigest {
 public:
  PayloadDigest();
  ~PayloadDigest();
  PayloadDigest(const PayloadDigest&) = delete;
  PayloadDigest& operator=(const PayloadDigest&) = delete;

  void Add(std::string_view bytes);
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One JSON object in a file. The file appears whole or not at all.
absl::Status WriteReport(const TransferReport& report, const std::string& path);
absl::StatusOr<TransferReport> ReadReport(const std::string& path);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_TRANSFER_REPORT_H_
