#include "tests/lab/audio/transfer_report.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstdio>
#include <fstream>

#include "nlohmann/json.hpp"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {

struct PayloadDigest::State {
  XXH64_state_t* hash = XXH64_createState();
};

PayloadDigest::PayloadDigest() : state_(std::make_unique<State>()) { XXH64_reset(state_->hash, 0); }

PayloadDigest::~PayloadDigest() { XXH64_freeState(state_->hash); }

void PayloadDigest::Add(std::string_view bytes) {
  XXH64_update(state_->hash, bytes.data(), bytes.size());
}

std::string PayloadDigest::Text() const {
  return fmt::format("{:016x}", XXH64_digest(state_->hash));
}

absl::Status WriteReport(const TransferReport& report, const std::string& path) {
  const nlohmann::json json = {{"bytes", report.bytes},
                               {"packets", report.packets},
                               {"missing", report.missing},
                               {"digest", report.digest}};
  const std::string unfinished = path + ".part";
  std::ofstream(unfinished) << json.dump() << "\n";
  if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(fmt::format("writing report {}", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<TransferReport> ReadReport(const std::string& path) {
  std::ifstream file(path);
  const nlohmann::json json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::NotFoundError(fmt::format("{} holds no report: did its program end?", path));
  }
  TransferReport report;
  report.bytes = json.value("bytes", int64_t{0});
  report.packets = json.value("packets", int64_t{0});
  report.missing = json.value("missing", int64_t{0});
  report.digest = json.value("digest", "");
  return report;
}

}  // namespace audio_latency::lab
