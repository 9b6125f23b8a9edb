#include "tests/clock/delay_relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "common/datagram/datagram_socket.h"

namespace audio_latency::testing {
namespace {

constexpr int64_t kLookNs = 50'000'000;
constexpr size_t kMostBytes = 65536;

void Hold(const DelayRule& rule) {
  const int64_t delay_ns = rule();
  if (delay_ns > 0) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(delay_ns));
  }
}

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// Both directions of one TCP connection after another.
class TcpRelay {
 public:
  explicit TcpRelay(const DelayRelay::Ways& ways) : ways_(ways) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = Loopback(0);
    socklen_t bytes = sizeof(address);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), bytes) == 0);
    REQUIRE(listen(listener_, 4) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~TcpRelay() {
    thread_ = {};
    close(listener_);
  }
  void PassOnTo(int to_port) {
    to_port_ = to_port;
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  int port() const { return port_; }

 private:
  static bool IsReady(int descriptor) {
    pollfd wait = {.fd = descriptor, .events = POLLIN, .revents = 0};
    return poll(&wait, 1, kLookNs / 1'000'000) > 0;
  }

  static void Pump(int from, int to, const DelayRule& rule, std::atomic<bool>* is_over) {
    std::vector<char> room(kMostBytes);
    while (!*is_over) {
      if (!IsReady(from)) {
        continue;
      }
      const ssize_t got = recv(from, room.data(), room.size(), 0);
      if (got <= 0) {
        break;
      }
      Hold(rule);
      for (ssize_t sent = 0; sent < got;) {
        const ssize_t now = send(to, room.data() + sent, got - sent, MSG_NOSIGNAL);
        if (now <= 0) {
          *is_over = true;
          return;
        }
        sent += now;
      }
    }
    *is_over = true;
  }

  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!IsReady(listener_)) {
        continue;
      }
      const int front = accept(listener_, nullptr, nullptr);
      const int back = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = Loopback(to_port_);
      if (connect(back, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
        std::atomic<bool> is_over = false;
        const std::stop_callback end(stop, [&is_over] { is_over = true; });
        std::jthread down([&] { Pump(back, front, ways_.down, &is_over); });
        Pump(front, back, ways_.up, &is_over);
      }
      close(front);
      close(back);
    }
  }

  const DelayRelay::Ways ways_;
  int to_port_ = 0;
  int listener_ = -1;
  int port_ = 0;
  std::jthread thread_;
};

class UdpRelay {
 public:
  explicit UdpRelay(const DelayRelay::Ways& ways)
      : ways_(ways), front_(BindDatagramSocket("127.0.0.1", 0).value()) {}

  void PassOnTo(int to_port) {
    back_ = ConnectDatagramSocket("127.0.0.1", to_port).value();
    up_ = std::jthread([this](const std::stop_token& stop) { PumpUp(stop); });
    down_ = std::jthread([this](const std::stop_token& stop) { PumpDown(stop); });
  }

  int port() const { return front_->port(); }

 private:
  void PumpUp(const std::stop_token& stop) {
    std::array<uint8_t, 2048> room;
    while (!stop.stop_requested()) {
      std::optional<ReceivedDatagram> received = front_->TryReceive(room);
      if (!received.has_value()) {
        front_->Wait(kLookNs);
        continue;
      }
      if (ways_.blocks_udp) {
        continue;
      }
      Hold(ways_.up);
      {
        const std::lock_guard lock(mutex_);
        client_ = received->route;
      }
      back_->Send(std::span(room).first(received->bytes));
    }
  }

  void PumpDown(const std::stop_token& stop) {
    std::array<uint8_t, 2048> room;
    while (!stop.stop_requested()) {
      std::optional<ReceivedDatagram> received = back_->TryReceive(room);
      if (!received.has_value()) {
        back_->Wait(kLookNs);
        continue;
      }
      Hold(ways_.down);
      const std::lock_guard lock(mutex_);
      front_->SendBack(client_, std::span(room).first(received->bytes));
    }
  }

  const DelayRelay::Ways ways_;
  const std::unique_ptr<DatagramSocket> front_;
  std::unique_ptr<DatagramSocket> back_;
  std::mutex mutex_;
  DatagramRoute client_;
  std::jthread up_;
  std::jthread down_;
};

class BothRelays final : public DelayRelay {
 public:
  explicit BothRelays(const Ways& ways) : tcp_(ways), udp_(ways) {}
  void PassOnTo(int tcp_port, int udp_port) override {
    tcp_.PassOnTo(tcp_port);
    udp_.PassOnTo(udp_port);
  }
  int tcp_port() const override { return tcp_.port(); }
  int udp_port() const override { return udp_.port(); }

 private:
  TcpRelay tcp_;
  UdpRelay udp_;
};

}  // namespace

std::unique_ptr<DelayRelay> DelayRelay::Open(const Ways& ways) {
  return std::make_unique<BothRelays>(ways);
}

}  // namespace audio_latency::testing
