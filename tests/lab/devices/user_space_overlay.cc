// Overlay devices for kernels that lack them: a tun or tap device whose packets a thread carries
// over the underlay in the same form as the kernel's driver does.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/lab/devices/overlay_device.h"
#include "tests/lab/devices/tun_device.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

using Packet = std::vector<uint8_t>;

constexpr uint16_t kGenevePort = 6081;
constexpr uint16_t kVlanTag = 5;
constexpr size_t kMacAddressesBytes = 12;
constexpr size_t kLongestPacketBytes = 70000;
constexpr int kWaitMs = 20;

// How packets of the device travel over the underlay. Used by two threads, one a direction.
class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual TunMode mode() const = 0;
  virtual void Send(const Packet& packet) = 0;
  // Nothing when nothing for us came within a short time.
  virtual std::optional<Packet> Receive() = 0;
};

sockaddr_storage Address(const std::string& text, uint16_t port, socklen_t* length) {
  sockaddr_storage address = {};
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, text.c_str(), &ipv4->sin_addr) == 1) {
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(port);
    *length = sizeof(*ipv4);
  } else {
    inet_pton(AF_INET6, text.c_str(), &ipv6->sin6_addr);
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    *length = sizeof(*ipv6);
  }
  return address;
}

// Room for what comes while the thread does not run.
void EnlargeBuffer(const FileDescriptor& socket) {
  const int room_bytes = 8 << 20;
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room_bytes, sizeof(room_bytes));
}

bool WaitReadable(const FileDescriptor& socket) {
  pollfd readable = {socket.get(), POLLIN, 0};
  return poll(&readable, 1, kWaitMs) > 0;
}

// The next datagram of a socket, if one comes.
std::optional<Packet> NextDatagram(const FileDescriptor& socket) {
  if (!WaitReadable(socket)) {
    return std::nullopt;
  }
  Packet packet(kLongestPacketBytes);
  const ssize_t bytes = recv(socket.get(), packet.data(), packet.size(), 0);
  if (bytes <= 0) {
    return std::nullopt;
  }
  packet.resize(static_cast<size_t>(bytes));
  return packet;
}

// RFC 8926, with one option of 8 bytes.
class GeneveCarrier final : public Carrier {
 public:
  absl::Status Open(const OverlayOptions& options) {
    const sockaddr_storage local = Address(options.local_address, kGenevePort, &length_);
    remote_ = Address(options.remote_address, kGenevePort, &length_);
    socket_ = FileDescriptor(socket(local.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EnlargeBuffer(socket_);
    return bind(socket_.get(), reinterpret_cast<const sockaddr*>(&local), length_) == 0
               ? absl::OkStatus()
               : ErrnoStatus("cannot bind the Geneve port");
  }

  TunMode mode() const override { return TunMode::kTap; }

  void Send(const Packet& packet) override {
    Packet datagram(kHeader.begin(), kHeader.end());
    datagram.insert(datagram.end(), packet.begin(), packet.end());
    // What cannot be sent is lost, as on any network.
    sendto(socket_.get(), datagram.data(), datagram.size(), 0,
           reinterpret_cast<const sockaddr*>(&remote_), length_);
  }

  std::optional<Packet> Receive() override {
    std::optional<Packet> packet = NextDatagram(socket_);
    if (packet.has_value() && packet->size() > kHeader.size()) {
      packet->erase(packet->begin(), packet->begin() + kHeader.size());
      return packet;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::array<uint8_t, 16> kHeader = {2, 0, 0x65, 0x58, 0, 0, 42, 0,
                                                      1, 2, 3,    1,    5, 6, 7,  8};
  FileDescriptor socket_;
  sockaddr_storage remote_ = {};
  socklen_t length_ = 0;
};

// RFC 2003, RFC 4213, RFC 2473.
class IpCarrier final : public Carrier {
 public:
  absl::Status Open(const OverlayOptions& options) {
    remote_ = Address(options.remote_address, 0, &length_);
    for (FileDescriptor* one : {&ipv4_, &ipv6_}) {
      *one = FileDescriptor(socket(remote_.ss_family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                   one == &ipv4_ ? IPPROTO_IPIP : IPPROTO_IPV6));
      if (!one->is_open()) {
        return ErrnoStatus("cannot open a raw socket");
      }
      EnlargeBuffer(*one);
    }
    return absl::OkStatus();
  }

  TunMode mode() const override { return TunMode::kTun; }

  void Send(const Packet& packet) override {
    const FileDescriptor& out = packet[0] >> 4 == 6 ? ipv6_ : ipv4_;
    sendto(out.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&remote_),
           length_);
  }

  std::optional<Packet> Receive() override {
    std::array<pollfd, 2> readable = {pollfd{ipv4_.get(), POLLIN, 0},
                                      pollfd{ipv6_.get(), POLLIN, 0}};
    poll(readable.data(), readable.size(), kWaitMs);
    std::optional<Packet> packet =
        NextDatagram((readable[0].revents & POLLIN) != 0 ? ipv4_ : ipv6_);
    // A raw socket of IPv4 gives the outer header, too.
    if (packet.has_value() && remote_.ss_family == AF_INET) {
      packet->erase(packet->begin(), packet->begin() + ((*packet)[0] & 15) * 4);
    }
    return packet;
  }

 private:
  FileDescriptor ipv4_;
  FileDescriptor ipv6_;
  sockaddr_storage remote_ = {};
  socklen_t length_ = 0;
};

// IEEE 802.1Q: sent with the tag inline; the kernel that receives it keeps the tag beside the
// packet.
class VlanCarrier final : public Carrier {
 public:
  absl::Status Open() {
    socket_ = FileDescriptor(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(socket_.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
    sockaddr_ll address = {};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex("eth0"));
    EnlargeBuffer(socket_);
    return bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0
               ? absl::OkStatus()
               : ErrnoStatus("cannot open a packet socket on eth0");
  }

  TunMode mode() const override { return TunMode::kTap; }

  void Send(const Packet& packet) override {
    Packet tagged(packet.begin(), packet.begin() + kMacAddressesBytes);
    tagged.insert(tagged.end(), {0x81, 0x00, 0, kVlanTag});
    tagged.insert(tagged.end(), packet.begin() + kMacAddressesBytes, packet.end());
    send(socket_.get(), tagged.data(), tagged.size(), 0);
  }

  std::optional<Packet> Receive() override {
    if (!WaitReadable(socket_)) {
      return std::nullopt;
    }
    Packet packet(kLongestPacketBytes);
    sockaddr_ll from = {};
    iovec data = {packet.data(), packet.size()};
    alignas(cmsghdr) std::array<char, 256> control = {};
    msghdr message = {};
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t bytes = recvmsg(socket_.get(), &message, 0);
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (bytes <= 0 || from.sll_pkttype == PACKET_OUTGOING || header == nullptr) {
      return std::nullopt;
    }
    tpacket_auxdata beside = {};
    std::memcpy(&beside, CMSG_DATA(header), sizeof(beside));
    if ((beside.tp_status & TP_STATUS_VLAN_VALID) == 0 || beside.tp_vlan_tci != kVlanTag) {
      return std::nullopt;
    }
    packet.resize(static_cast<size_t>(bytes));
    return packet;
  }

 private:
  FileDescriptor socket_;
};

absl::StatusOr<std::unique_ptr<Carrier>> MakeCarrier(const OverlayOptions& options) {
  switch (options.kind) {
    case OverlayKind::kGeneve: {
      auto carrier = std::make_unique<GeneveCarrier>();
      RETURN_IF_ERROR(carrier->Open(options));
      return carrier;
    }
    case OverlayKind::kIpip:
    case OverlayKind::kIpInIp: {
      auto carrier = std::make_unique<IpCarrier>();
      RETURN_IF_ERROR(carrier->Open(options));
      return carrier;
    }
    case OverlayKind::kVlan: {
      auto carrier = std::make_unique<VlanCarrier>();
      RETURN_IF_ERROR(carrier->Open());
      return carrier;
    }
    case OverlayKind::kVxlan:
    case OverlayKind::kVxlanOfFlannel:
      break;
  }
  return absl::UnimplementedError("this kernel has no vxlan device, and there is no stand-in");
}

class UserSpaceOverlay final : public OverlayDevice {
 public:
  UserSpaceOverlay(TunDevice device, std::unique_ptr<Carrier> carrier)
      : device_(std::move(device)),
        carrier_(std::move(carrier)),
        out_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const auto packet = device_.Read(kWaitMs);
            if (packet.ok() && packet->has_value()) {
              carrier_->Send(**packet);
            }
          }
        }),
        in_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            if (const std::optional<Packet> packet = carrier_->Receive(); packet.has_value()) {
              // A device that is not up yet takes nothing.
              device_.Write(*packet).IgnoreError();
            }
          }
        }) {}

  bool is_kernels() const override { return false; }

 private:
  TunDevice device_;
  std::unique_ptr<Carrier> carrier_;
  // They end before what they use.
  std::jthread out_;
  std::jthread in_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<OverlayDevice>> MakeUserSpaceOverlay(const NetworkNamespace& network,
                                                                    const OverlayOptions& options) {
  std::unique_ptr<OverlayDevice> overlay;
  RETURN_IF_ERROR(network.RunInside([&]() -> absl::Status {
    ASSIGN_OR_RETURN(std::unique_ptr<Carrier> carrier, MakeCarrier(options));
    ASSIGN_OR_RETURN(TunDevice device, TunDevice::Create(OverlayDevice::kName, carrier->mode()));
    overlay = std::make_unique<UserSpaceOverlay>(std::move(device), std::move(carrier));
    return absl::OkStatus();
  }));
  return overlay;
}

}  // namespace audio_latency::lab
