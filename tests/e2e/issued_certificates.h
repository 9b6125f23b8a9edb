// Certificates for the programs, made as the product's README says.

#ifndef TESTS_E2E_ISSUED_CERTIFICATES_H_
#define TESTS_E2E_ISSUED_CERTIFICATES_H_

#include <map>
#include <string>

#include "absl/status/status.h"

namespace audio_latency::lab {

// Into `folder`: an authority (ca.pem); a correlator's certificate for the name "correlator" and
// `correlator_address`, the one of the probe of node-a, and a user's ("me").
absl::Status IssueCertificates(const std::string& folder, const std::string& correlator_address);

// The TLS options of who has the certificate `name` in `folder`.
std::map<std::string, std::string> TlsOf(const std::string& folder, const std::string& name);

}  // namespace audio_latency::lab

#endif  // TESTS_E2E_ISSUED_CERTIFICATES_H_
