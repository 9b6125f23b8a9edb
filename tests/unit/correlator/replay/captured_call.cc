#include "tests/unit/correlator/replay/captured_call.h"

#include <algorithm>
#include <map>
#include <span>

#include "tests/bpf/support/frame_builder.h"

namespace audio_latency::correlator::testing {
namespace {

using audio_latency::testing::Bytes;

constexpr size_t kPcmBytesPerSecond = 16'000;
constexpr size_t kIpv4Source = 14 + 12;
constexpr size_t kIpv4Destination = 14 + 16;
constexpr size_t kIpv4HopsLeft = 14 + 8;
constexpr uint8_t kFresh = 64;
constexpr uint8_t kRoutedTwice = 62;

// A leg: what is sent when, and seen at both ends.
class Leg {
 public:
  Leg(Place from, Place to, uint8_t source, uint8_t destination, std::vector<CapturedPacket>* all)
      : from_(from), to_(to), source_(source), destination_(destination), all_(*all) {}

  void Send(int64_t time_ns, Bytes frame) {
    SetAddresses(&frame, source_, destination_);
    SetHopsLeft(&frame, kFresh);
    all_.push_back({time_ns, from_, Direction::kIngress, frame});
    SetHopsLeft(&frame, kRoutedTwice);
    all_.push_back({time_ns + kTransitNs, to_, Direction::kEgress, std::move(frame)});
  }

 private:
  const Place from_;
  const Place to_;
  const uint8_t source_;
  const uint8_t destination_;
  std::vector<CapturedPacket>& all_;
};

void CaptureTcp(std::span<const uint8_t> audio, Leg* first, Leg* second) {
  const auto send = [&](Leg* leg, int64_t begin_ns, size_t piece, uint32_t initial_sequence) {
    const int64_t bytes_per_second = static_cast<int64_t>(kPcmBytesPerSecond);
    audio_latency::testing::FrameOptions options;
    options.sequence = initial_sequence - 1;
    options.tcp_flags = 0x02;
    leg->Send(begin_ns, audio_latency::testing::TcpFrame({}, options));
    options.tcp_flags = 0x18;
    for (size_t at = 0; at < audio.size(); at += piece) {
      const size_t length = std::min(piece, audio.size() - at);
      options.sequence = initial_sequence + static_cast<uint32_t>(at);
      leg->Send(begin_ns + static_cast<int64_t>(at + length) * kSecondNs / bytes_per_second,
                audio_latency::testing::TcpFrame(audio.subspan(at, length), options));
    }
  };
  send(first, kCallBeginNs, 320, 5000);
  send(second, kCallBeginNs + kTransitNs + kHoldNs, 320, 900'000);
}

void CaptureRtp(std::span<const uint8_t> audio, Leg* first, Leg* second) {
  constexpr int64_t kFrameNs = 20 * kMillisecondNs;
  constexpr size_t kFrameBytes = 160;
  const Bytes mu_law = audio_latency::testing::MuLaw(audio);
  audio_latency::testing::RtpOptions in{.sequence = 65'500, .ssrc = 0xaaaa};
  audio_latency::testing::RtpOptions out{.sequence = 300, .ssrc = 0xbbbb};
  int64_t time_ns = kCallBeginNs;
  for (size_t at = 0; at + kFrameBytes <= mu_law.size(); at += kFrameBytes) {
    const std::span<const uint8_t> payload(mu_law.data() + at, kFrameBytes);
    first->Send(time_ns,
                audio_latency::testing::UdpFrame(audio_latency::testing::RtpPacket(payload, in)));
    second->Send(time_ns + kTransitNs + kHoldNs,
                 audio_latency::testing::UdpFrame(audio_latency::testing::RtpPacket(payload, out)));
    ++in.sequence;
    ++out.sequence;
    in.timestamp += kFrameBytes;
    out.timestamp += kFrameBytes;
    time_ns += kFrameNs;
  }
}

}  // namespace

void SetAddresses(std::vector<uint8_t>* frame, uint8_t source, uint8_t destination) {
  const uint8_t from[] = {10, 0, 0, source};
  const uint8_t to[] = {10, 0, 0, destination};
  std::copy(std::begin(from), std::end(from), frame->begin() + kIpv4Source);
  std::copy(std::begin(to), std::end(to), frame->begin() + kIpv4Destination);
}

void SetHopsLeft(std::vector<uint8_t>* frame, uint8_t hops_left) {
  (*frame)[kIpv4HopsLeft] = hops_left;
}

std::vector<CapturedPacket> CaptureCall(const CallOptions& options) {
  std::vector<CapturedPacket> packets;
  const uint8_t a = options.first_address;
  Leg first(kAtA, kAtB, a, static_cast<uint8_t>(a + 1), &packets);
  Leg second(kAtB, kAtC, static_cast<uint8_t>(a + 1), static_cast<uint8_t>(a + 2), &packets);
  const size_t bytes = static_cast<size_t>(options.seconds) * kPcmBytesPerSecond;
  Bytes audio = audio_latency::testing::Speech(bytes, options.seed);
  audio.resize(bytes);
  if (options.is_rtp) {
    CaptureRtp(audio, &first, &second);
  } else {
    CaptureTcp(audio, &first, &second);
  }
  std::stable_sort(
      packets.begin(), packets.end(),
      [](const CapturedPacket& x, const CapturedPacket& y) { return x.time_ns < y.time_ns; });
  return packets;
}

Resolution CallNames::Resolve(const EndpointQuery& query) const {
  static const std::map<std::string, std::string> names = {
      {"10.0.0.1", "ingress"}, {"10.0.0.2", "processor"}, {"10.0.0.3", "egress"}};
  Resolution resolution;
  Endpoint& endpoint = resolution.endpoint;
  endpoint.address = query.address;
  if (const auto found = names.find(query.address.ToString()); found != names.end()) {
    endpoint.workload = found->second;
    endpoint.pod = endpoint.workload + "-1";
  }
  return resolution;
}

}  // namespace audio_latency::correlator::testing
