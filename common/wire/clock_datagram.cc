#include "common/wire/clock_datagram.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace audio_latency::wire {
namespace {

constexpr std::array<uint8_t, 8> kRequestHead = {'A', 'L', 'T', 'C', 1, 1, 0, 0};
constexpr size_t kKindAt = 5;
constexpr size_t kSessionAt = 8;
constexpr size_t kNonceAt = 16;
constexpr size_t kReceiveAt = 24;
constexpr size_t kSendAt = 32;
constexpr size_t kMacAt = 40;
constexpr size_t kMacBytes = kClockDatagramBytes - kMacAt;

void Put(uint64_t value, size_t at, ClockDatagramBytes* bytes) {
  for (size_t i = 0; i < sizeof(value); ++i) {
    (*bytes)[at + i] = static_cast<uint8_t>(value >> (8 * (sizeof(value) - 1 - i)));
  }
}

uint64_t Get(std::span<const uint8_t> bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) {
    value = value << 8 | bytes[at + i];
  }
  return value;
}

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

class HmacKey final : public ClockKey {
 public:
  explicit HmacKey(std::unique_ptr<EVP_MAC_CTX, FreeMac> keyed) : keyed_(std::move(keyed)) {}

  ClockDatagramBytes Seal(const ClockDatagram& datagram) override {
    ClockDatagramBytes bytes = {};
    std::copy(kRequestHead.begin(), kRequestHead.end(), bytes.begin());
    bytes[kKindAt] = static_cast<uint8_t>(datagram.kind);
    Put(datagram.session_id, kSessionAt, &bytes);
    Put(datagram.nonce, kNonceAt, &bytes);
    Put(static_cast<uint64_t>(datagram.receive_time_ns), kReceiveAt, &bytes);
    Put(static_cast<uint64_t>(datagram.send_time_ns), kSendAt, &bytes);
    const std::optional<Mac> mac = MacOf(bytes);
    if (!mac.has_value()) {
      return {};
    }
    std::copy_n(mac->begin(), kMacBytes, bytes.begin() + kMacAt);
    return bytes;
  }

  bool IsAuthentic(std::span<const uint8_t> bytes) override {
    if (bytes.size() != kClockDatagramBytes) {
      return false;
    }
    const std::optional<Mac> mac = MacOf(bytes);
    return mac.has_value() && CRYPTO_memcmp(mac->data(), bytes.data() + kMacAt, kMacBytes) == 0;
  }

 private:
  using Mac = std::array<uint8_t, 32>;

  // Nothing where OpenSSL fails, for want of memory.
  std::optional<Mac> MacOf(std::span<const uint8_t> bytes) {
    Mac mac = {};
    size_t size = 0;
    // Without a key the context begins anew with its own.
    if (EVP_MAC_init(keyed_.get(), nullptr, 0, nullptr) != 1 ||
        EVP_MAC_update(keyed_.get(), bytes.data(), kMacAt) != 1 ||
        EVP_MAC_final(keyed_.get(), mac.data(), &size, mac.size()) != 1 || size != mac.size()) {
      return std::nullopt;
    }
    return mac;
  }

  std::unique_ptr<EVP_MAC_CTX, FreeMac> keyed_;
};

}  // namespace

std::optional<ClockDatagram> ReadClockDatagram(std::span<const uint8_t> bytes) {
  if (bytes.size() != kClockDatagramBytes) {
    return std::nullopt;
  }
  ClockDatagram datagram;
  datagram.kind = static_cast<ClockDatagram::Kind>(bytes[kKindAt]);
  for (size_t i = 0; i < kRequestHead.size(); ++i) {
    if (i != kKindAt && bytes[i] != kRequestHead[i]) {
      return std::nullopt;
    }
  }
  datagram.session_id = Get(bytes, kSessionAt);
  datagram.nonce = Get(bytes, kNonceAt);
  datagram.receive_time_ns = static_cast<int64_t>(Get(bytes, kReceiveAt));
  datagram.send_time_ns = static_cast<int64_t>(Get(bytes, kSendAt));
  switch (datagram.kind) {
    case ClockDatagram::Kind::kRequest:
      if (datagram.receive_time_ns != 0 || datagram.send_time_ns != 0) {
        return std::nullopt;
      }
      return datagram;
    case ClockDatagram::Kind::kAnswer:
      return datagram;
  }
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<ClockKey>> ClockKey::Make(std::span<const uint8_t> key) {
  if (key.size() != kClockKeyBytes) {
    return absl::InvalidArgumentError(
        fmt::format("the key of a clock session has {} bytes, not {}", key.size(), kClockKeyBytes));
  }
  const std::unique_ptr<EVP_MAC, FreeMac> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  std::unique_ptr<EVP_MAC_CTX, FreeMac> context(hmac == nullptr ? nullptr
                                                                : EVP_MAC_CTX_new(hmac.get()));
  std::array<char, 7> digest = {"SHA256"};
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  if (context == nullptr ||
      EVP_MAC_init(context.get(), key.data(), key.size(), parameters.data()) != 1) {
    return absl::InternalError("OpenSSL offers no HMAC-SHA256, so that clocks cannot be compared");
  }
  return std::make_unique<HmacKey>(std::move(context));
}

}  // namespace audio_latency::wire
