#include "common/tls/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "common/names/node_name.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "common/tls/freed.h"
#include "fmt/format.h"

namespace audio_latency {
namespace {

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

constexpr size_t kMaxNameBytes = 1024;
constexpr int64_t kNsPerSecond = 1'000'000'000;

BioPtr MakeBio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// What the last call of OpenSSL had against it, "unknown" when it did not say.
std::string TakeReason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "unknown" : reason;
  ERR_clear_error();
  return text;
}

// The certificates in `pem`, at least one. A damaged one is an error: to leave it out, and what
// comes after it, would be to trust or to show others than the file is meant to hold.
absl::StatusOr<std::vector<X509Ptr>> ReadAll(std::string_view pem) {
  std::vector<X509Ptr> certificates;
  const BioPtr bio = MakeBio(pem);
  ERR_clear_error();
  while (X509* const certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const unsigned long error = ERR_peek_last_error();
  const bool is_at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const std::string reason = TakeReason();
  if (!is_at_end) {
    return absl::InvalidArgumentError(
        fmt::format("its certificate number {} is damaged ({}); write the file anew, whole",
                    certificates.size() + 1, reason));
  }
  if (certificates.empty()) {
    return absl::InvalidArgumentError("it holds no certificate in PEM form");
  }
  return certificates;
}

std::string SubjectOf(const X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0,
                     XN_FLAG_ONELINE & ~ASN1_STRFLGS_UTF8_CONVERT);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  std::string subject(text, size > 0 ? static_cast<size_t>(size) : 0);
  return IsPlainText(subject, kMaxNameBytes) ? subject : "(a subject that cannot be shown)";
}

int64_t UnixSeconds(const ASN1_TIME* time) {
  std::tm parts = {};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

CertificateFacts FactsOf(const X509* certificate) {
  CertificateFacts facts;
  facts.subject = SubjectOf(certificate);
  facts.not_before_unix_s = UnixSeconds(X509_get0_notBefore(certificate));
  facts.not_after_unix_s = UnixSeconds(X509_get0_notAfter(certificate));
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_URI) {
      continue;
    }
    const ASN1_IA5STRING* const value = name->d.ia5;
    const std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                           static_cast<size_t>(ASN1_STRING_length(value)));
    // A NUL inside would make it another name to some readers.
    if (IsPlainText(text, kMaxNameBytes)) {
      (name->type == GEN_DNS ? facts.dns_names : facts.uris).push_back(text);
    }
  }
  return facts;
}

// gRPC does not load a certificate that has an address which is neither IPv4 nor IPv6.
absl::Status CheckAddresses(const X509* certificate) {
  constexpr int kIpv4Bytes = 4;
  constexpr int kIpv6Bytes = 16;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_IPADD) {
      continue;
    }
    const int bytes = ASN1_STRING_length(name->d.iPAddress);
    if (bytes != kIpv4Bytes && bytes != kIpv6Bytes) {
      return absl::InvalidArgumentError(fmt::format(
          "the certificate has an IP address of {} bytes among its alternative names; have it made "
          "anew",
          bytes));
    }
  }
  return absl::OkStatus();
}

CertificateFault FaultOf(int error) {
  switch (error) {
    case X509_V_OK:
      return CertificateFault::kNone;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return CertificateFault::kExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return CertificateFault::kNotYetValid;
    case X509_V_ERR_INVALID_PURPOSE:
      return CertificateFault::kWrongPurpose;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_INVALID_CA:
      return CertificateFault::kUnknownAuthority;
    default:
      return CertificateFault::kOtherFault;
  }
}

std::string Explain(CertificateFault fault, int error, const CertificateFacts& facts) {
  switch (fault) {
    case CertificateFault::kExpired:
      return fmt::format(
          "the certificate of {}, or one that it hangs on, has expired (its own end: "
          "{}); renew it",
          facts.subject, FormatUnixSeconds(facts.not_after_unix_s));
    case CertificateFault::kNotYetValid:
      return fmt::format("the certificate of {} is not valid before {}; check the clocks",
                         facts.subject, FormatUnixSeconds(facts.not_before_unix_s));
    case CertificateFault::kUnknownAuthority:
      return fmt::format("the certificate of {} is not signed by an authority in TLS_CA_FILE ({})",
                         facts.subject, X509_verify_cert_error_string(error));
    case CertificateFault::kWrongPurpose:
      return fmt::format(
          "the certificate of {} is not made for TLS clients (extendedKeyUsage must "
          "hold clientAuth, if it is there): {}",
          facts.subject, X509_verify_cert_error_string(error));
    default:
      return fmt::format("the certificate of {} is refused: {}", facts.subject,
                         X509_verify_cert_error_string(error));
  }
}

class StoredAuthorities final : public Authorities {
 public:
  explicit StoredAuthorities(StorePtr store) : store_(std::move(store)) {}

  CertificateVerdict VerifyClient(std::string_view pem, std::string_view chain_pem,
                                  int64_t now_unix_s) const override {
    const absl::StatusOr<std::vector<X509Ptr>> read = ReadAll(pem);
    const absl::StatusOr<std::vector<X509Ptr>> read_chain =
        chain_pem.empty() ? std::vector<X509Ptr>() : ReadAll(chain_pem);
    if (!read.ok() || !read_chain.ok()) {
      return {CertificateFault::kMalformed,
              fmt::format("the certificate cannot be read: {}",
                          Message(read.ok() ? read_chain.status() : read.status()))};
    }
    const std::vector<X509Ptr>& own = *read;
    const std::vector<X509Ptr>& others = *read_chain;
    const std::unique_ptr<STACK_OF(X509),
                          decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })>
        untrusted(sk_X509_new_null());
    for (const std::vector<X509Ptr>* const chain : {&own, &others}) {
      for (const X509Ptr& certificate : *chain) {
        sk_X509_push(untrusted.get(), certificate.get());
      }
    }
    const StoreContextPtr context(X509_STORE_CTX_new());
    if (context == nullptr ||
        X509_STORE_CTX_init(context.get(), store_.get(), own.front().get(), untrusted.get()) != 1) {
      return {CertificateFault::kOtherFault, "the certificate cannot be checked"};
    }
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, now_unix_s);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
    const int verified = X509_verify_cert(context.get());
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    if (verified == 1 && error == X509_V_OK) {
      return {};
    }
    const CertificateFault fault =
        error == X509_V_OK ? CertificateFault::kOtherFault : FaultOf(error);
    return {fault, Explain(fault, error, FactsOf(own.front().get()))};
  }

 private:
  const StorePtr store_;
};

}  // namespace

absl::StatusOr<CertificateFacts> ReadCertificate(std::string_view pem) {
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> certificates, ReadAll(pem));
  return FactsOf(certificates.front().get());
}

absl::Status CheckKeyPair(std::string_view certificate_pem, std::string_view key_pem) {
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> certificates, ReadAll(certificate_pem));
  // Without a callback OpenSSL would ask for a password at the terminal.
  const KeyPtr key(PEM_read_bio_PrivateKey(
      MakeBio(key_pem).get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        "there is no private key in PEM form, or it is protected by a password");
  }
  const bool belongs = X509_check_private_key(certificates.front().get(), key.get()) == 1;
  ERR_clear_error();
  if (!belongs) {
    return absl::InvalidArgumentError("the private key belongs to another certificate");
  }
  RETURN_IF_ERROR(CheckAddresses(certificates.front().get()));
  const ContextPtr context(SSL_CTX_new(TLS_method()));
  if (context == nullptr ||
      SSL_CTX_use_certificate(context.get(), certificates.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(
        fmt::format("TLS refuses the certificate or its key ({}); make them anew, with a P-256 key "
                    "or one of RSA of 2048 bits or more",
                    TakeReason()));
  }
  for (size_t i = 1; i < certificates.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), certificates[i].get()) != 1) {
      return absl::InvalidArgumentError(
          fmt::format("TLS refuses certificate number {} of the chain ({}); have it made anew",
                      i + 1, TakeReason()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Authorities>> Authorities::Parse(std::string_view pem) {
  ASSIGN_OR_RETURN(const std::vector<X509Ptr> certificates, ReadAll(pem));
  StorePtr store(X509_STORE_new());
  for (const X509Ptr& certificate : certificates) {
    X509_STORE_add_cert(store.get(), certificate.get());
  }
  ERR_clear_error();
  return std::make_shared<StoredAuthorities>(std::move(store));
}

}  // namespace audio_latency
