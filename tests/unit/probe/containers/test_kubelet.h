// A kubelet's API on loopback.

#ifndef TESTS_UNIT_PROBE_CONTAINERS_TEST_KUBELET_H_
#define TESTS_UNIT_PROBE_CONTAINERS_TEST_KUBELET_H_

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "fmt/format.h"
#include "probe/containers/kubelet_options.h"
#include "tests/unit/common/tls/test_authority.h"
#include "tests/unit/probe/containers/cgroup_folder.h"

namespace audio_latency::probe {

// With a certificate of its own authority, in the network namespace of the thread that makes it.
class TestKubelet {
 public:
  TestKubelet() {
    const IssuedCertificate certificate =
        authority_.Issue({.common_name = "system:node:a", .alternative_names = "IP:127.0.0.1"});
    Write("tls.crt", certificate.certificate_pem);
    Write("tls.key", certificate.key_pem);
    Write("ca.crt", authority_.certificate_pem());
    Write("token", "first-token\n");
    server_ =
        std::make_unique<httplib::SSLServer>(File("tls.crt").c_str(), File("tls.key").c_str());
    server_->Get("/pods", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      authorization_ = request.get_header_value("Authorization");
      response.status = status_;
      if (!is_trickling_) {
        response.set_content(body_, "application/json");
        return;
      }
      response.set_chunked_content_provider(
          "application/json", [this](size_t offset, httplib::DataSink& sink) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            const std::string_view piece = offset == 0 ? "{\"items\":[" : " ";
            return is_trickling_ && sink.write(piece.data(), piece.size());
          });
    });
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) {
      std::this_thread::yield();
    }
  }
  ~TestKubelet() {
    is_trickling_ = false;
    server_->stop();
    thread_.join();
  }

  void Answer(int status, std::string body) {
    const std::lock_guard lock(mutex_);
    status_ = status;
    body_ = std::move(body);
  }
  // From now on the list never ends, and a byte of it always comes before anybody loses patience.
  void Trickle() { is_trickling_ = true; }
  std::string authorization() {
    const std::lock_guard lock(mutex_);
    return authorization_;
  }
  // Its authority's.
  std::string certificate_pem() const { return authority_.certificate_pem(); }
  std::string File(const std::string& name) const { return files_.root() + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(File(name)) << text;
  }
  KubeletOptions Options() const {
    return {.address = fmt::format("127.0.0.1:{}", port_),
            .token_file = File("token"),
            .ca_file = File("ca.crt")};
  }

 private:
  const TestAuthority authority_{"node authority"};
  CgroupFolder files_;
  std::mutex mutex_;
  int status_ = 200;
  std::string body_;
  std::string authorization_;
  std::atomic<bool> is_trickling_ = false;
  std::unique_ptr<httplib::SSLServer> server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace audio_latency::probe

#endif  // TESTS_UNIT_PROBE_CONTAINERS_TEST_KUBELET_H_
