// A kubelet's API on loopback.

#ifndef TESTS_UNIT_PROBE_CONTAINERS_TEST_KUBELET_H_
#define TESTS_UNIT_PROBE_CONTAINERS_TEST_KUBELET_H_

#include <httplib.h>

#include <fstream>
#include <memory>
#include <mutex>
#include <string>
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
      response.set_content(body_, "application/json");
    });
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) {
      std::this_thread::yield();
    }
  }
  ~TestKubelet() {
    server_->stop();
    thread_.join();
  }

  void Answer(int status, std::string body) {
    const std::lock_guard lock(mutex_);
    status_ = status;
    body_ = std::move(body);
  }
  std::string authorization() {
    const std::lock_guard lock(mutex_);
    return authorization_;
  }
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
  std::unique_ptr<httplib::SSLServer> server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace audio_latency::probe

#endif  // TESTS_UNIT_PROBE_CONTAINERS_TEST_KUBELET_H_
