// Where the objects of the API server go.

#ifndef CORRELATOR_KUBERNETES_OBJECT_SINK_H_
#define CORRELATOR_KUBERNETES_OBJECT_SINK_H_

#include <span>

#include "correlator/kubernetes/api_object.h"

namespace audio_latency::correlator {

// Thread-safe; calls for one resource come one after the other. A list is BeginList, its objects
// in any number of Set, and EndList, which an unfinished one never gets; changes come in between.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;

  virtual void BeginList(Resource resource) = 0;
  // What was not set since BeginList is there no more.
  virtual void EndList(Resource resource) = 0;
  // They are there, new or changed.
  virtual void Set(Resource resource, std::span<const ApiObject> objects) = 0;
  // It is there no more.
  virtual void Remove(Resource resource, const ApiObject& object) = 0;
  // Nothing came, but time passed.
  virtual void Tick() = 0;
};

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_KUBERNETES_OBJECT_SINK_H_
