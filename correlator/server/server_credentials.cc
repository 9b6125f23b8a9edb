#include "correlator/server/server_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <mutex>
#include <string>
#include <string_view>

#include "common/status/status_macros.h"

namespace audio_latency::correlator {
namespace {

std::string_view TextOf(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

std::string_view PropertyOf(const grpc_auth_context* context, const char* name) {
  grpc_auth_property_iterator found = grpc_auth_context_find_properties_by_name(context, name);
  const grpc_auth_property* const property = grpc_auth_property_iterator_next(&found);
  return property == nullptr ? std::string_view()
                             : std::string_view(property->value, property->value_length);
}

// The C interface: the C++ one has no certificates that change.
class GatedServerCredentials final : public grpc::ServerCredentials {
 public:
  GatedServerCredentials(const TlsStore* tls, const CallGate* gate) : tls_(tls) {
    credentials_ =
        tls == nullptr
            ? grpc_insecure_server_credentials_create()
            : grpc_ssl_server_credentials_create_with_options(
                  grpc_ssl_server_credentials_create_options_using_config_fetcher(
                      GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY, FetchMaterial, this));
    grpc_server_credentials_set_auth_metadata_processor(
        credentials_,
        {.process = JudgeCall, .destroy = nullptr, .state = const_cast<CallGate*>(gate)});
  }
  ~GatedServerCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {
    // The gate is the only one.
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // At the start and at each handshake.
  static grpc_ssl_certificate_config_reload_status FetchMaterial(
      void* state, grpc_ssl_server_certificate_config** config) {
    auto* const self = static_cast<GatedServerCredentials*>(state);
    const std::scoped_lock lock(self->mutex_);
    const std::shared_ptr<const TlsMaterial> material = self->tls_->Current();
    if (material == self->fetched_) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const grpc_ssl_pem_key_cert_pair pair = {.private_key = material->key_pem.c_str(),
                                             .cert_chain = material->certificate_pem.c_str()};
    *config =
        grpc_ssl_server_certificate_config_create(material->authorities_pem.c_str(), &pair, 1);
    self->fetched_ = material;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  static void JudgeCall(void* state, grpc_auth_context* context, const grpc_metadata* metadata,
                        size_t metadata_count, grpc_process_auth_metadata_done_cb done,
                        void* user_data) {
    Caller caller;
    caller.certificate_pem = PropertyOf(context, GRPC_X509_PEM_CERT_PROPERTY_NAME);
    caller.chain_pem = PropertyOf(context, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME);
    const grpc_metadata* authorization = nullptr;
    for (const grpc_metadata* entry = metadata; entry != metadata + metadata_count; ++entry) {
      if (TextOf(entry->key) == ":path") {
        caller.path = TextOf(entry->value);
      } else if (TextOf(entry->key) == "authorization") {
        caller.authorization = TextOf(entry->value);
        authorization = entry;
      }
    }
    const absl::Status status = static_cast<const CallGate*>(state)->Judge(caller);
    // The services need not know the token.
    done(user_data, authorization, authorization == nullptr ? 0 : 1, nullptr, 0,
         static_cast<grpc_status_code>(status.raw_code()), Message(status).c_str());
  }

  const TlsStore* const tls_;
  grpc_server_credentials* credentials_;
  std::mutex mutex_;
  std::shared_ptr<const TlsMaterial> fetched_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsStore* tls,
                                                               const CallGate* gate) {
  return std::make_shared<GatedServerCredentials>(tls, gate);
}

}  // namespace audio_latency::correlator
