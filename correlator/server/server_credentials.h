// gRPC's side of TLS and of the call gate.

#ifndef CORRELATOR_SERVER_SERVER_CREDENTIALS_H_
#define CORRELATOR_SERVER_SERVER_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "common/tls/tls_store.h"
#include "correlator/server/call_gate.h"

namespace audio_latency::correlator {

// Credentials whose every call `gate` judges. With `tls` the server speaks TLS 1.2 or later by what
// the store holds at each handshake; without, plain text. Both must outlive the server.
//
// TLS asks for the client's certificate and proves that the client has its key; whether the
// certificate is good is the gate's to judge. So a client with a bad one is told why by a status,
// and the refusal is counted by its cause, which gRPC would not tell of a handshake that fails.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsStore* tls,
                                                               const CallGate* gate);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_SERVER_SERVER_CREDENTIALS_H_
