// An API server in this process, over real TLS: lists in pages and watches, and every way to fail.

#ifndef TESTS_UNIT_CORRELATOR_KUBERNETES_FAKE_API_SERVER_H_
#define TESTS_UNIT_CORRELATOR_KUBERNETES_FAKE_API_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "correlator/kubernetes/api_object.h"
#include "correlator/kubernetes/cluster_access.h"
#include "nlohmann/json.hpp"
#include "tests/unit/common/tls/test_authority.h"

namespace audio_latency::correlator::testing {

// Thread-safe.
class FakeApiServer {
 public:
  struct Request {
    Resource resource = Resource::kPods;
    bool is_watch = false;
    // "" where the query has none.
    std::string resource_version;
    std::string limit;
    std::string continue_token;
    std::string accept;
    std::string authorization;
  };

  // `names` as of openssl: of the server's certificate.
  explicit FakeApiServer(const std::string& names = "IP:127.0.0.1");
  ~FakeApiServer();
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  // Who trusts this server's authority.
  ClusterAccess Access() const;
  const TestAuthority& authority() const;
  uint16_t port() const;

  // The next object of a watch and a list; an object is known by its UID.
  void Put(Resource resource, const nlohmann::json& object);
  void Delete(Resource resource, const nlohmann::json& object);
  // What is told in a list or a watch as it is; it has no resource version.
  void PutText(Resource resource, const std::string& text);
  // A line of all watches of it.
  void Send(Resource resource, const std::string& line);
  void Bookmark(Resource resource);
  // Ends all watches in the midst, without a word.
  void CutWatches();
  // Versions up to the present one are too old from now on: watches from one get 410, as status or
  // as an event; so do pages of lists that were begun before.
  void ForgetVersions(bool by_event);
  // All watches are told that their version is too old.
  void ExpireWatches();
  // All questions about it get this status; 0: none does.
  void Refuse(Resource resource, int status);
  // Watches alone.
  void RefuseWatches(Resource resource, int status);
  // Questions without this token get 401; "": none is needed.
  void RequireToken(const std::string& token);
  // Lists of it come in small pieces, that far apart, and never end.
  void Dawdle(Resource resource, bool is_slow);

  std::vector<Request> requests() const;
  int Count(Resource resource, bool is_watch) const;
  // Watches that are served now.
  int open_watches() const;
  // Of the newest change.
  std::string version() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace audio_latency::correlator::testing

#endif  // TESTS_UNIT_CORRELATOR_KUBERNETES_FAKE_API_SERVER_H_
