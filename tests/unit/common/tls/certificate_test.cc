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
  CHECK(Verify(ours.certificate_pem(), "").fault == CertificateFault::kMalformed);
}

TEST_CASE("an end entity is no authority") {
  const TestAuthority ours("ours");
  const IssuedCertificate mallory = ours.IssueFor("mallory");
  const IssuedCertificate forged = TestAuthority(mallory).IssueFor("a");
  const CertificateVerdict verdict =
      Verify(ours.certificate_pem(), forged.certificate_pem, mallory.certificate_pem);
  CHECK(verdict.fault == CertificateFault::kUnknownAuthority);
  CHECK_THAT(verdict.message, Contains("CN = a is not signed by an authority"));
  // Nor with the chain in one piece.
  CHECK(Verify(ours.certificate_pem(), forged.certificate_pem + mallory.certificate_pem).fault ==
        CertificateFault::kUnknownAuthority);
}

TEST_CASE("a damaged certificate is an error wherever it stands, not the end of the file") {
  const TestAuthority first("first");
  const TestAuthority second("second");
  const IssuedCertificate leaf = second.IssueFor("a");
  const std::string& good = second.certificate_pem();
  std::string changed = good;
  changed[good.size() / 2] = '*';
  const std::string cut = good.substr(0, good.size() / 2);
  for (const std::string& damaged : {changed, cut, cut + "\n"}) {
    CHECK_THAT(Message(Authorities::Parse(first.certificate_pem() + damaged).status()),
               Contains("its certificate number 2 is damaged"));
    CHECK_THAT(
        Message(Authorities::Parse(first.certificate_pem() + damaged + "\n" + good).status()),
        Contains("is damaged"));
    CHECK_THAT(Message(Authorities::Parse(damaged).status()), Contains("number 1 is damaged"));
    CHECK_THAT(Message(CheckKeyPair(leaf.certificate_pem + damaged, leaf.key_pem)),
               Contains("number 2 is damaged"));
    CHECK_FALSE(ReadCertificate(leaf.certificate_pem + damaged).ok());
    CHECK(Verify(good, leaf.certificate_pem, damaged).fault == CertificateFault::kMalformed);
  }
}

TEST_CASE("other text and other blocks between certificates do no harm") {
  const TestAuthority first("first");
  const TestAuthority second("second");
  const IssuedCertificate leaf = second.IssueFor("a");
  const std::string bundle = "# our authorities\n" + first.certificate_pem() + leaf.key_pem +
                             "second:\n" + second.certificate_pem() + "\nthe end\n";
  CHECK(Verify(bundle, leaf.certificate_pem).fault == CertificateFault::kNone);
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

TEST_CASE("what TLS would refuse when it is used is refused when it is loaded") {
  const TestAuthority authority("ca");
  const IssuedCertificate weak = authority.Issue({.common_name = "a", .has_weak_key = true});
  CHECK_THAT(Message(CheckKeyPair(weak.certificate_pem, weak.key_pem)), Contains("key too small"));
  const IssuedCertificate good = authority.IssueFor("a");
  CHECK_THAT(Message(CheckKeyPair(good.certificate_pem + weak.certificate_pem, good.key_pem)),
             Contains("number 2 of the chain"));
  CHECK(CheckKeyPair(good.certificate_pem + authority.certificate_pem(), good.key_pem).ok());
  // SEQUENCE { [7] of three bytes }: an address that is neither IPv4 nor IPv6.
  const IssuedCertificate odd =
      authority.Issue({.common_name = "a", .alternative_names = "DER:30:05:87:03:0a:00:01"});
  CHECK_THAT(Message(CheckKeyPair(odd.certificate_pem, odd.key_pem)), Contains("IP address of 3"));
}

}  // namespace
}  // namespace audio_latency
