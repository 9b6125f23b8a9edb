// A SIP call between two baresip phones: kamailio routes it, rtpengine relays its audio.

#ifndef TESTS_INTEROP_SIP_PHONE_H_
#define TESTS_INTEROP_SIP_PHONE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/interop/media_lab.h"
#include "tests/lab/cluster.h"

namespace audio_latency::lab {

// Starts kamailio beside an rtpengine that runs already, and waits until it listens. Calls to
// anybody go to `callee`.
absl::Status StartSipProxy(MediaLab* lab, const Pod& relay, const Pod& callee);

// Starts a phone that answers calls by itself and waits until it listens. Into each call it plays
// the file, PCMU in packets of 20 ms. With `dial` ("sip:phone-2@10.244.2.2", a pod by way of the
// proxy) it calls at once.
absl::StatusOr<Process*> StartSipPhone(MediaLab* lab, const Pod& pod, const std::string& wav_path,
                                       const std::string& dial);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_SIP_PHONE_H_
