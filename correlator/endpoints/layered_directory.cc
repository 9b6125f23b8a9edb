#include "correlator/endpoints/layered_directory.h"

#include <utility>

namespace audio_latency::correlator {
namespace {

class LayeredDirectory final : public EndpointDirectory {
 public:
  LayeredDirectory(std::unique_ptr<EndpointDirectory> above, const EndpointDirectory& below)
      : above_(std::move(above)), below_(below) {}

  Resolution Resolve(const EndpointQuery& query) const override {
    Resolution resolution = above_->Resolve(query);
    Endpoint nameless;
    nameless.address = resolution.endpoint.address;
    return resolution.endpoint == nameless ? below_.Resolve(query) : resolution;
  }
  // Both only grow.
  uint64_t Version() const override { return above_->Version() + below_.Version(); }

 private:
  const std::unique_ptr<EndpointDirectory> above_;
  const EndpointDirectory& below_;
};

}  // namespace

std::unique_ptr<EndpointDirectory> MakeLayeredDirectory(std::unique_ptr<EndpointDirectory> above,
                                                        const EndpointDirectory& below) {
  return std::make_unique<LayeredDirectory>(std::move(above), below);
}

}  // namespace audio_latency::correlator
