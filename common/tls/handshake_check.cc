#include "common/tls/handshake_check.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "common/address/host_port.h"
#include "common/address/ip_address.h"
#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "common/tls/freed.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace audio_latency {
namespace {

absl::StatusOr<FileDescriptor> Connect(const HostPort& server, std::chrono::milliseconds patience) {
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error =
          getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &found);
      error != 0) {
    return absl::UnavailableError(fmt::format("{}: {}", server.host, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  constexpr int64_t kUsPerMs = 1'000;
  constexpr int64_t kMsPerSecond = 1'000;
  const timeval limit = {.tv_sec = patience.count() / kMsPerSecond,
                         .tv_usec = patience.count() % kMsPerSecond * kUsPerMs};
  int error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    FileDescriptor candidate(socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
    setsockopt(candidate.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(candidate.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(candidate.get(), address->ai_addr, address->ai_addrlen) == 0) {
      return candidate;
    }
    error = errno;
  }
  return absl::UnavailableError(
      fmt::format("{} port {}: {}", server.host, server.port, std::strerror(error)));
}

std::string PemOf(X509* certificate) {
  const std::unique_ptr<BIO, Freed<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, size > 0 ? static_cast<size_t>(size) : 0};
}

absl::Status ExplainVerification(const SSL& ssl, const std::string& server,
                                 const std::string& server_name, long error) {
  const std::unique_ptr<X509, Freed<X509_free>> certificate(SSL_get1_peer_certificate(&ssl));
  CertificateFacts facts;
  if (certificate != nullptr) {
    if (absl::StatusOr<CertificateFacts> read = ReadCertificate(PemOf(certificate.get()));
        read.ok()) {
      facts = *std::move(read);
    }
  }
  const auto refuse = [&](const std::string& what) {
    return absl::UnauthenticatedError(
        fmt::format("the certificate of {} ({}) {}", server, facts.subject, what));
  };
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return refuse(fmt::format("has expired (its end: {}); renew it there",
                                FormatUnixSeconds(facts.not_after_unix_s)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return refuse(fmt::format("is not valid before {}; check the clocks",
                                FormatUnixSeconds(facts.not_before_unix_s)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return refuse(fmt::format(
          "is for another name than {}: it names {}; ask for it by such a name, or say which is "
          "meant (TLS_SERVER_NAME, --server-name)",
          server_name,
          facts.dns_names.empty() ? "no DNS name"
                                  : fmt::format("{}", fmt::join(facts.dns_names, ", "))));
    default:
      return refuse(
          fmt::format("is not signed by an authority that is trusted here ({}); check "
                      "the CA file",
                      X509_verify_cert_error_string(error)));
  }
}

}  // namespace

absl::Status CheckHandshake(const std::string& server, const std::string& expected_name,
                            const TlsMaterial& material, std::chrono::milliseconds patience) {
  const std::optional<HostPort> address = ParseHostPort(server);
  if (!address.has_value()) {
    return absl::UnavailableError(fmt::format("{} is no HOST:PORT", server));
  }
  const std::string& server_name = expected_name.empty() ? address->host : expected_name;
  ASSIGN_OR_RETURN(const FileDescriptor socket, Connect(*address, patience));
  const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  const std::unique_ptr<BIO, Freed<BIO_free_all>> authorities(BIO_new_mem_buf(
      material.authorities_pem.data(), static_cast<int>(material.authorities_pem.size())));
  X509_STORE* const store = SSL_CTX_get_cert_store(context.get());
  while (X509* const authority = PEM_read_bio_X509(authorities.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(store, authority);
    X509_free(authority);
  }
  const std::unique_ptr<SSL, Freed<SSL_free>> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), socket.get());
  // To the end whatever is found, since a certificate that failed is not kept for looking at.
  // Nothing is sent or believed on this connection.
  SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
  if (IpAddress::Parse(server_name).ok()) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), server_name.c_str());
  } else {
    SSL_set1_host(ssl.get(), server_name.c_str());
    // As SSL_set_tlsext_host_name, whose macro casts in the style of C.
    std::string name = server_name;
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }
  constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(ssl.get(), kHttp2, sizeof(kHttp2));
  ERR_clear_error();
  const int connected = SSL_connect(ssl.get());
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  if (connected == 1) {
    const long verified = SSL_get_verify_result(ssl.get());
    return verified == X509_V_OK ? absl::OkStatus()
                                 : ExplainVerification(*ssl, server, server_name, verified);
  }
  return absl::UnauthenticatedError(fmt::format(
      "{} answers, but not in TLS ({}); either it is no correlator with certificates, or its "
      "connection limit is reached (MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS)",
      server,
      error == 0 ? "it closed the connection or said nothing" : ERR_reason_error_string(error)));
}

}  // namespace audio_latency
