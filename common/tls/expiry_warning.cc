#include "common/tls/expiry_warning.h"

#include <cstdlib>
#include <utility>

#include "common/time/clock.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace audio_latency {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kDayS = 24LL * 3600;
constexpr int64_t kWarnAheadS = 7 * kDayS;

}  // namespace

ExpiryWarning::ExpiryWarning(std::string path, const Clock& realtime, Logger* logger)
    : path_(std::move(path)), realtime_(realtime), logger_(logger) {}

void ExpiryWarning::Look(const TlsMaterial& material) {
  const int64_t now_unix_s = realtime_.NowNs() / kNsPerSecond;
  const int64_t not_after_unix_s = material.certificate.not_after_unix_s;
  const int64_t left_s = not_after_unix_s - now_unix_s;
  if (material.certificate_pem.empty() || left_s >= kWarnAheadS) {
    told_.reset();
    return;
  }
  const bool has_expired = left_s < 0;
  // A clock that was set back must not silence it.
  if (told_.has_value() && told_->not_after_unix_s == not_after_unix_s &&
      told_->has_expired == has_expired && std::abs(now_unix_s - told_->at_unix_s) < kDayS) {
    return;
  }
  told_ = {
      .at_unix_s = now_unix_s, .not_after_unix_s = not_after_unix_s, .has_expired = has_expired};
  logger_->Warn(
      "certificate_expiry",
      fmt::format("The certificate in {} {} on {}; renew it", path_,
                  has_expired ? "expired" : "expires", FormatUnixSeconds(not_after_unix_s)),
      {{"subject", material.certificate.subject}});
}

}  // namespace audio_latency
