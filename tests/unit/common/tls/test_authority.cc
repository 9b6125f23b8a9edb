#include "tests/unit/common/tls/test_authority.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace audio_latency {
namespace {

void Check(bool is_good, const char* what) {
  if (!is_good) {
    throw std::logic_error(what);
  }
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str());
  Check(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

template <typename Write>
std::string ToText(Write write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  write(bio);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string result(text, static_cast<size_t>(size));
  BIO_free(bio);
  return result;
}

struct KeyAndCertificate {
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;

  KeyAndCertificate() = default;
  KeyAndCertificate(const KeyAndCertificate&) = delete;
  KeyAndCertificate& operator=(const KeyAndCertificate&) = delete;
  ~KeyAndCertificate() {
    EVP_PKEY_free(key);
    X509_free(certificate);
  }
};

// Not signed yet.
void Begin(const CertificateRequest& request, KeyAndCertificate* made) {
  constexpr size_t kWeakBits = 1024;
  made->key = request.has_weak_key ? EVP_RSA_gen(kWeakBits) : EVP_EC_gen("P-256");
  made->certificate = X509_new();
  Check(made->key != nullptr && made->certificate != nullptr, "key");
  X509* const certificate = made->certificate;
  X509_set_version(certificate, X509_VERSION_3);
  uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), request.begins_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), request.ends_s);
  X509_set_pubkey(certificate, made->key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(request.common_name.c_str()),
                             -1, -1, 0);
}

std::string PemOf(X509* certificate) {
  return ToText([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

struct TestAuthority::Parts {
  KeyAndCertificate own;
  std::string pem;
};

TestAuthority::TestAuthority(const std::string& name) : parts_(std::make_unique<Parts>()) {
  Begin({.common_name = name}, &parts_->own);
  X509* const certificate = parts_->own.certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  Check(X509_sign(certificate, parts_->own.key, EVP_sha256()) > 0, "sign");
  parts_->pem = PemOf(certificate);
}

TestAuthority::TestAuthority(const std::string& name, const TestAuthority& above)
    : parts_(std::make_unique<Parts>()) {
  Begin({.common_name = name}, &parts_->own);
  X509* const certificate = parts_->own.certificate;
  X509* const issuer = above.parts_->own.certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  AddExtension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
  Check(X509_sign(certificate, above.parts_->own.key, EVP_sha256()) > 0, "sign");
  parts_->pem = PemOf(certificate);
}

TestAuthority::TestAuthority(const IssuedCertificate& end_entity)
    : parts_(std::make_unique<Parts>()) {
  const auto read = [](const std::string& pem, const auto& parse) {
    BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    auto* const object = parse(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    Check(object != nullptr, "read");
    return object;
  };
  parts_->own.certificate = read(end_entity.certificate_pem, PEM_read_bio_X509);
  parts_->own.key = read(end_entity.key_pem, PEM_read_bio_PrivateKey);
  parts_->pem = end_entity.certificate_pem;
}

TestAuthority::~TestAuthority() = default;

IssuedCertificate TestAuthority::Issue(const CertificateRequest& request) const {
  KeyAndCertificate made;
  Begin(request, &made);
  X509* const issuer = parts_->own.certificate;
  X509_set_issuer_name(made.certificate, X509_get_subject_name(issuer));
  if (!request.alternative_names.empty()) {
    AddExtension(made.certificate, issuer, NID_subject_alt_name, request.alternative_names);
  }
  if (!request.extended_key_usage.empty()) {
    AddExtension(made.certificate, issuer, NID_ext_key_usage, request.extended_key_usage);
  }
  Check(X509_sign(made.certificate, parts_->own.key, EVP_sha256()) > 0, "sign");
  return {.certificate_pem = PemOf(made.certificate),
          .key_pem = ToText([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, made.key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

const std::string& TestAuthority::certificate_pem() const { return parts_->pem; }

}  // namespace audio_latency
