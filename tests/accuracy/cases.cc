#include "tests/accuracy/cases.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace audio_latency::accuracy {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;
// Different voices, all through one relay.
constexpr int kVoices = 4;

LegSpec Tcp(Framing framing, int message_ms, Cut cut = Cut::kWrites) {
  return {.carrier = Carrier::kTcp, .framing = framing, .message_ms = message_ms, .cut = cut};
}

LegSpec Rtp(int message_ms) { return {.carrier = Carrier::kRtp, .message_ms = message_ms}; }

LegSpec With(LegSpec leg, const Way& way) {
  leg.way = way;
  return leg;
}

// What is drawn for a case hangs on its name and not on its place in the list.
uint64_t SeedOf(const std::string& name, uint64_t seed) {
  return XXH64(name.data(), name.size(), seed);
}

class CaseList {
 public:
  CaseList(int seconds, uint64_t seed) : seconds_(seconds), seed_(seed) {}

  CallSpec Call(Codec codec, const LegSpec& in, const LegSpec& out, int caller) const {
    CallSpec call{.codec = codec, .legs = {in, out}, .seconds = seconds_, .caller = caller};
    call.sound.seed = seed_ * 16 + static_cast<uint64_t>(caller) + 1;
    // Calls do not begin together.
    call.start_ns = caller * 137 * kMillisecondNs;
    return call;
  }

  Scenario Voices(Codec codec, const LegSpec& in, const LegSpec& out) const {
    Scenario scenario;
    for (int caller = 0; caller < kVoices; ++caller) {
      scenario.calls.push_back(Call(codec, in, out, caller));
    }
    return scenario;
  }

  void Add(const std::string& name, Scenario scenario,
           Expectation expectation = Expectation::kFollowed) {
    scenario.seed = SeedOf(name, seed_);
    cases_.push_back({.name = name, .scenario = std::move(scenario), .expectation = expectation});
  }

  int seconds() const { return seconds_; }
  std::vector<Case> Take() { return std::move(cases_); }

 private:
  const int seconds_;
  const uint64_t seed_;
  std::vector<Case> cases_;
};

void AddByteStreams(CaseList* list) {
  const LegSpec any = Tcp(Framing::kRaw, 20, Cut::kRandom);
  LegSpec small = Tcp(Framing::kRaw, 20, Cut::kCoalesced);
  small.mss_bytes = 1388;
  list->Add("raw PCM over TCP, cut at random", list->Voices(Codec::kPcmAt16, any, small),
            Expectation::kFollowedFully);
  list->Add("raw PCM over TCP, packets of 64 KB",
            list->Voices(Codec::kL16At48, Tcp(Framing::kRaw, 1000, Cut::kOffloaded),
                         Tcp(Framing::kRaw, 20)),
            Expectation::kFollowedFully);
  LegSpec wrapping = any;
  wrapping.wraps = true;
  list->Add("raw mu-law over TCP, sequence numbers wrap",
            list->Voices(Codec::kMuLaw, wrapping, wrapping), Expectation::kFollowedFully);
  Scenario joined = list->Voices(Codec::kPcmAt16, any, any);
  joined.joined_after_ns = list->seconds() * kSecondNs / 4;
  list->Add("raw PCM over TCP, joined midway", joined, Expectation::kFollowedFully);

  list->Add("length-prefixed PCM, 20 to 60 ms",
            list->Voices(Codec::kPcmAt16, Tcp(Framing::kLengthPrefix, 20),
                         Tcp(Framing::kLengthPrefix, 60, Cut::kRandom)));
  list->Add("length-prefixed mu-law, 20 to 60 ms",
            list->Voices(Codec::kMuLaw, Tcp(Framing::kLengthPrefix, 20),
                         Tcp(Framing::kLengthPrefix, 60, Cut::kRandom)));
  for (const int ms : {20, 40}) {
    const std::string length = std::to_string(ms) + " ms";
    list->Add("WebSocket masked to unmasked, PCM, " + length,
              list->Voices(Codec::kPcmAt16, Tcp(Framing::kWebSocketMasked, ms),
                           Tcp(Framing::kWebSocket, ms, Cut::kCoalesced)));
    list->Add("WebSocket masked to unmasked, mu-law, " + length,
              list->Voices(Codec::kMuLaw, Tcp(Framing::kWebSocketMasked, ms),
                           Tcp(Framing::kWebSocket, ms, Cut::kCoalesced)));
  }
  list->Add("WebSocket masked 20 ms to masked 60 ms, mu-law",
            list->Voices(Codec::kMuLaw, Tcp(Framing::kWebSocketMasked, 20),
                         Tcp(Framing::kWebSocketMasked, 60)));
  list->Add("gRPC chunks, 100 to 20 ms", list->Voices(Codec::kPcmAt16, Tcp(Framing::kGrpc, 100),
                                                      Tcp(Framing::kGrpc, 20, Cut::kCoalesced)));
  list->Add(
      "WebSocket masked to gRPC",
      list->Voices(Codec::kPcmAt16, Tcp(Framing::kWebSocketMasked, 20), Tcp(Framing::kGrpc, 100)));
}

void AddRtp(CaseList* list) {
  const std::pair<const char*, Codec> codecs[] = {
      {"mu-law", Codec::kMuLaw},          {"A-law", Codec::kALaw}, {"L16 at 8 kHz", Codec::kL16At8},
      {"L16 at 16 kHz", Codec::kL16At16}, {"Opus", Codec::kOpus},
  };
  for (const auto& [name, codec] : codecs) {
    list->Add(std::string("RTP relay, header rewritten, ") + name,
              list->Voices(codec, Rtp(20), Rtp(20)));
  }
  list->Add("RTP relay, header rewritten, L16 at 48 kHz, 10 ms",
            list->Voices(Codec::kL16At48, Rtp(10), Rtp(10)));
  LegSpec plain = Rtp(20);
  LegSpec dressed = Rtp(20);
  dressed.rtp = {.contributing_sources = 3, .has_extension = true, .padding_bytes = 8};
  list->Add("RTP relay, CSRCs, extension and padding", list->Voices(Codec::kMuLaw, dressed, plain));
  for (const int ms : {30, 40, 60}) {
    list->Add("RTP 20 to " + std::to_string(ms) + " ms, mu-law",
              list->Voices(Codec::kMuLaw, Rtp(20), Rtp(ms)));
  }
  list->Add("RTP 20 to 40 ms, L16 at 16 kHz", list->Voices(Codec::kL16At16, Rtp(20), Rtp(40)));
  list->Add("RTP to WebSocket gateway, mu-law",
            list->Voices(Codec::kMuLaw, Rtp(20), Tcp(Framing::kWebSocket, 20)));
  list->Add("RTP to masked WebSocket gateway, mu-law, 20 to 40 ms",
            list->Voices(Codec::kMuLaw, Rtp(20), Tcp(Framing::kWebSocketMasked, 40)));
  list->Add("RTP to TCP gateway, mu-law",
            list->Voices(Codec::kMuLaw, Rtp(20), Tcp(Framing::kRaw, 20, Cut::kCoalesced)));
  list->Add("TCP to RTP gateway, L16 at 16 kHz",
            list->Voices(Codec::kL16At16, Tcp(Framing::kLengthPrefix, 100), Rtp(20)));

  Scenario chain = list->Voices(Codec::kMuLaw, Rtp(20), Tcp(Framing::kWebSocketMasked, 40));
  for (CallSpec& call : chain.calls) {
    call.legs.push_back(Tcp(Framing::kGrpc, 100));
    call.legs.push_back(Rtp(20));
  }
  list->Add("RTP to WebSocket to gRPC to RTP, three relays", chain);

  LegSpec wrapping = Rtp(20);
  wrapping.wraps = true;
  list->Add("RTP relay, sequence numbers wrap", list->Voices(Codec::kMuLaw, wrapping, wrapping));
  LegSpec changing = Rtp(20);
  changing.restarts = true;
  list->Add("RTP relay, SSRC changes in the call", list->Voices(Codec::kMuLaw, changing, plain));
  LegSpec shared = Rtp(20);
  shared.source_port = 6000;
  shared.destination_port = 6002;
  Scenario mixed = list->Voices(Codec::kMuLaw, shared, plain);
  for (CallSpec& call : mixed.calls) {
    call.caller = 0;
  }
  list->Add("RTP relay, several SSRCs in a flow", mixed);
}

void AddNetworks(CaseList* list) {
  for (const int percent : {1, 5}) {
    const Way lossy = {.loss = percent / 100.0};
    const std::string name = std::to_string(percent) + " % loss";
    list->Add("RTP relay, " + name,
              list->Voices(Codec::kMuLaw, With(Rtp(20), lossy), With(Rtp(20), lossy)));
    list->Add("RTP 20 to 40 ms, " + name,
              list->Voices(Codec::kMuLaw, With(Rtp(20), lossy), With(Rtp(40), lossy)));
    list->Add("WebSocket over TCP, " + name,
              list->Voices(Codec::kPcmAt16, With(Tcp(Framing::kWebSocketMasked, 20), lossy),
                           With(Tcp(Framing::kWebSocket, 20), lossy)));
    list->Add("raw PCM over TCP, " + name,
              list->Voices(Codec::kPcmAt16, With(Tcp(Framing::kRaw, 20, Cut::kRandom), lossy),
                           With(Tcp(Framing::kRaw, 20), lossy)));
  }
  const Way reordering = {.reordering = 0.05};
  list->Add("RTP relay, 5 % reordered",
            list->Voices(Codec::kMuLaw, With(Rtp(20), reordering), With(Rtp(20), reordering)));
  list->Add("RTP to TCP gateway, 5 % reordered",
            list->Voices(Codec::kMuLaw, With(Rtp(20), reordering),
                         With(Tcp(Framing::kRaw, 20), reordering)));
  list->Add("raw PCM over TCP, 5 % reordered",
            list->Voices(Codec::kPcmAt16, With(Tcp(Framing::kRaw, 20), reordering),
                         With(Tcp(Framing::kRaw, 20), reordering)));

  const auto both = [&](const std::string& name, const Way& way, bool is_ipv6) {
    for (const auto& [carrier, scenario] :
         {std::pair{"WebSocket",
                    list->Voices(Codec::kPcmAt16, With(Tcp(Framing::kWebSocketMasked, 20), way),
                                 With(Tcp(Framing::kWebSocket, 20), way))},
          std::pair{"RTP relay",
                    list->Voices(Codec::kMuLaw, With(Rtp(20), way), With(Rtp(20), way))}}) {
      Scenario changed = scenario;
      for (CallSpec& call : changed.calls) {
        call.is_ipv6 = is_ipv6;
      }
      list->Add(name + ", " + carrier, changed);
    }
  };
  both("IPv6", {}, true);
  both("VLAN", {.network = Network::kVlan}, false);
  both("VXLAN", {.network = Network::kVxlan}, false);
  both("VXLAN with IPv6 inside", {.network = Network::kVxlan}, true);

  Scenario skewed = list->Voices(Codec::kMuLaw, Rtp(20), Rtp(20));
  skewed.skew_ns = 3 * kSecondNs + 217 * kMillisecondNs;
  list->Add("RTP relay whose clock is 3 s ahead, offset given", skewed);

  // One call after the other from the same port, as clients with a fixed one do.
  LegSpec fixed = Tcp(Framing::kWebSocketMasked, 20);
  fixed.source_port = 7000;
  fixed.destination_port = 7002;
  Scenario reuse;
  for (int i = 0; i < 2; ++i) {
    CallSpec call = list->Call(Codec::kPcmAt16, fixed, Tcp(Framing::kWebSocket, 20), i);
    call.caller = 0;
    call.start_ns = i * (list->seconds() + 1) * kSecondNs;
    reuse.calls.push_back(call);
  }
  list->Add("5-tuple used again by the next call", reuse);

  // A recording of RTP packets played in a loop, as load generators do: the same 5-tuple, SSRC and
  // numbers in each round.
  constexpr int kRoundSeconds = 5;
  Scenario rounds;
  for (int round = 0; round * (kRoundSeconds + 1) < list->seconds(); ++round) {
    CallSpec call = list->Call(Codec::kMuLaw, Rtp(20), Rtp(20), 0);
    for (LegSpec& leg : call.legs) {
      leg.way.loss = 0.02;
      leg.source_port = 7000;
      leg.destination_port = 7002;
      leg.rtp.ssrc = 77;
      leg.rtp.first_sequence = 1000;
    }
    call.start_ns = round * (kRoundSeconds + 1) * kSecondNs;
    call.seconds = kRoundSeconds;
    rounds.calls.push_back(call);
  }
  list->Add("RTP packets played again and again, 2 % loss", rounds);
  LegSpec reconnecting = Tcp(Framing::kRaw, 20, Cut::kRandom);
  reconnecting.restarts = true;
  list->Add("TCP connection made anew in the call",
            list->Voices(Codec::kPcmAt16, reconnecting, Tcp(Framing::kRaw, 20)));
}

// Both ends of a call send the same recording at the same time through the relay.
Scenario BothWays(const CaseList& list, Codec codec, const LegSpec& leg) {
  Scenario scenario;
  for (const bool is_backward : {false, true}) {
    CallSpec call = list.Call(codec, leg, leg, 0);
    call.is_backward = is_backward;
    scenario.calls.push_back(call);
  }
  return scenario;
}

Scenario Crowd(const CaseList& list, const Sound& sound, Codec codec, const LegSpec& leg,
               int callers, int64_t apart_ns) {
  Scenario scenario;
  for (int caller = 0; caller < callers; ++caller) {
    CallSpec call = list.Call(codec, leg, leg, caller);
    call.sound = sound;
    call.start_ns = caller * apart_ns;
    scenario.calls.push_back(call);
  }
  return scenario;
}

void AddTraps(CaseList* list) {
  const LegSpec rtp = Rtp(20);
  const LegSpec websocket = Tcp(Framing::kWebSocketMasked, 20);
  const LegSpec raw = Tcp(Framing::kRaw, 20, Cut::kRandom);
  const Way lossy = {.loss = 0.02};
  const Sound prompt = {.seed = 5};

  list->Add("both ends play one file at once, RTP", BothWays(*list, Codec::kMuLaw, rtp));
  list->Add("both ends play one file at once, TCP", BothWays(*list, Codec::kPcmAt16, raw));
  list->Add("both ends play one file at once, RTP, 2 % loss",
            BothWays(*list, Codec::kMuLaw, With(rtp, lossy)));
  list->Add("forty callers hear one prompt at once, RTP",
            Crowd(*list, prompt, Codec::kMuLaw, rtp, 40, 0), Expectation::kAmbiguousTrap);
  list->Add("forty callers hear one prompt at once, RTP, 2 % loss",
            Crowd(*list, prompt, Codec::kMuLaw, With(rtp, lossy), 40, 0),
            Expectation::kAmbiguousTrap);
  list->Add("forty callers hear one prompt 100 ms apart, WebSocket",
            Crowd(*list, prompt, Codec::kMuLaw, websocket, 40, 100 * kMillisecondNs),
            Expectation::kAmbiguousTrap);
  list->Add("hold music for ten callers, RTP",
            Crowd(*list, {.kind = SoundKind::kMusic}, Codec::kMuLaw, rtp, 10, 1'300'000'000),
            Expectation::kAmbiguousTrap);
  for (const double loop_seconds : {0.5, 3.0, 8.0}) {
    list->Add("hold music, loop of " + std::to_string(loop_seconds).substr(0, 3) + " s, TCP",
              Crowd(*list, {.kind = SoundKind::kMusic, .seed = 2, .loop_seconds = loop_seconds},
                    Codec::kMuLaw, With(raw, lossy), 10, 700 * kMillisecondNs),
              Expectation::kAmbiguousTrap);
  }
  Scenario held = list->Voices(Codec::kMuLaw, rtp, rtp);
  for (CallSpec& call : held.calls) {
    call.sound.interlude = SoundKind::kMusic;
  }
  list->Add("speech and hold music in turn, RTP", held, Expectation::kTrap);

  const std::pair<const char*, SoundKind> quiet[] = {{"silence", SoundKind::kSilence},
                                                     {"dither", SoundKind::kDither},
                                                     {"comfort noise", SoundKind::kComfortNoise},
                                                     {"440 Hz tone", SoundKind::kTone},
                                                     {"DTMF", SoundKind::kDtmf}};
  for (const auto& [name, kind] : quiet) {
    list->Add(std::string(name) + ", RTP",
              Crowd(*list, {.kind = kind}, Codec::kMuLaw, With(rtp, lossy), 4, 0),
              Expectation::kTrap);
    list->Add(std::string(name) + ", PCM over WebSocket",
              Crowd(*list, {.kind = kind}, Codec::kPcmAt16, With(websocket, lossy), 4, 0),
              Expectation::kTrap);
  }
  Scenario discontinuous = list->Voices(Codec::kMuLaw, rtp, rtp);
  Scenario opus = list->Voices(Codec::kOpusDtx, rtp, rtp);
  for (Scenario* scenario : {&discontinuous, &opus}) {
    for (CallSpec& call : scenario->calls) {
      call.is_discontinuous = true;
      call.sound.interlude = SoundKind::kDither;
    }
  }
  list->Add("DTX with comfort noise, mu-law", discontinuous);
  list->Add("DTX, Opus", opus);
}

void AddUnknownPorts(CaseList* list) {
  LegSpec small = Tcp(Framing::kRaw, 20, Cut::kCoalesced);
  small.mss_bytes = 1388;
  Scenario raw = list->Voices(Codec::kPcmAt16, Tcp(Framing::kRaw, 20, Cut::kRandom), small);
  raw.detects_audio = true;
  list->Add("raw PCM over TCP, ports not known", raw, Expectation::kFollowedFully);
  Scenario websocket =
      list->Voices(Codec::kMuLaw, Tcp(Framing::kWebSocketMasked, 20), Tcp(Framing::kWebSocket, 20));
  websocket.detects_audio = true;
  list->Add("WebSocket masked to unmasked, mu-law, ports not known", websocket);
}

}  // namespace

std::vector<Case> AllCases(int seconds, uint64_t seed) {
  CaseList list(seconds, seed);
  AddByteStreams(&list);
  AddRtp(&list);
  AddNetworks(&list);
  AddTraps(&list);
  AddUnknownPorts(&list);
  return list.Take();
}

}  // namespace audio_latency::accuracy
