#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/status/status_macros.h"
#include "correlator/endpoints/endpoint_directory.h"

namespace audio_latency::correlator {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

// A file with this text, removed at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    char name[] = "/tmp/endpoint_file_test_XXXXXX";
    const int file = mkstemp(name);
    REQUIRE(file >= 0);
    close(file);
    path_ = name;
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Endpoint Resolve(const EndpointDirectory& directory, const char* address) {
  EndpointQuery query;
  query.address = *IpAddress::Parse(address);
  return directory.Resolve(query).endpoint;
}

std::string ErrorOf(const std::string& text) {
  const TemporaryFile file(text);
  const auto directory = LoadEndpointFile(file.path());
  REQUIRE_FALSE(directory.ok());
  const std::string message = Message(directory.status());
  CHECK_THAT(message, StartsWith(file.path() + ":"));
  return message.substr(file.path().size() + 1);
}

TEST_CASE("An endpoint file names addresses, others come back as themselves") {
  const TemporaryFile file(
      "endpoints:\n"
      "  - address: 10.0.1.5\n"
      "    pod: ingress-1\n"
      "    namespace: voice\n"
      "    workload: ingress\n"
      "    workload_kind: Deployment\n"
      "    node: node-a\n"
      "  - {address: 'fd00::5', pod: egress-3}\n"
      "  - {address: 10.96.0.7, service: voice-in, namespace: voice}\n");
  const auto directory = LoadEndpointFile(file.path());
  REQUIRE(directory.ok());
  const Endpoint ingress = Resolve(**directory, "10.0.1.5");
  CHECK(ingress.pod == "ingress-1");
  CHECK(ingress.namespace_name == "voice");
  CHECK(ingress.workload_kind == "Deployment");
  CHECK(ingress.node == "node-a");
  CHECK(ingress.PathName() == "ingress");
  CHECK(Resolve(**directory, "fd00::5").PathName() == "egress-3");
  const Endpoint unknown = Resolve(**directory, "10.9.9.9");
  CHECK(unknown.pod.empty());
  const Endpoint service = Resolve(**directory, "10.96.0.7");
  CHECK(service.service == "voice-in");
  CHECK(service.namespace_name == "voice");
  CHECK(service.PathName() == "voice-in");
  CHECK(unknown.PathName() == "10.9.9.9");
}

TEST_CASE("A path shows the best name that an endpoint has") {
  Endpoint endpoint;
  endpoint.address = *IpAddress::Parse("10.0.1.5");
  endpoint.node = "node-b";
  CHECK(endpoint.PathName() == "10.0.1.5");
  endpoint.ambiguous = true;
  CHECK(endpoint.PathName() == "node-b (host)");
  endpoint.service = "voice-in";
  CHECK(endpoint.PathName() == "voice-in");
  endpoint.pod = "processor-7d9f";
  CHECK(endpoint.PathName() == "processor-7d9f");
  endpoint.workload = "processor";
  CHECK(endpoint.PathName() == "processor");
}

TEST_CASE("An empty endpoint file knows no names") {
  for (const char* const text : {"", "endpoints:\n", "# nothing yet\n"}) {
    const TemporaryFile file(text);
    const auto directory = LoadEndpointFile(file.path());
    REQUIRE(directory.ok());
    CHECK(Resolve(**directory, "10.0.1.5").PathName() == "10.0.1.5");
  }
  CHECK(Resolve(*MakeEmptyDirectory(), "::1").PathName() == "::1");
}

TEST_CASE("What is wrong in an endpoint file is told with its line") {
  CHECK_THAT(ErrorOf("endpoints:\n  - address: 10.0.1.5\n    namspace: x\n"),
             StartsWith("3: ") && Contains("'namspace'") && EndsWith("did you mean 'namespace'?"));
  CHECK_THAT(ErrorOf("endpoint: []\n"), StartsWith("1: ") && Contains("did you mean 'endpoints'?"));
  CHECK_THAT(ErrorOf("endpoints:\n  - pod: a\n"), StartsWith("2: ") && Contains("address"));
  CHECK_THAT(ErrorOf("endpoints:\n  - address: 10.0.1\n"), StartsWith("2: ") && Contains("10.0.1"));
  CHECK_THAT(ErrorOf("endpoints:\n  - address: 10.0.1.5\n  - address: 10.0.1.5\n"),
             StartsWith("3: ") && Contains("10.0.1.5") && Contains("line 2"));
  CHECK_THAT(ErrorOf("endpoints: 5\n"), StartsWith("1: ") && Contains("list"));
  CHECK_THAT(ErrorOf("endpoints:\n  - 10.0.1.5\n"), StartsWith("2: ") && Contains("map"));
  CHECK_THAT(ErrorOf("endpoints:\n  - address: [1]\n"), StartsWith("2: "));
  CHECK_THAT(ErrorOf("endpoints:\n  - {address: 10.96.0.7, service: a, pod: b}\n"),
             StartsWith("2: ") && Contains("service"));
  CHECK_THAT(ErrorOf("endpoints: [\n"), StartsWith("2: ") || StartsWith("1: "));
  CHECK_THAT(ErrorOf("- a\n"), StartsWith("1: "));
}

TEST_CASE("What is wrong is told in one line, whatever the file holds") {
  const std::string message = ErrorOf("\"a\\nb\\e[31m\": x\n");
  CHECK_THAT(message, Contains("a\\x0ab\\x1b[31m"));
  CHECK_THAT(message, !Contains("\n"));
}

TEST_CASE("An endpoint file that is not there, or is a folder, is told by name") {
  const auto missing = LoadEndpointFile("/nonexistent/endpoints.yaml");
  REQUIRE_FALSE(missing.ok());
  CHECK_THAT(Message(missing.status()),
             Contains("/nonexistent/endpoints.yaml") && Contains("No such file"));
  const auto folder = LoadEndpointFile("/tmp");
  REQUIRE_FALSE(folder.ok());
  CHECK_THAT(Message(folder.status()), Contains("/tmp is a folder"));
}

}  // namespace
}  // namespace audio_latency::correlator
