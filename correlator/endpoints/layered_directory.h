// Two sources of names, one over the other.

#ifndef CORRELATOR_ENDPOINTS_LAYERED_DIRECTORY_H_
#define CORRELATOR_ENDPOINTS_LAYERED_DIRECTORY_H_

#include <memory>

#include "correlator/endpoints/endpoint_directory.h"

namespace audio_latency::correlator {

// Where `above` knows anything of an address by itself its answer goes, else that of `below`, which
// must outlive the directory. A pod that neither knows is called as the probe's hint says.
std::unique_ptr<EndpointDirectory> MakeLayeredDirectory(std::unique_ptr<EndpointDirectory> above,
                                                        const EndpointDirectory& below);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_ENDPOINTS_LAYERED_DIRECTORY_H_
