// A certification authority for tests: certificates made on the spot, good and bad ones.

#ifndef TESTS_UNIT_COMMON_TLS_TEST_AUTHORITY_H_
#define TESTS_UNIT_COMMON_TLS_TEST_AUTHORITY_H_

#include <memory>
#include <string>

namespace audio_latency {

struct IssuedCertificate {
  std::string certificate_pem;
  std::string key_pem;
};

struct CertificateRequest {
  std::string common_name = {};
  // As of openssl: "DNS:node-a,URI:audio-latency://node/a,IP:127.0.0.1"; "": no such extension.
  std::string alternative_names = {};
  // Seconds from now.
  long begins_s = -3600;
  long ends_s = 3600;
  // "": for every use; "serverAuth", "clientAuth".
  std::string extended_key_usage = {};
  // RSA of 1,024 bits, which TLS refuses these days.
  bool has_weak_key = false;
};

// Throws std::logic_error where libcrypto fails.
class TestAuthority {
 public:
  // Signed by itself.
  explicit TestAuthority(const std::string& name);
  // Signed by `above`.
  TestAuthority(const std::string& name, const TestAuthority& above);
  // Signs with a certificate that is an end entity's, and so none.
  explicit TestAuthority(const IssuedCertificate& end_entity);
  ~TestAuthority();

  IssuedCertificate Issue(const CertificateRequest& request) const;
  // A certificate of a node, good for an hour.
  IssuedCertificate IssueFor(const std::string& node) const {
    return Issue({.common_name = node, .alternative_names = "DNS:" + node});
  }
  const std::string& certificate_pem() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace audio_latency

#endif  // TESTS_UNIT_COMMON_TLS_TEST_AUTHORITY_H_
