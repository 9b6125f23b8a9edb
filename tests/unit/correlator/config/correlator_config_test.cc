#include "correlator/config/correlator_config.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "common/status/status_macros.h"

namespace audio_latency::correlator {
namespace {

using Catch::Matchers::Contains;
using Environment = std::map<std::string, std::string>;

TEST_CASE("The defaults are those that are documented") {
  const auto config = ParseCorrelatorConfig({}, {{"TLS", "off"}}, 6);
  REQUIRE(config.ok());
  REQUIRE(config->has_value());
  CHECK((*config)->grpc_port == 9095);
  CHECK((*config)->metrics_port == 9090);
  CHECK((*config)->matching.threads == 4);
  CHECK_FALSE((*config)->metrics_by_workload);
  CHECK((*config)->signature_log.share == 0);
  CHECK((*config)->matching.matcher.hold_ns == 600'000'000);
  CHECK((*config)->matching.matcher.table_events == 1u << 22);
  CHECK((*config)->matching.matcher.decision.window_ns == 10'000'000'000);
  CHECK((*config)->signature.window_size_bytes == 64);
  CHECK((*config)->signature.rate_bytes == 256);
  CHECK((*config)->signature.algorithm == "xxhash");
}

TEST_CASE("Names come from Kubernetes where there is one, unless told otherwise") {
  const Environment outside = {{"TLS", "off"}};
  CHECK_FALSE((*ParseCorrelatorConfig({}, outside, 1))->cluster.has_value());
  CHECK_FALSE((*ParseCorrelatorConfig({}, outside, 1))->is_cluster_required);

  const auto parse = [](const std::string& mode) {
    return ParseCorrelatorConfig(
        {}, {{"TLS", "off"}, {"K8S_ENABLED", mode}, {"KUBECONFIG", "/nowhere/config"}}, 1);
  };
  CHECK(!(*parse("false"))->cluster.has_value());
  for (const char* const mode : {"auto", "true"}) {
    CHECK_THAT(Message(parse(mode).status()),
               Contains("KUBECONFIG") && Contains("/nowhere/config"));
  }
  CHECK_THAT(Message(parse("yes").status()), Contains("auto") && Contains("false"));
  CHECK_THAT(
      Message(ParseCorrelatorConfig({}, {{"TLS", "off"}, {"K8S_ENABLED", "true"}}, 1).status()),
      Contains("KUBECONFIG"));
}

TEST_CASE("There is a matcher a core, but no more than learn well, unless told so") {
  const Environment none = {{"GRPC_ADDRESS", "::1"}};
  CHECK((*ParseCorrelatorConfig({}, none, 0))->matching.threads == 1);
  CHECK((*ParseCorrelatorConfig({}, none, 2))->matching.threads == 2);
  CHECK((*ParseCorrelatorConfig({}, none, 64))->matching.threads == 4);
  CHECK((*ParseCorrelatorConfig({}, {{"TLS", "off"}, {"MATCHER_THREADS", "16"}}, 64))
            ->matching.threads == 16);
}

TEST_CASE("Every option arrives where it belongs") {
  const Environment environment = {{"GRPC_ADDRESS", "127.0.0.1"},
                                   {"GRPC_PORT", "1"},
                                   {"METRICS_ADDRESS", "127.0.0.2"},
                                   {"METRICS_PORT", "2"},
                                   {"LOG_LEVEL", "debug"},
                                   {"ENDPOINTS_FILE", "a.yaml"},
                                   {"SIGNATURE_WINDOW_SIZE", "128"},
                                   {"SIGNATURE_RATE", "512"},
                                   {"SIGNATURE_ALGORITHM", "crc32"},
                                   {"SIGNATURE_SEED", "secret"},
                                   {"MATCH_WINDOW_MS", "20000"},
                                   {"MATCH_HOLD_MS", "500"},
                                   {"MATCH_TABLE_EVENTS", "4096"},
                                   {"MATCH_LOCK_TOLERANCE_MS", "100"},
                                   {"MATCHER_THREADS", "3"},
                                   {"MAX_FLOWS", "4"},
                                   {"MAX_PROBES", "5"},
                                   {"MAX_SERIES", "6"},
                                   {"METRIC_LABELS", "workload"},
                                   {"LOG_SIGNATURES", "0.25"},
                                   {"LOG_SIGNATURES_PER_SECOND", "7"}};
  const auto parsed = ParseCorrelatorConfig({}, environment, 1);
  REQUIRE(parsed.ok());
  const CorrelatorConfig& config = **parsed;
  CHECK(config.grpc_address == "127.0.0.1");
  CHECK(config.grpc_port == 1);
  CHECK(config.metrics_address == "127.0.0.2");
  CHECK(config.metrics_port == 2);
  CHECK(config.log_level == LogLevel::kDebug);
  CHECK(config.endpoints_file == "a.yaml");
  CHECK(config.signature.window_size_bytes == 128);
  CHECK(config.signature.rate_bytes == 512);
  CHECK(config.signature.algorithm == "crc32");
  CHECK(config.signature.seed_text == "secret");
  CHECK(config.matching.threads == 3);
  CHECK(config.matching.matcher.hold_ns == 500'000'000);
  CHECK(config.matching.matcher.table_events == 4096);
  CHECK(config.matching.matcher.decision.window_ns == 20'000'000'000);
  CHECK(config.matching.matcher.decision.link.memory_ns == 20'000'000'000);
  CHECK(config.matching.matcher.decision.link.tolerance_ns == 100'000'000);
  CHECK(config.max_flows == 4);
  CHECK(config.max_probes == 5);
  CHECK(config.max_series == 6);
  CHECK(config.metrics_by_workload);
  CHECK(config.signature_log.share == 0.25);
  CHECK(config.signature_log.max_lines_per_second == 7);
  // The startup line shows everything but the secret.
  for (const auto& [name, text] : config.effective) {
    CHECK(text.find("secret") == std::string::npos);
  }
}

TEST_CASE("There is room for the connections of all probes unless told otherwise, with a warning") {
  const auto parse = [](Environment environment) {
    environment["GRPC_ADDRESS"] = "::1";
    return **ParseCorrelatorConfig({}, environment, 1);
  };
  const CorrelatorConfig by_default = parse({});
  CHECK(by_default.connections.max_connections == 2256);
  CHECK(by_default.connections.max_connections_per_address == 2256);
  const CorrelatorConfig large = parse({{"MAX_PROBES", "5000"}});
  CHECK(large.connections.max_connections == 10'256);
  CHECK(large.connections.max_connections_per_address == 10'256);
  CHECK(large.warnings.empty());
  const CorrelatorConfig few = parse({{"MAX_CONNECTIONS", "900"}});
  CHECK(few.connections.max_connections_per_address == 900);
  REQUIRE(few.warnings.size() == 2);
  CHECK_THAT(few.warnings[0], Contains("MAX_CONNECTIONS=900"));
  const CorrelatorConfig few_of_one = parse({{"MAX_CONNECTIONS_PER_ADDRESS", "999"}});
  CHECK(few_of_one.connections.max_connections_per_address == 999);
  REQUIRE(few_of_one.warnings.size() == 1);
  CHECK_THAT(few_of_one.warnings[0], Contains("MAX_CONNECTIONS_PER_ADDRESS=999"));
}

TEST_CASE("Bad values are refused by name") {
  const std::pair<std::string, std::string> bad_values[] = {
      {"GRPC_PORT", "65536"},         {"SIGNATURE_RATE", "100"}, {"SIGNATURE_RATE", "1048576"},
      {"SIGNATURE_ALGORITHM", "md5"}, {"MATCH_WINDOW_MS", "5"},  {"MATCHER_THREADS", "-1"},
      {"LOG_LEVEL", "loud"},          {"MAX_PROBES", "0"},       {"METRIC_LABELS", "node"},
      {"LOG_SIGNATURES", "1.5"},      {"LOG_SIGNATURES", "all"}, {"LOG_SIGNATURES", "nan"}};
  for (const auto& [name, value] : bad_values) {
    const auto config = ParseCorrelatorConfig({}, {{name, value}}, 1);
    CAPTURE(name, value);
    REQUIRE_FALSE(config.ok());
    CHECK_THAT(Message(config.status()), Contains(name));
  }
  const auto hold = ParseCorrelatorConfig(
      {}, {{"TLS", "off"}, {"MATCH_WINDOW_MS", "1000"}, {"MATCH_HOLD_MS", "1001"}}, 1);
  REQUIRE_FALSE(hold.ok());
  CHECK_THAT(Message(hold.status()), Contains("MATCH_HOLD_MS is 1001"));
  const char* const arguments[] = {"--match-windw-ms", "5000"};
  const auto config = ParseCorrelatorConfig(arguments, {}, 1);
  REQUIRE_FALSE(config.ok());
  CHECK_THAT(Message(config.status()), Contains("--match-window-ms"));
}

}  // namespace
}  // namespace audio_latency::correlator
