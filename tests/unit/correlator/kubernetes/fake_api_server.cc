#include "tests/unit/correlator/kubernetes/fake_api_server.h"

#include <httplib.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common/tls/freed.h"
#include "fmt/format.h"

namespace audio_latency::correlator::testing {
namespace {

using nlohmann::json;

constexpr size_t kThreads = 32;

std::string GoneText() {
  return json{{"kind", "Status"},
              {"status", "Failure"},
              {"message", "too old resource version"},
              {"reason", "Expired"},
              {"code", 410}}
      .dump();
}

}  // namespace

struct FakeApiServer::Parts {
  struct Line {
    int64_t version = 0;
    std::string text;
  };
  struct Kind {
    // Texts by UID.
    std::map<std::string, std::string> objects;
    std::vector<Line> lines;
    int refusal = 0;
    int watch_refusal = 0;
    bool is_slow = false;
  };

  TestAuthority authority{"fake cluster"};
  std::unique_ptr<httplib::SSLServer> server;
  int port = 0;
  std::thread thread;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::array<Kind, kResources.size()> kinds;
  int64_t version = 1000;
  int64_t oldest_version = 0;
  bool gone_by_event = false;
  int cuts = 0;
  int expiries = 0;
  int open_watches = 0;
  int text_count = 0;
  bool is_ending = false;
  std::string token;
  std::vector<Request> requests;

  void Answer(const ResourceFacts& facts, const httplib::Request& request,
              httplib::Response& response) {
    const std::unique_lock lock(mutex);
    Request seen{.resource = facts.resource,
                 .is_watch = request.get_param_value("watch") == "1",
                 .resource_version = request.get_param_value("resourceVersion"),
                 .limit = request.get_param_value("limit"),
                 .continue_token = request.get_param_value("continue"),
                 .accept = request.get_header_value("Accept"),
                 .authorization = request.get_header_value("Authorization")};
    requests.push_back(seen);
    Kind& kind = kinds[static_cast<size_t>(facts.resource)];
    int refusal = seen.is_watch && kind.watch_refusal != 0 ? kind.watch_refusal : kind.refusal;
    if (!token.empty() && seen.authorization != "Bearer " + token) {
      refusal = 401;
    }
    if (refusal != 0) {
      response.status = refusal;
      response.set_content(json{{"kind", "Status"},
                                {"message", fmt::format("{} is refused here", facts.plural)},
                                {"code", refusal}}
                               .dump(),
                           "application/json");
      return;
    }
    if (kind.is_slow && !seen.is_watch) {
      return Dawdle(response);
    }
    if (!seen.is_watch) {
      return List(kind, seen, response);
    }
    const int64_t from = std::stoll(seen.resource_version);
    if (from < oldest_version && !gone_by_event) {
      response.status = 410;
      response.set_content(GoneText(), "application/json");
      return;
    }
    Watch(&kind, from, response);
  }

  void List(const Kind& kind, const Request& request, httplib::Response& response) const {
    // "version:place"
    size_t begin = 0;
    int64_t of_version = version;
    if (!request.continue_token.empty()) {
      const size_t colon = request.continue_token.find(':');
      of_version = std::stoll(request.continue_token.substr(0, colon));
      begin = std::stoul(request.continue_token.substr(colon + 1));
      if (of_version < oldest_version) {
        response.status = 410;
        response.set_content(GoneText(), "application/json");
        return;
      }
    }
    const size_t limit = request.limit.empty() ? kind.objects.size() : std::stoul(request.limit);
    const size_t end = std::min(kind.objects.size(), begin + limit);
    std::string text = fmt::format(
        R"({{"kind":"List","metadata":{{"resourceVersion":"{}"{}}},"items":[)", of_version,
        end < kind.objects.size() ? fmt::format(R"(,"continue":"{}:{}")", of_version, end) : "");
    auto object = std::next(kind.objects.begin(), static_cast<std::ptrdiff_t>(begin));
    for (size_t i = begin; i < end; ++i, ++object) {
      text += (i == begin ? "" : ",\n") + object->second;
    }
    response.set_content(text + "]}", "application/json");
  }

  void Dawdle(httplib::Response& response) {
    response.set_chunked_content_provider(
        "application/json", [this](size_t offset, httplib::DataSink& sink) {
          std::unique_lock lock(mutex);
          const bool ends =
              changed.wait_for(lock, std::chrono::milliseconds(20), [this] { return is_ending; });
          const std::string_view piece = offset == 0 ? R"({"items":[)" : " ";
          return !ends && sink.write(piece.data(), piece.size());
        });
  }

  void Watch(Kind* kind, int64_t from, httplib::Response& response) {
    ++open_watches;
    response.set_chunked_content_provider(
        "application/json",
        [this, kind, from, at_cut = cuts, at_expiry = expiries](size_t,
                                                                httplib::DataSink& sink) mutable {
          std::unique_lock lock(mutex);
          const auto next = [&] {
            return std::find_if(kind->lines.begin(), kind->lines.end(),
                                [&](const Line& line) { return line.version > from; });
          };
          const bool is_too_old = from < oldest_version && gone_by_event;
          changed.wait(lock, [&] {
            return is_ending || cuts != at_cut || expiries != at_expiry || is_too_old ||
                   next() != kind->lines.end();
          });
          if (is_ending || cuts != at_cut) {
            return false;
          }
          if (is_too_old || expiries != at_expiry) {
            const std::string line = fmt::format(R"({{"type":"ERROR","object":{}}})", GoneText());
            sink.write((line + "\n").data(), line.size() + 1);
            sink.done();
            return true;
          }
          const Line line = *next();
          from = line.version;
          lock.unlock();
          return sink.write((line.text + "\n").data(), line.text.size() + 1);
        },
        [this](bool) {
          const std::unique_lock lock(mutex);
          --open_watches;
        });
  }

  void Change(Resource resource, const std::string& type, json object, bool is_there) {
    const std::unique_lock lock(mutex);
    Kind& kind = kinds[static_cast<size_t>(resource)];
    object["metadata"]["resourceVersion"] = std::to_string(++version);
    const std::string uid = object["metadata"]["uid"];
    const bool is_known = kind.objects.erase(uid) != 0;
    if (is_there) {
      kind.objects.emplace(uid, object.dump());
    }
    kind.lines.push_back(
        {.version = version,
         .text =
             json{{"type", is_there && is_known ? "MODIFIED" : type}, {"object", object}}.dump()});
    changed.notify_all();
  }
};

FakeApiServer::FakeApiServer(const std::string& names) : parts_(std::make_unique<Parts>()) {
  const IssuedCertificate own =
      parts_->authority.Issue({.common_name = "kube-apiserver", .alternative_names = names});
  parts_->server = std::make_unique<httplib::SSLServer>([&](SSL_CTX& context) {
    const std::unique_ptr<BIO, Freed<BIO_free_all>> certificate(
        BIO_new_mem_buf(own.certificate_pem.data(), static_cast<int>(own.certificate_pem.size())));
    const std::unique_ptr<X509, Freed<X509_free>> leaf(
        PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
    const std::unique_ptr<BIO, Freed<BIO_free_all>> key_text(
        BIO_new_mem_buf(own.key_pem.data(), static_cast<int>(own.key_pem.size())));
    const std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>> key(
        PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    return SSL_CTX_use_certificate(&context, leaf.get()) == 1 &&
           SSL_CTX_use_PrivateKey(&context, key.get()) == 1;
  });
  httplib::SSLServer& server = *parts_->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_keep_alive_timeout(1);
  for (const ResourceFacts& facts : kResources) {
    server.Get(std::string(facts.path),
               [this, &facts](const httplib::Request& request, httplib::Response& response) {
                 parts_->Answer(facts, request, response);
               });
  }
  parts_->port = server.bind_to_any_port("127.0.0.1");
  if (parts_->port <= 0) {
    throw std::logic_error("no port for the API server");
  }
  parts_->thread = std::thread([this] { parts_->server->listen_after_bind(); });
  while (!server.is_running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

FakeApiServer::~FakeApiServer() {
  {
    const std::unique_lock lock(parts_->mutex);
    parts_->is_ending = true;
    parts_->changed.notify_all();
  }
  parts_->server->stop();
  parts_->thread.join();
}

ClusterAccess FakeApiServer::Access() const {
  ClusterAccess access;
  access.server = fmt::format("https://127.0.0.1:{}", parts_->port);
  access.host = "127.0.0.1";
  access.port = port();
  access.authorities.text = parts_->authority.certificate_pem();
  access.origin = "the test";
  return access;
}

const TestAuthority& FakeApiServer::authority() const { return parts_->authority; }

uint16_t FakeApiServer::port() const { return static_cast<uint16_t>(parts_->port); }

void FakeApiServer::Put(Resource resource, const json& object) {
  parts_->Change(resource, "ADDED", object, true);
}

void FakeApiServer::Delete(Resource resource, const json& object) {
  parts_->Change(resource, "DELETED", object, false);
}

void FakeApiServer::PutText(Resource resource, const std::string& text) {
  const std::unique_lock lock(parts_->mutex);
  parts_->kinds[static_cast<size_t>(resource)].objects.emplace(
      fmt::format("text-{}", ++parts_->text_count), text);
}

void FakeApiServer::Send(Resource resource, const std::string& line) {
  const std::unique_lock lock(parts_->mutex);
  parts_->kinds[static_cast<size_t>(resource)].lines.push_back(
      {.version = ++parts_->version, .text = line});
  parts_->changed.notify_all();
}

void FakeApiServer::Bookmark(Resource resource) {
  const std::unique_lock lock(parts_->mutex);
  ++parts_->version;
  parts_->kinds[static_cast<size_t>(resource)].lines.push_back(
      {.version = parts_->version,
       .text = json{{"type", "BOOKMARK"},
                    {"object",
                     {{"kind", "Pod"},
                      {"metadata", {{"resourceVersion", std::to_string(parts_->version)}}}}}}
                   .dump()});
  parts_->changed.notify_all();
}

void FakeApiServer::CutWatches() {
  const std::unique_lock lock(parts_->mutex);
  ++parts_->cuts;
  parts_->changed.notify_all();
}

void FakeApiServer::ForgetVersions(bool by_event) {
  const std::unique_lock lock(parts_->mutex);
  parts_->oldest_version = ++parts_->version;
  parts_->gone_by_event = by_event;
}

void FakeApiServer::ExpireWatches() {
  const std::unique_lock lock(parts_->mutex);
  ++parts_->expiries;
  parts_->changed.notify_all();
}

void FakeApiServer::Refuse(Resource resource, int status) {
  const std::unique_lock lock(parts_->mutex);
  parts_->kinds[static_cast<size_t>(resource)].refusal = status;
}

void FakeApiServer::RefuseWatches(Resource resource, int status) {
  const std::unique_lock lock(parts_->mutex);
  parts_->kinds[static_cast<size_t>(resource)].watch_refusal = status;
}

void FakeApiServer::RequireToken(const std::string& token) {
  const std::unique_lock lock(parts_->mutex);
  parts_->token = token;
}

void FakeApiServer::Dawdle(Resource resource, bool is_slow) {
  const std::unique_lock lock(parts_->mutex);
  parts_->kinds[static_cast<size_t>(resource)].is_slow = is_slow;
}

std::vector<FakeApiServer::Request> FakeApiServer::requests() const {
  const std::unique_lock lock(parts_->mutex);
  return parts_->requests;
}

int FakeApiServer::Count(Resource resource, bool is_watch) const {
  const std::vector<Request> all = requests();
  return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const Request& request) {
    return request.resource == resource && request.is_watch == is_watch;
  }));
}

int FakeApiServer::open_watches() const {
  const std::unique_lock lock(parts_->mutex);
  return parts_->open_watches;
}

std::string FakeApiServer::version() const {
  const std::unique_lock lock(parts_->mutex);
  return std::to_string(parts_->version);
}

}  // namespace audio_latency::correlator::testing
