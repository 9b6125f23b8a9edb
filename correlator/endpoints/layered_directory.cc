#include "correlator/endpoints/layered_directory.h"

#include <utility>

#include "correlator/endpoints/container_name.h"

namespace audio_latency::correlator {
namespace {

class LayeredDirectory final : public EndpointDirectory {
 public:
  LayeredDirectory(std::unique_ptr<EndpointDirectory> above, const EndpointDirectory& below)
      : above_(std::move(above)), below_(below) {}

  Resolution Resolve(const EndpointQuery& query) const override {
    // The probe's hint comes last: with it the upper one would have a name for all that it does not
    // know, and the lower one, which knows more than the hint tells, would never be asked.
    EndpointQuery without_hint = query;
    without_hint.container = {};
    Resolution resolution = above_->Resolve(without_hint);
    Endpoint nameless;
    nameless.address = resolution.endpoint.address;
    if (resolution.endpoint == nameless) {
      resolution = below_.Resolve(query);
    }
    NameByContainer(query.container, &resolution.endpoint);
    return resolution;
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
