// The probe's own pages: /metrics and /healthz.

#ifndef PROBE_METRICS_STATUS_PAGE_H_
#define PROBE_METRICS_STATUS_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/http/http_server.h"
#include "common/loss/sampling_share.h"
#include "common/time/clock.h"
#include "common/tls/tls_store.h"
#include "probe/capture/counters.h"
#include "probe/capture/hiding_watch.h"
#include "probe/capture/interface_directory.h"
#include "probe/capture/ring_reader.h"
#include "probe/clock/clock_exchange.h"
#include "probe/clock/datagram_exchange.h"
#include "probe/containers/container_watch.h"
#include "probe/uplink/batch_queue.h"
#include "probe/uplink/batcher.h"
#include "probe/uplink/uplink.h"

namespace audio_latency::probe {

// What the pages tell, taken at one time from the parts that own the numbers.
struct ProbeSnapshot {
  CaptureCounters counters = {};
  RingReaderStatistics reader;
  Batcher::Statistics batcher;
  BatchQueueStatistics queue;
  UplinkStatistics uplink;
  ClockExchangeStatistics clock;
  DatagramExchangeStatistics datagrams;
  size_t interfaces = 0;
  std::vector<RefusedInterface> refused_interfaces;
  std::vector<HiddenPackets> hidden_packets;
  ContainerStatistics containers;
  // "tcx" or "clsact".
  std::string attach_method;
  // What of the signatures is kept (bpf/sampling.h).
  uint32_t sampling_threshold = kSamplingAll;
  // Of the kernel's table, and of the probe's own.
  uint32_t max_flows = 0;
  // On the monotonic clock.
  int64_t now_ns = 0;
  // Nothing in plain text.
  std::optional<TlsStatistics> tls = {};
  // Which the probe reports as.
  std::string node;
};

// In Prometheus' text format.
std::string RenderProbeMetrics(const ProbeSnapshot& snapshot);

// 200 when events are captured: the programs are attached to something and the reader runs; else
// 503 with the reason. A correlator out of reach is no reason: the probe cannot help that.
HttpResponse RenderHealth(const ProbeSnapshot& snapshot);

// Routes of both pages; `take` makes a snapshot and is called from several threads.
std::vector<HttpRoute> StatusRoutes(const std::function<ProbeSnapshot()>& take);

}  // namespace audio_latency::probe

#endif  // PROBE_METRICS_STATUS_PAGE_H_
