// Makes a TCP server inside the lab answer outside, as a container engine's published port does.

#ifndef TESTS_LAB_PORT_FORWARDER_H_
#define TESTS_LAB_PORT_FORWARDER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/lab/network_namespace.h"

namespace audio_latency::lab {

// Where connections to the published port are sent.
struct ForwardingTarget {
  // Null: the network of the thread that publishes.
  const NetworkNamespace* network = nullptr;
  std::string address;
  uint16_t port = 0;
};

// Listens until it is destroyed. Up to 64 connections at a time; further ones wait.
class PortForwarder {
 public:
  // Listens on 127.0.0.1 of `listening_network`: on `port`, or on one that the kernel picks where
  // `port` is taken.
  static absl::StatusOr<std::unique_ptr<PortForwarder>> PublishPort(
      const NetworkNamespace& listening_network, uint16_t port, const ForwardingTarget& target);
  virtual ~PortForwarder() = default;

  virtual uint16_t port() const = 0;
};

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_PORT_FORWARDER_H_
