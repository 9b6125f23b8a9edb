// Several RTP packets in one captured UDP datagram: UDP segmentation offload, where the kernel
// tells the size of a segment and a capture file does not.

#ifndef CORRELATOR_REPLAY_RTP_SEGMENTS_H_
#define CORRELATOR_REPLAY_RTP_SEGMENTS_H_

#include <cstdint>
#include <span>

namespace audio_latency::correlator {

// The payload bytes of each datagram but the last that an Ethernet frame holds (PacketForm's
// segment_bytes): the least size at which the first RTP header recurs with the next sequence number
// (RFC 3550, 5.1: same version, payload type and SSRC) and at whose every multiple RTP begins. 0:
// the frame holds one datagram, or none of RTP, or one inside a tunnel.
uint32_t RtpSegmentBytes(std::span<const uint8_t> ethernet);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_REPLAY_RTP_SEGMENTS_H_
