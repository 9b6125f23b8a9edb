#include "correlator/kubernetes/tls_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>

#include "common/address/ip_address.h"
#include "common/status/status_macros.h"
#include "common/tls/certificate.h"
#include "common/tls/freed.h"
#include "fmt/format.h"

namespace audio_latency::correlator {
namespace {

using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key that is encrypted would have it ask for a password on the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

std::string NameOf(const Material& material, const std::string& what) {
  return material.file.empty() ? what + " in the kubeconfig" : material.file;
}

absl::Status Trust(const ClusterAccess& access, SSL_CTX* context) {
  if (access.authorities.empty()) {
    return SSL_CTX_set_default_verify_paths(context) == 1
               ? absl::OkStatus()
               : absl::InternalError("the system's certification authorities cannot be used");
  }
  ASSIGN_OR_RETURN(const std::string pem, access.authorities.Load());
  const Bio reader = Reader(pem);
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (true) {
    const Certificate certificate(PEM_read_bio_X509(reader.get(), nullptr, NoPassword, nullptr));
    if (certificate == nullptr) {
      break;
    }
    count += X509_STORE_add_cert(store, certificate.get()) == 1 ? 1 : 0;
  }
  ERR_clear_error();
  if (count == 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}: there is no certificate in it (PEM)",
                    NameOf(access.authorities, "certificate-authority-data")));
  }
  return absl::OkStatus();
}

absl::Status ShowCertificate(const ClusterAccess& access, SSL_CTX* context) {
  ASSIGN_OR_RETURN(const std::string certificate_pem, access.certificate.Load());
  ASSIGN_OR_RETURN(const std::string key_pem, access.key.Load());
  const std::string name = NameOf(access.certificate, "client-certificate-data");
  if (const absl::Status status = CheckKeyPair(certificate_pem, key_pem); !status.ok()) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", name, Message(status)));
  }
  const Bio reader = Reader(certificate_pem);
  const Certificate leaf(PEM_read_bio_X509(reader.get(), nullptr, NoPassword, nullptr));
  const Bio key_reader = Reader(key_pem);
  const PrivateKey key(PEM_read_bio_PrivateKey(key_reader.get(), nullptr, NoPassword, nullptr));
  bool is_used = leaf != nullptr && key != nullptr &&
                 SSL_CTX_use_certificate(context, leaf.get()) == 1 &&
                 SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  while (is_used) {
    const Certificate next(PEM_read_bio_X509(reader.get(), nullptr, NoPassword, nullptr));
    if (next == nullptr) {
      break;
    }
    is_used = SSL_CTX_add1_chain_cert(context, next.get()) == 1;
  }
  ERR_clear_error();
  return is_used ? absl::OkStatus()
                 : absl::InvalidArgumentError(fmt::format("{}: OpenSSL does not take it", name));
}

// Called for each certificate of the server's chain.
int TakeVerdict(int is_good, X509_STORE_CTX* chain) {
  if (is_good == 1) {
    return 1;
  }
  const auto* const connection = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const refusal =
      static_cast<std::string*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), 0));
  *refusal = X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain));
  return 0;
}

}  // namespace

absl::Status SetUpTls(const ClusterAccess& access, SSL_CTX* context, std::string* refusal) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_ex_data(context, 0, refusal);
  if (access.skip_verification) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  } else {
    RETURN_IF_ERROR(Trust(access, context));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, TakeVerdict);
    X509_VERIFY_PARAM* const parameters = SSL_CTX_get0_param(context);
    const std::string& name = access.server_name.empty() ? access.host : access.server_name;
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const int is_set = IpAddress::Parse(name).ok()
                           ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str())
                           : X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size());
    if (is_set != 1) {
      return absl::InvalidArgumentError(
          fmt::format("{}: a certificate cannot have this name", name));
    }
  }
  return access.certificate.empty() ? absl::OkStatus() : ShowCertificate(access, context);
}

}  // namespace audio_latency::correlator
