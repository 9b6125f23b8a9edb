#include "probe/containers/kubelet_client.h"

#include <fcntl.h>
#include <httplib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "common/address/host_port.h"
#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "fmt/format.h"
#include "probe/containers/kubelet_question.h"
#include "probe/containers/pod_list_reader.h"

namespace audio_latency::probe {
namespace {

constexpr int kConnectSeconds = 3;
constexpr int kReadSeconds = 10;
constexpr size_t kMostTokenBytes = 64 * 1024;

class FileCloser {
 public:
  void operator()(std::FILE* file) const { std::fclose(file); }
};

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string token(kMostTokenBytes, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<size_t>(file.gcount()));
  token.resize(token.find_last_not_of(" \t\r\n") + 1);
  if (token.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("cannot read a token from {}; set KUBELET_TOKEN_FILE to the token of a service "
                    "account",
                    path));
  }
  // It becomes a header.
  if (token.find_first_of("\r\n") != std::string::npos) {
    return absl::FailedPreconditionError(
        fmt::format("{} (KUBELET_TOKEN_FILE) holds more than one line", path));
  }
  return token;
}

// Hands what comes in pieces to a reader that asks for it, in a thread of its own, by a pipe.
class PodListPipe {
 public:
  explicit PodListPipe(const KubeletClient::Visit& visit) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) {
      result_ = absl::ResourceExhaustedError(fmt::format("pipe: {}", std::strerror(errno)));
      return;
    }
    write_end_ = FileDescriptor(ends[1]);
    std::unique_ptr<std::FILE, FileCloser> file(fdopen(ends[0], "r"));
    reader_ = std::thread([this, &visit, file = std::move(file)] {
      result_ = ReadPodList(file.get(), visit);
      // Else the writer would wait for ever.
      std::array<char, 4096> rest;
      while (std::fread(rest.data(), 1, rest.size(), file.get()) > 0) {
      }
    });
  }
  ~PodListPipe() { End().IgnoreError(); }

  bool Write(std::string_view piece) {
    while (!piece.empty()) {
      const ssize_t written = ::write(write_end_.get(), piece.data(), piece.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written <= 0) {
        return false;
      }
      piece.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }

  // What became of the list.
  absl::Status End() {
    write_end_.Close();
    if (reader_.joinable()) {
      reader_.join();
    }
    return result_;
  }

 private:
  FileDescriptor write_end_;
  absl::Status result_;
  std::thread reader_;
};

class HttpKubeletClient final : public KubeletClient {
 public:
  HttpKubeletClient(KubeletOptions options, HostPort address,
                    std::chrono::milliseconds longest_question)
      : options_(std::move(options)),
        address_(std::move(address)),
        longest_question_(longest_question) {}

  absl::Status ForEachPod(const Visit& visit) override {
    const auto question = std::make_shared<KubeletQuestion>(longest_question_);
    {
      const std::lock_guard lock(mutex_);
      if (is_stopped_) {
        return absl::CancelledError("the kubelet is not asked any more");
      }
      question_ = question;
    }
    const absl::Status asked = Ask(visit, question.get());
    switch (question->end()) {
      case KubeletQuestion::End::kStopped:
        return absl::CancelledError("the question to the kubelet is given up");
      case KubeletQuestion::End::kLate:
        return absl::DeadlineExceededError(fmt::format(
            "the kubelet at {} takes longer than {} s to tell its pods; see whether "
            "KUBELET_ADDRESS "
            "is right and the node overloaded",
            options_.address, std::chrono::duration<double>(longest_question_).count()));
      case KubeletQuestion::End::kNone:
        break;
    }
    return asked;
  }

  void Stop() override {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    if (const std::shared_ptr<KubeletQuestion> question = question_.lock(); question != nullptr) {
      question->Stop();
    }
  }

 private:
  absl::Status Ask(const Visit& visit, KubeletQuestion* question) const {
    ASSIGN_OR_RETURN(const std::string token, ReadToken(options_.token_file));
    // One for each question, since it reads the authorities only once: they are renewed.
    httplib::SSLClient client(address_.host, address_.port);
    client.set_connection_timeout(kConnectSeconds);
    client.set_read_timeout(kReadSeconds);
    client.set_write_timeout(kConnectSeconds);
    client.set_follow_location(false);
    client.enable_server_certificate_verification(!options_.is_insecure);
    if (!options_.is_insecure) {
      client.set_ca_cert_path(options_.ca_file);
    }
    client.set_socket_options([question](socket_t socket) { question->Use(socket); });
    PodListPipe pipe(visit);
    int status = 0;
    size_t bytes = 0;
    const auto is_wanted = [question] { return question->end() == KubeletQuestion::End::kNone; };
    const httplib::Result result = client.Get(
        "/pods", {{"Authorization", "Bearer " + token}, {"Accept", "application/json"}},
        [&](const httplib::Response& response) {
          status = response.status;
          return status == 200 && is_wanted();
        },
        [&](const char* data, size_t length) {
          bytes += length;
          return bytes <= kMostBytes && is_wanted() && pipe.Write({data, length});
        });
    const absl::Status list = pipe.End();
    if (status != 0 && status != 200) {
      return Refused(status);
    }
    if (bytes > kMostBytes) {
      return absl::ResourceExhaustedError(
          fmt::format("the kubelet at {} sends more than {} bytes", options_.address, kMostBytes));
    }
    if (absl::IsResourceExhausted(list)) {
      return list;
    }
    if (!result) {
      return absl::UnavailableError(Unreachable(result.error()));
    }
    if (!list.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("the kubelet at {} answers with {}; is KUBELET_ADDRESS a kubelet's?",
                      options_.address, Message(list)));
    }
    return absl::OkStatus();
  }

  absl::Status Refused(int status) const {
    if (status == 401) {
      return absl::UnauthenticatedError(fmt::format(
          "the kubelet at {} does not know the token in {} (401); let KUBELET_TOKEN_FILE "
          "name the token of a service account, and the kubelet ask the API server "
          "(authentication.webhook.enabled)",
          options_.address, options_.token_file));
    }
    if (status == 403) {
      return absl::PermissionDeniedError(
          fmt::format("the kubelet at {} forbids the list of its pods (403); give the service "
                      "account the right to get nodes/proxy",
                      options_.address));
    }
    return absl::UnavailableError(
        fmt::format("the kubelet at {} answers with status {}", options_.address, status));
  }

  std::string Unreachable(httplib::Error error) const {
    switch (error) {
      case httplib::Error::SSLServerVerification:
        return fmt::format(
            "the certificate of the kubelet at {} is not trusted; let KUBELET_CA_FILE (now {}) "
            "name "
            "who signed it, or set KUBELET_INSECURE=true",
            options_.address, options_.ca_file);
      case httplib::Error::SSLLoadingCerts:
        return fmt::format("cannot read authorities from {} (KUBELET_CA_FILE)", options_.ca_file);
      case httplib::Error::SSLConnection:
        return fmt::format("the kubelet at {} does not agree on TLS", options_.address);
      case httplib::Error::Read:
        return fmt::format("the kubelet at {} stops in the middle of its answer", options_.address);
      default:
        return fmt::format("the kubelet at {} cannot be reached: {}; check KUBELET_ADDRESS",
                           options_.address, httplib::to_string(error));
    }
  }

  const KubeletOptions options_;
  const HostPort address_;
  const std::chrono::milliseconds longest_question_;
  std::mutex mutex_;
  bool is_stopped_ = false;
  // The newest; it lives as long as it is asked.
  std::weak_ptr<KubeletQuestion> question_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<KubeletClient>> KubeletClient::Create(
    const KubeletOptions& options, std::chrono::milliseconds longest_question) {
  const std::optional<HostPort> address = ParseHostPort(options.address);
  if (!address.has_value()) {
    return absl::InvalidArgumentError(fmt::format(
        "KUBELET_ADDRESS is \"{}\": write host:port, such as 192.0.2.7:10250", options.address));
  }
  return std::make_unique<HttpKubeletClient>(options, *address, longest_question);
}

}  // namespace audio_latency::probe
