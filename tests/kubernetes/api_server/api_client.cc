#include "tests/kubernetes/api_server/api_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <csignal>
#include <filesystem>

#include "common/status/status_macros.h"

namespace audio_latency::lab {
namespace {

constexpr int kTimeoutSeconds = 30;

absl::Status StatusOf(const std::string& what, const httplib::Result& result) {
  if (!result) {
    return absl::UnavailableError(
        fmt::format("{}: no answer ({})", what, httplib::to_string(result.error())));
  }
  if (result->status >= 200 && result->status < 300) {
    return absl::OkStatus();
  }
  const std::string text = fmt::format("{}: {} {}", what, result->status, result->body);
  switch (result->status) {
    case 401:
      return absl::UnauthenticatedError(text);
    case 403:
      return absl::PermissionDeniedError(text);
    case 404:
      return absl::NotFoundError(text);
    case 409:
      return absl::AlreadyExistsError(text);
    case 503:
      return absl::UnavailableError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::StatusOr<nlohmann::json> JsonOf(const std::string& what, const httplib::Result& result) {
  RETURN_IF_ERROR(StatusOf(what, result));
  nlohmann::json object = nlohmann::json::parse(result->body, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) {
    return absl::InternalError(fmt::format("{}: the answer is not JSON", what));
  }
  return object;
}

class HttpsClient final : public ApiClient {
 public:
  explicit HttpsClient(const ApiAccess& access)
      : client_(access.host, access.port, access.certificate_path, access.key_path) {
    client_.set_ca_cert_path(access.ca_path.c_str());
    client_.enable_server_certificate_verification(true);
    client_.set_keep_alive(true);
    client_.set_read_timeout(kTimeoutSeconds);
    client_.set_connection_timeout(kTimeoutSeconds);
    if (!access.token.empty()) {
      client_.set_bearer_token_auth(access.token.c_str());
    }
  }

  absl::StatusOr<std::string> GetText(const std::string& path) override {
    const httplib::Result result = client_.Get(path.c_str());
    RETURN_IF_ERROR(StatusOf("GET " + path, result));
    return result->body;
  }

  absl::StatusOr<nlohmann::json> Get(const std::string& path) override {
    return JsonOf("GET " + path, client_.Get(path.c_str()));
  }

  absl::StatusOr<nlohmann::json> Create(const std::string& path,
                                        const nlohmann::json& object) override {
    return JsonOf("POST " + path, client_.Post(path.c_str(), object.dump(), "application/json"));
  }

  absl::StatusOr<nlohmann::json> Patch(const std::string& path,
                                       const nlohmann::json& patch) override {
    return JsonOf("PATCH " + path,
                  client_.Patch(path.c_str(), patch.dump(), "application/merge-patch+json"));
  }

  absl::Status Delete(const std::string& path) override {
    return StatusOf("DELETE " + path, client_.Delete(path.c_str(), R"({"gracePeriodSeconds":0})",
                                                     "application/json"));
  }

 private:
  httplib::SSLClient client_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ApiClient>> ApiClient::Create(const ApiAccess& access) {
  if (!std::filesystem::exists(access.ca_path)) {
    return absl::NotFoundError(fmt::format("no certificate authority at '{}'", access.ca_path));
  }
  // A server that has ended must not end us: the library writes to what may be closed.
  std::signal(SIGPIPE, SIG_IGN);
  return std::make_unique<HttpsClient>(access);
}

}  // namespace audio_latency::lab
