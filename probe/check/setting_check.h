// Whether the probe can use what it is configured with: certificates, the port of its metrics.

#ifndef PROBE_CHECK_SETTING_CHECK_H_
#define PROBE_CHECK_SETTING_CHECK_H_

#include <cstdint>
#include <string>

#include "common/tls/tls_options.h"
#include "probe/check/check_item.h"

namespace audio_latency::probe {

// Reads the files as the probe would: whether they can be read, whether the key is the
// certificate's, and whether that is valid at `now_unix_s` and for another week.
CheckItem CheckCertificates(const TlsOptions& options, int64_t now_unix_s);

// Listens there for a moment. That the port is taken is as it should be where another probe runs.
CheckItem CheckMetricsPort(const std::string& address, uint16_t port, bool another_probe_runs);

// Whether another process on this machine, as far as this one may see, is a probe.
bool AnotherProbeRuns();

}  // namespace audio_latency::probe

#endif  // PROBE_CHECK_SETTING_CHECK_H_
