#include "common/tls/certificate.h"

#include <catch2/catch.hpp>
#include <ctime>

#include "common/status/status_macros.h"
#include "tests/unit/common/tls/test_authority.h"

namespace audio_latency {
namespace {

using Catch::Matchers::Contains;

CertificateVerdict Verify(const std::string& authorities, const std::string& certificate,
                          const std::string& chain = "") {
  const auto parsed = Authorities::Parse(authorities);
  REQUIRE(parsed.ok());
  return (*parsed)->VerifyClient(certificate, chain, std::time(nullptr));
}

TEST_CASE("a certificate tells its subject, names and end") {
  const TestAuthority authority("ca");
  const IssuedCertificate issued = authority.Issue(
      {.common_name = "node-a",
       .alternative_names = "DNS:node-a,DNS:b.example,URI:audio-latency://node/a,IP:10.0.0.1"});
  const auto facts = ReadCertificate(issued.certificate_pem);
  REQUIRE(facts.ok());
  CHECK(facts->subject == "CN = node-a");
  CHECK(facts->dns_names == std::vector<std::string>{"node-a", "b.example"});
  CHECK(facts->uris == std::vector<std::string>{"audio-latency://node/a"});
  CHECK(facts->not_after_unix_s - std::time(nullptr) > 3500);
  CHECK_FALSE(ReadCertificate("nothing of the kind").ok());
}

TEST_CASE("a good certificate is accepted, directly and by an authority between") {
  const TestAuthority root("root");
  const TestAuthority between("between", root);
  CHECK(Verify(root.certificate_pem(), root.IssueFor("a").certificate_pem).fault ==
        CertificateFault::kNone);
  const std::string leaf = between.IssueFor("a").certificate_pem;
  CHECK(Verify(root.certificate_pem(), leaf, between.certificate_pem()).fault ==
        CertificateFault::kNone);
  CHECK(Verify(root.certificate_pem(), leaf + between.certificate_pem()).fault ==
        CertificateFault::kNone);
  CHECK(Verify(root.certificate_pem(), leaf).fault == CertificateFault::kUnknownAuthority);
}

TEST_CASE("each fault of a certificate has its cause") {
  const TestAuthority ours("ours");
  const TestAuthority theirs("ours");  // the name proves nothing
  const auto verify = [&](const IssuedCertificate& issued) {
    const CertificateVerdict verdict = Verify(ours.certificate_pem(), issued.certificate_pem);
    CHECK_THAT(verdict.message, Contains("CN = a"));
    return verdict.fault;
  };
  CHECK(verify(theirs.IssueFor("a")) == CertificateFault::kUnknownAuthority);
  CHECK(verify(ours.Issue({.common_name = "a", .ends_s = -10})) == CertificateFault::kExpired);
  CHECK(verify(ours.Issue({.common_name = "a", .begins_s = 100})) ==
        CertificateFault::kNotYetValid);
  CHECK(verify(ours.Issue({.common_name = "a", .extended_key_usage = "serverAuth"})) ==
        CertificateFault::kWrongPurpose);
  CHECK(Verify(ours.certificate_pem(), "no certificate").fault == CertificateFault::kMalformed);
  // An end entity is no authority.
  CHECK(Verify(ours.certificate_pem(), "").fault == CertificateFault::kMalformed);
}

TEST_CASE("a key must belong to its certificate and be readable") {
  const TestAuthority authority("ca");
  const IssuedCertificate a = authority.IssueFor("a");
  const IssuedCertificate b = authority.IssueFor("b");
  CHECK(CheckKeyPair(a.certificate_pem, a.key_pem).ok());
  CHECK_THAT(Message(CheckKeyPair(a.certificate_pem, b.key_pem)), Contains("another certificate"));
  CHECK_THAT(Message(CheckKeyPair(a.certificate_pem, "x")), Contains("no private key"));
  CHECK_THAT(Message(CheckKeyPair("x", a.key_pem)), Contains("PEM"));
}

}  // namespace
}  // namespace audio_latency
