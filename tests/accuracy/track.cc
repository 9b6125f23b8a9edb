#include "tests/accuracy/track.h"

#include <fmt/format.h>
#include <opus/opus.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>

#include "common/status/status_macros.h"
#include "tests/accuracy/sound.h"
#include "tests/lab/audio/speech.h"

namespace audio_latency::accuracy {
namespace {

constexpr double kSilenceThreshold = 256;
constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int kOpusBitsPerSecond = 32'000;

double RootMeanSquare(std::span<const int16_t> samples) {
  double sum = 0;
  for (const int16_t sample : samples) {
    sum += static_cast<double>(sample) * sample;
  }
  return samples.empty() ? 0 : std::sqrt(sum / static_cast<double>(samples.size()));
}

// Raises the rate by whole factors, by a windowed sinc.
std::vector<int16_t> Upsample(std::span<const int16_t> samples, int factor) {
  constexpr int64_t kHalfTaps = 12;
  std::vector<std::array<double, 2 * kHalfTaps>> phases(static_cast<size_t>(factor));
  for (int phase = 0; phase < factor; ++phase) {
    for (int64_t tap = 0; tap < 2 * kHalfTaps; ++tap) {
      const double x =
          static_cast<double>(tap - kHalfTaps + 1) - static_cast<double>(phase) / factor;
      const double window = 0.5 + 0.5 * std::cos(std::numbers::pi * x / kHalfTaps);
      const double sinc = x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
      phases[static_cast<size_t>(phase)][static_cast<size_t>(tap)] = window * sinc;
    }
  }
  const int64_t count = static_cast<int64_t>(samples.size());
  std::vector<int16_t> result;
  result.reserve(samples.size() * static_cast<size_t>(factor));
  for (int64_t i = 0; i < count; ++i) {
    for (const auto& taps : phases) {
      double sum = 0;
      for (int64_t tap = 0; tap < 2 * kHalfTaps; ++tap) {
        const int64_t at = i + tap - kHalfTaps + 1;
        if (at >= 0 && at < count) {
          sum += taps[static_cast<size_t>(tap)] * samples[static_cast<size_t>(at)];
        }
      }
      result.push_back(static_cast<int16_t>(std::clamp(std::lround(sum), -32768L, 32767L)));
    }
  }
  return result;
}

// ITU-T G.711: the sign, 3 bits of segment, 4 bits of step, every other bit inverted.
std::string ALawBytes(std::span<const int16_t> samples) {
  std::string bytes;
  bytes.reserve(samples.size());
  for (const int16_t sample : samples) {
    int magnitude = (sample < 0 ? -sample - 1 : sample) >> 3;
    int segment = 0;
    while (segment < 7 && magnitude > (0x20 << segment) - 1) {
      ++segment;
    }
    const int step = segment < 2 ? magnitude >> 1 & 0x0f : magnitude >> segment & 0x0f;
    const int code = segment << 4 | step | (sample < 0 ? 0 : 0x80);
    bytes.push_back(static_cast<char>(code ^ 0x55));
  }
  return bytes;
}

std::string L16Bytes(std::span<const int16_t> samples) {
  std::string bytes = lab::PcmBytes(samples);
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    std::swap(bytes[i], bytes[i + 1]);
  }
  return bytes;
}

absl::Status EncodeOpus(std::span<const int16_t> samples, bool is_discontinuous, Track* track) {
  int error = OPUS_OK;
  const std::unique_ptr<OpusEncoder, decltype(&opus_encoder_destroy)> encoder(
      opus_encoder_create(kSoundSamplesPerSecond, 1, OPUS_APPLICATION_VOIP, &error),
      opus_encoder_destroy);
  if (error == OPUS_OK) {
    error = opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(kOpusBitsPerSecond));
  }
  if (error == OPUS_OK) {
    error = opus_encoder_ctl(encoder.get(), OPUS_SET_DTX(is_discontinuous ? 1 : 0));
  }
  if (error != OPUS_OK) {
    return absl::InternalError(fmt::format("libopus gave no encoder: {}", opus_strerror(error)));
  }
  constexpr size_t kFrameSamples = kSoundSamplesPerSecond / 50;
  std::array<unsigned char, 1500> packet;
  for (size_t at = 0; at + kFrameSamples <= samples.size(); at += kFrameSamples) {
    const int bytes = opus_encode(encoder.get(), samples.data() + at, kFrameSamples, packet.data(),
                                  static_cast<opus_int32>(packet.size()));
    if (bytes < 0) {
      return absl::InternalError(
          fmt::format("libopus could not encode sample {} on: {}", at, opus_strerror(bytes)));
    }
    // opus_encode(3): a packet of 2 bytes or less need not be sent.
    constexpr int kNotSentBytes = 2;
    track->frames.push_back({.begin = track->bytes.size(),
                             .bytes = static_cast<uint32_t>(bytes),
                             .is_silent = bytes <= kNotSentBytes});
    track->bytes.append(reinterpret_cast<const char*>(packet.data()), static_cast<size_t>(bytes));
  }
  return absl::OkStatus();
}

void CutIntoFrames(std::span<const int16_t> samples, uint32_t bytes_per_frame, Track* track) {
  constexpr size_t kFrameSamples = kSoundSamplesPerSecond / 100;
  for (size_t i = 0; (i + 1) * bytes_per_frame <= track->bytes.size(); ++i) {
    const double level = RootMeanSquare(samples.subspan(i * kFrameSamples, kFrameSamples));
    track->frames.push_back({.begin = i * bytes_per_frame,
                             .bytes = bytes_per_frame,
                             .is_silent = level < kSilenceThreshold});
  }
}

struct PlainCodec {
  int upsampling = 1;
  uint8_t rtp_payload_type = 0;
  char filler = 0;
  std::string (*to_bytes)(std::span<const int16_t>) = nullptr;
};

PlainCodec PlainCodecOf(Codec codec) {
  constexpr uint8_t kDynamic = 97;
  switch (codec) {
    case Codec::kMuLaw:
      return {.rtp_payload_type = 0, .filler = '\xff', .to_bytes = lab::MuLawBytes};
    case Codec::kALaw:
      return {.rtp_payload_type = 8, .filler = '\xd5', .to_bytes = ALawBytes};
    case Codec::kL16At8:
      return {.rtp_payload_type = kDynamic, .to_bytes = L16Bytes};
    case Codec::kL16At16:
      return {.upsampling = 2, .rtp_payload_type = kDynamic, .to_bytes = L16Bytes};
    case Codec::kL16At48:
      return {.upsampling = 6, .rtp_payload_type = kDynamic, .to_bytes = L16Bytes};
    default:
      return {.upsampling = 2, .rtp_payload_type = kDynamic, .to_bytes = lab::PcmBytes};
  }
}

}  // namespace

int64_t Track::FrameOf(uint64_t audio_byte) const {
  const auto after =
      std::upper_bound(frames.begin(), frames.end(), audio_byte,
                       [](uint64_t byte, const AudioFrame& frame) { return byte < frame.begin; });
  return after - frames.begin() - 1;
}

int64_t Track::SecondOf(uint64_t audio_byte) const {
  constexpr int64_t kSecondNs = 1'000'000'000;
  return FrameOf(audio_byte) * frame_ns / kSecondNs;
}

absl::StatusOr<Track> Encode(std::span<const int16_t> samples, Codec codec) {
  Track track;
  track.seconds_with_sound =
      lab::SecondsWithSpeech(samples, kSoundSamplesPerSecond, kSilenceThreshold);
  if (codec == Codec::kOpus || codec == Codec::kOpusDtx) {
    track.frame_ns = 20 * kMillisecondNs;
    track.frame_rtp_units = 960;  // RFC 7587: the clock is always 48 kHz
    track.rtp_payload_type = 111;
    track.is_opaque = true;
    RETURN_IF_ERROR(EncodeOpus(samples, codec == Codec::kOpusDtx, &track));
    return track;
  }
  const PlainCodec plain = PlainCodecOf(codec);
  track.bytes =
      plain.to_bytes(plain.upsampling == 1 ? std::vector<int16_t>(samples.begin(), samples.end())
                                           : Upsample(samples, plain.upsampling));
  track.frame_ns = 10 * kMillisecondNs;
  track.frame_rtp_units = static_cast<uint32_t>(kSoundSamplesPerSecond * plain.upsampling / 100);
  track.rtp_payload_type = plain.rtp_payload_type;
  track.filler = plain.filler;
  const size_t bytes_per_sample =
      track.bytes.size() / (samples.size() * static_cast<size_t>(plain.upsampling));
  CutIntoFrames(samples, static_cast<uint32_t>(track.frame_rtp_units * bytes_per_sample), &track);
  return track;
}

}  // namespace audio_latency::accuracy
