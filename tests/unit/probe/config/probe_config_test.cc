#include "probe/config/probe_config.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "common/status/status_macros.h"

namespace audio_latency::probe {
namespace {

using Environment = std::map<std::string, std::string>;

absl::StatusOr<std::optional<ProbeConfig>> Parse(const Environment& environment,
                                                 std::vector<const char*> arguments = {}) {
  return ParseProbeConfig(arguments, environment, "host-1");
}

ProbeConfig MustParse(const Environment& environment, std::vector<const char*> arguments = {}) {
  auto config = Parse(environment, std::move(arguments));
  REQUIRE(config.ok());
  REQUIRE(config->has_value());
  return **config;
}

TEST_CASE("the defaults are the documented ones") {
  const ProbeConfig config = MustParse({});
  CHECK(config.interfaces == std::vector<std::string>{"auto"});
  CHECK(config.tc_attach == TcAttach::kAuto);
  CHECK(config.tcx_order == TcxOrder::kHead);
  CHECK(config.audio_ports.empty());
  CHECK(config.signature.window_size_bytes == 64);
  CHECK(config.signature.rate_bytes == 256);
  CHECK(config.signature.algorithm == "xxhash");
  CHECK(config.silence_threshold == 256);
  CHECK(config.max_flows == 10000);
  CHECK(config.flow_timeout_ns == 30'000'000'000);
  CHECK(config.ring_bytes == 4 << 20);
  CHECK(config.node_name == "host-1");
  CHECK(config.correlator_address == "localhost:9095");
  CHECK(config.correlator_port == 9095);
  CHECK(config.metrics_address == "0.0.0.0");
  CHECK(config.metrics_port == 9090);
  CHECK(config.log_level == LogLevel::kInfo);
}

TEST_CASE("an order among tcx programs is doubtful without tcx") {
  CHECK(MustParse({{"TC_ATTACH", "tcx"}, {"TCX_ORDER", "tail"}}).warnings.empty());
  CHECK(MustParse({{"TC_ATTACH", "clsact"}}).warnings.empty());
  const ProbeConfig config = MustParse({{"TC_ATTACH", "clsact"}, {"TCX_ORDER", "tail"}});
  REQUIRE(config.warnings.size() == 1);
  CHECK_THAT(config.warnings[0], Catch::Contains("TCX_ORDER") && Catch::Contains("TC_ATTACH"));
}

TEST_CASE("every option arrives") {
  const ProbeConfig config = MustParse({{"INTERFACE", "eth0,veth*"},
                                        {"TC_ATTACH", "clsact"},
                                        {"TCX_ORDER", "tail"},
                                        {"AUDIO_PORTS", "8080,10000-20000"},
                                        {"SIGNATURE_WINDOW_SIZE", "256"},
                                        {"SIGNATURE_RATE", "1024"},
                                        {"SIGNATURE_ALGORITHM", "crc32"},
                                        {"SIGNATURE_SEED", "secret"},
                                        {"SILENCE_THRESHOLD", "0"},
                                        {"MAX_FLOWS", "5"},
                                        {"FLOW_TIMEOUT_MS", "500"},
                                        {"PERF_BUFFER_SIZE", "16"},
                                        {"K8S_NODE_NAME", "worker-1"},
                                        {"CORRELATOR_ADDRESS", "[fd00::1]:7000"},
                                        {"TLS_CERT_FILE", "c.pem"},
                                        {"TLS_KEY_FILE", "k.pem"},
                                        {"TLS_CA_FILE", "ca.pem"},
                                        {"TLS_SERVER_NAME", "correlator"},
                                        {"METRICS_ADDRESS", "127.0.0.1"},
                                        {"METRICS_PORT", "0"},
                                        {"LOG_LEVEL", "debug"}});
  CHECK(config.interfaces == std::vector<std::string>{"eth0", "veth*"});
  CHECK(config.tc_attach == TcAttach::kClsact);
  CHECK(config.tcx_order == TcxOrder::kTail);
  CHECK(config.audio_ports.Contains(15000));
  CHECK(config.signature.window_size_bytes == 256);
  CHECK(config.signature.rate_bytes == 1024);
  CHECK(config.signature.algorithm == "crc32");
  CHECK(config.signature.seed_text == "secret");
  CHECK(config.silence_threshold == 0);
  CHECK(config.max_flows == 5);
  CHECK(config.flow_timeout_ns == 500'000'000);
  CHECK(config.ring_bytes == 16 * 4096);
  CHECK(config.node_name == "worker-1");
  CHECK(config.tls.use_tls());
  CHECK(config.tls.files.certificate == "c.pem");
  CHECK(config.tls.files.key == "k.pem");
  CHECK(config.tls.files.authorities == "ca.pem");
  CHECK(config.tls_server_name == "correlator");
  CHECK(config.correlator_address == "[fd00::1]:7000");
  CHECK(config.correlator_port == 7000);
  CHECK(config.metrics_address == "127.0.0.1");
  CHECK(config.metrics_port == 0);
  CHECK(config.log_level == LogLevel::kDebug);
}

TEST_CASE("a flag goes before the environment") {
  const ProbeConfig config =
      MustParse({{"INTERFACE", "eth0"}, {"METRICS_PORT", "1"}}, {"--metrics-port", "2"});
  CHECK(config.metrics_port == 2);
  CHECK(config.interfaces == std::vector<std::string>{"eth0"});
}

TEST_CASE("the seed is not among what is logged") {
  const ProbeConfig config = MustParse({{"SIGNATURE_SEED", "swordfish"}});
  bool named = false;
  for (const auto& [name, text] : config.effective) {
    CHECK(text.find("swordfish") == std::string::npos);
    named = named || name == "SIGNATURE_SEED";
  }
  CHECK(named);
}

TEST_CASE("bad values are refused in one line that names the option") {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"SIGNATURE_WINDOW_SIZE", "8"},
      {"SIGNATURE_WINDOW_SIZE", "2048"},
      {"SIGNATURE_RATE", "300"},
      {"SIGNATURE_ALGORITHM", "md5"},
      {"PERF_BUFFER_SIZE", "1000"},
      {"AUDIO_PORTS", "70000"},
      {"CORRELATOR_ADDRESS", "nowhere"},
      {"CORRELATOR_ADDRESS", ":9095"},
      {"CORRELATOR_ADDRESS", "fd00::1:9"},
      {"CORRELATOR_ADDRESS", "host:0"},
      {"TC_ATTACH", "xdp"},
      {"MAX_FLOWS", "0"},
      {"FLOW_TIMEOUT_MS", "-1"},
      {"METRICS_PORT", "port"},
      {"LOG_LEVEL", "loud"},
      {"SILENCE_THRESHOLD", "40000"},
  };
  for (const auto& [name, text] : bad) {
    INFO(name << "=" << text);
    const auto config = Parse({{name, text}});
    REQUIRE_FALSE(config.ok());
    const std::string message = Message(config.status());
    CHECK_THAT(message, Catch::Contains(name));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("audio on the correlator's own port is doubted") {
  CHECK(MustParse({{"AUDIO_PORTS", "8080"}}).warnings.empty());
  const ProbeConfig config = MustParse({{"AUDIO_PORTS", "9000-9100"}});
  REQUIRE(config.warnings.size() == 1);
  CHECK_THAT(config.warnings[0], Catch::Contains("9095"));
}

}  // namespace
}  // namespace audio_latency::probe
