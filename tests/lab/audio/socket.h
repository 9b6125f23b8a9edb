// Sockets of the audio programs.

#ifndef TESTS_LAB_AUDIO_SOCKET_H_
#define TESTS_LAB_AUDIO_SOCKET_H_

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process/file_descriptor.h"

namespace audio_latency::lab {

// "10.0.1.5:7000" or "[fd00::5]:7000"; IPv4 as ::ffff:a.b.c.d.
absl::StatusOr<sockaddr_in6> ParseSocketAddress(const std::string& text);

// Connects, again and again for up to 10 seconds until somebody listens. Nagle's delay is off.
absl::StatusOr<FileDescriptor> ConnectTcp(const std::string& address);
// All addresses, IPv4 and IPv6.
absl::StatusOr<FileDescriptor> ListenTcp(uint16_t port);
absl::StatusOr<FileDescriptor> AcceptTcp(const FileDescriptor& listener);
// Port 0: one that the kernel picks.
absl::StatusOr<FileDescriptor> BindUdp(uint16_t port);

// What a program that listens says on its standard output once it does, so that others can start.
inline constexpr char kListening[] = "listening";
void SayListening();

absl::Status SendAll(const FileDescriptor& socket, const char* data, size_t length);

// What arrived, and when.
struct Arrival {
  std::string bytes;  // empty at the end of a TCP stream
  // CLOCK_MONOTONIC: when the kernel took the packet in where it says so (TCP: the last of what
  // was read), else when it was read.
  int64_t time_ns = 0;
};

// Lets Receive tell when the kernel took packets in.
void EnableArrivalTimes(const FileDescriptor& socket);
// Waits for what comes next.
absl::StatusOr<Arrival> Receive(const FileDescriptor& socket);

}  // namespace audio_latency::lab

#endif  // TESTS_LAB_AUDIO_SOCKET_H_
