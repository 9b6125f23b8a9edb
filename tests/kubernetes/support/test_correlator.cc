#include "tests/kubernetes/support/test_correlator.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <httplib.h>

#include <chrono>
#include <utility>

#include "tests/kubernetes/api_server/free_port.h"
#include "tests/lab/demo/ledger.h"
#include "tests/lab/lab_test.h"
#include "tests/support/eventually.h"

namespace audio_latency::lab {
namespace {

using testing::Eventually;

constexpr char kLoopback[] = "127.0.0.1";

Process StartCorrelator(std::map<std::string, std::string> environment, uint16_t grpc_port,
                        uint16_t http_port, const std::string& log_path) {
  environment.insert({{"GRPC_ADDRESS", kLoopback},
                      {"GRPC_PORT", std::to_string(grpc_port)},
                      {"METRICS_ADDRESS", kLoopback},
                      {"METRICS_PORT", std::to_string(http_port)},
                      {"TLS", "off"}});
  ProcessOptions options;
  options.arguments = {BuiltProgram("audio-latency-correlator")};
  options.environment = std::move(environment);
  options.log_path = log_path;
  return Require(Process::Start(options));
}

}  // namespace

TestCorrelator::TestCorrelator(std::map<std::string, std::string> environment)
    : grpc_port_(Require(FreePort(nullptr, kLoopback))),
      http_port_(Require(FreePort(nullptr, kLoopback))),
      process_(StartCorrelator(std::move(environment), grpc_port_, http_port_,
                               folder_.path() + "/correlator.log")),
      stub_(v1::LatencyService::NewStub(
          grpc::CreateChannel(address(), grpc::InsecureChannelCredentials()))) {
  const bool answers =
      Eventually([this] { return !process_.IsRunning() || Get("/healthz").status == 200; });
  INFO(Log());
  REQUIRE(answers);
  REQUIRE(process_.IsRunning());
}

std::string TestCorrelator::address() const { return fmt::format("{}:{}", kLoopback, grpc_port_); }

TestCorrelator::Page TestCorrelator::Get(const std::string& path) const {
  httplib::Client client(kLoopback, http_port_);
  client.set_read_timeout(10);
  const httplib::Result result = client.Get(path.c_str());
  return result ? Page{result->status, result->body} : Page{};
}

double TestCorrelator::Metric(const std::string& sample) const {
  const std::string page = Get("/metrics").body;
  return sample.find('{') == std::string::npos ? SumOn(page, sample) : MetricOn(page, sample);
}

std::string TestCorrelator::Log() const { return ReadFile(folder_.path() + "/correlator.log"); }

bool TestCorrelator::LogsWithin(const std::string& text, std::chrono::seconds limit) const {
  return Eventually([&] { return Log().find(text) != std::string::npos; }, limit);
}

std::optional<v1::Trace> TestCorrelator::TraceOf(const std::string& signature) const {
  v1::TraceSignatureRequest request;
  request.set_signature(signature);
  v1::TraceSignatureResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  const grpc::Status status = stub_->TraceSignature(&context, request, &response);
  if (!status.ok() || response.traces().empty()) {
    return std::nullopt;
  }
  return response.traces(response.traces_size() - 1);
}

v1::Trace TraceOfOnePiece(const TestCorrelator& correlator, TestNodes* nodes,
                          const Conversation& conversation) {
  constexpr std::chrono::seconds kForOnePiece(2);
  std::optional<v1::Trace> trace;
  const bool was_told = Eventually([&] {
    const std::string signature = nodes->Send(conversation);
    return Eventually([&] { return (trace = correlator.TraceOf(signature)).has_value(); },
                      kForOnePiece);
  });
  INFO(correlator.Log());
  REQUIRE(was_told);
  return *trace;
}

std::string NameOf(const v1::Endpoint& endpoint) {
  if (endpoint.pod().empty() && endpoint.workload().empty()) {
    return endpoint.address();
  }
  return fmt::format("{} ({})", endpoint.workload(), endpoint.pod());
}

std::string SourceOf(const v1::Trace& trace) { return NameOf(trace.points(0).source()); }

std::string DestinationOf(const v1::Trace& trace) { return NameOf(trace.points(0).destination()); }

}  // namespace audio_latency::lab
