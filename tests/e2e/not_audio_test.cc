// Without AUDIO_PORTS: speech is signed, and what runs beside it is not. Real programs, real probe.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/e2e/lone_probe.h"
#include "tests/lab/cluster.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

constexpr uint16_t kSpeechPort = 7000;
constexpr uint16_t kRtpPort = 5004;
constexpr uint16_t kWebPort = 8080;
constexpr uint16_t kBulkPort = 5201;
constexpr uint16_t kDatabasePort = 5432;
constexpr int kSeconds = 15;
constexpr char kUnprivileged[] = "65534";

// A client and a server on one node.
struct Pods {
  Pods() : cluster(Require(Cluster::Create())), node(Require(cluster->AddNode("node-a"))) {
    client = Require(cluster->AddPod(node, "client-1", "client", "shop"));
    server = Require(cluster->AddPod(node, "server-1", "server", "shop"));
  }
  std::unique_ptr<Cluster> cluster;
  Node* node = nullptr;
  Pod* client = nullptr;
  Pod* server = nullptr;
};

Process Start(const Pod& pod, const std::vector<std::string>& arguments,
              const std::string& log_path) {
  ProcessOptions options;
  options.arguments = arguments;
  options.network = &pod.network;
  options.log_path = log_path;
  options.environment = {{"LANG", "C.UTF-8"}};
  return Require(Process::Start(options));
}

// Runs in a pod to its end, which must be a good one.
std::string Run(const Pod& pod, const std::vector<std::string>& arguments) {
  ProcessOptions options;
  options.arguments = arguments;
  options.network = &pod.network;
  options.environment = {{"LANG", "C.UTF-8"}};
  const CommandResult result = Require(RunCommand(options, 60'000));
  INFO(arguments[0] << ": " << result.output << result.error);
  CHECK(result.exit_status == 0);
  return result.output;
}

// Waits until a port of the server pod takes connections.
void WaitForPort(const Pods& pods, uint16_t port) {
  for (int i = 0; i < 200; ++i) {
    ProcessOptions options;
    options.arguments = {"bash", "-c",
                         fmt::format("exec 3<>/dev/tcp/{}/{}", pods.server->address, port)};
    options.network = &pods.client->network;
    if (Require(RunCommand(options)).exit_status == 0) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  FAIL("nothing listens on port " << port);
}

std::vector<std::string> AsNobody(std::vector<std::string> arguments) {
  std::vector<std::string> all = {"setpriv", "--reuid",     kUnprivileged,
                                  "--regid", kUnprivileged, "--clear-groups"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

// Signatures by the lower port of their flow, as the probe's log has them: servers' ports are lower
// than their clients'.
std::map<uint16_t, size_t> SignaturesByServerPort(const std::string& log_path) {
  std::map<uint16_t, size_t> signatures;
  std::istringstream lines(ReadFile(log_path));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"audio_signature\"") == std::string::npos) {
      continue;
    }
    const nlohmann::json fields = nlohmann::json::parse(line).at("fields");
    ++signatures[std::min(fields.at("src_port").get<uint16_t>(),
                          fields.at("dst_port").get<uint16_t>())];
  }
  return signatures;
}

// nginx with a small page, a script, and a large file that does not look like text.
class WebServer {
 public:
  WebServer(const Pods& pods, const ScratchFolder& folder) {
    const std::string root = folder.path() + "/web";
    mkdir(root.c_str(), 0755);
    Run(*pods.server, {"dd", "if=/dev/urandom", "of=" + root + "/large.bin", "bs=1M", "count=60"});
    Run(*pods.server,
        {"dd", "if=/dev/urandom", "of=" + root + "/picture.bin", "bs=1k", "count=40"});
    std::ofstream(root + "/index.html") << "<html>" << std::string(3000, 'x') << "</html>";
    const std::string configuration = folder.Write(
        "nginx.conf",
        fmt::format("daemon off; user root; pid {0}/nginx.pid; error_log {0}/nginx-error.log;\n"
                    "events {{}}\n"
                    "http {{ access_log off; server {{ listen {1}; root {2}; }} }}\n",
                    folder.path(), kWebPort, root));
    process_ = std::make_unique<Process>(
        Start(*pods.server, {"nginx", "-c", configuration}, folder.path() + "/nginx.log"));
    WaitForPort(pods, kWebPort);
  }

 private:
  std::unique_ptr<Process> process_;
};

// PostgreSQL with pgbench's tables; it refuses to run as root.
class Database {
 public:
  Database(const Pods& pods, const ScratchFolder& folder) {
    const std::string data = folder.path() + "/database";
    mkdir(data.c_str(), 0700);
    REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
    REQUIRE(chown(data.c_str(), 65534, 65534) == 0);
    const std::string programs = Programs();
    Run(*pods.server,
        AsNobody({programs + "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"}));
    std::ofstream(data + "/pg_hba.conf") << "host all all all trust\n";
    process_ = std::make_unique<Process>(
        Start(*pods.server,
              AsNobody({programs + "postgres", "-D", data, "-h", "*", "-p",
                        std::to_string(kDatabasePort), "-k", "", "-c", "fsync=off"}),
              folder.path() + "/postgres.log"));
    WaitForPort(pods, kDatabasePort);
    Run(*pods.client, PgBench(pods, {"-i", "-q", "-s", "2"}));
  }

  static std::vector<std::string> PgBench(const Pods& pods, std::vector<std::string> options) {
    std::vector<std::string> arguments = {"pgbench", "-h", pods.server->address, "-U", "postgres"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.emplace_back("postgres");
    return arguments;
  }

 private:
  // Debian keeps the server's programs in a folder by version, out of PATH.
  static std::string Programs() {
    ProcessOptions options;
    options.arguments = {"pg_config", "--bindir"};
    if (const auto found = RunCommand(options); found.ok() && found->exit_status == 0) {
      return found->output.substr(0, found->output.find('\n')) + "/";
    }
    options.arguments = {"bash", "-c", "ls -d /usr/lib/postgresql/*/bin | tail -1 | tr -d '\\n'"};
    return Require(RunCommand(options)).output + "/";
  }

  std::unique_ptr<Process> process_;
};

// A shell loop in the client pod that goes on as long as the speech.
Process Repeat(const Pods& pods, const ScratchFolder& folder, const std::string& name,
               const std::string& command) {
  return Start(*pods.client,
               {"bash", "-c",
                fmt::format("end=$((SECONDS + {})); while (( SECONDS < end )); do {}; done",
                            kSeconds, command)},
               fmt::format("{}/{}.log", folder.path(), name));
}

TEST_CASE("speech is signed without a list of ports; web, bulk and database beside it are not") {
  const ScratchFolder folder;
  const Pods pods;
  const WebServer web(pods, folder);
  const Database database(pods, folder);
  Process iperf_server = Start(*pods.server, {"iperf3", "-s", "-p", std::to_string(kBulkPort)},
                               folder.path() + "/iperf-server.log");
  WaitForPort(pods, kBulkPort);
  const std::string probe_log = folder.path() + "/probe.log";
  const auto probe = Require(LoneProbe::Start(
      pods.node->machine.network,
      {{"INTERFACE", "auto"}, {"LOG_LEVEL", "trace"}, {"PERF_BUFFER_SIZE", "8192"}}, probe_log));
  const std::string host = pods.server->address;
  const auto speak = [&](const Pod& pod, const std::string& what,
                         std::vector<std::string> options) {
    const std::string report = fmt::format("{}/{}", folder.path(), what);
    std::vector<std::string> arguments = {BuiltProgram("lab-audio"), what, "--report",
                                          report + ".json"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return Start(pod, arguments, report + ".log");
  };
  const std::string seconds = std::to_string(kSeconds);
  const auto destination = [&](uint16_t port) { return fmt::format("{}:{}", host, port); };

  Process rtp_sink = speak(*pods.server, "rtp-sink", {"--listen", std::to_string(kRtpPort)});
  std::vector<Process> traffic;
  traffic.push_back(speak(*pods.server, "sink", {"--listen", std::to_string(kSpeechPort)}));
  traffic.push_back(
      speak(*pods.client, "source", {"--to", destination(kSpeechPort), "--seconds", seconds}));
  traffic.push_back(
      speak(*pods.client, "rtp-source", {"--to", destination(kRtpPort), "--seconds", seconds}));
  const std::string site = fmt::format("http://{}:{}", host, kWebPort);
  // Pages one by one; many over one connection; a large file now and then.
  traffic.push_back(
      Repeat(pods, folder, "pages", fmt::format("curl -sf {0}/ -o /dev/null; sleep 0.2", site)));
  traffic.push_back(Repeat(
      pods, folder, "browsing",
      fmt::format("curl -sf {0}/?[1-4] {0}/picture.bin?[1-3] -o /dev/null; sleep 1.5", site)));
  traffic.push_back(Repeat(pods, folder, "download",
                           fmt::format("curl -sf {0}/large.bin -o /dev/null; sleep 3", site)));
  traffic.push_back(Start(*pods.client,
                          {"iperf3", "-c", host, "-p", std::to_string(kBulkPort), "-b", "200M",
                           "-t", std::to_string(kSeconds)},
                          folder.path() + "/iperf-client.log"));
  // Queries at a steady pace, by text and by prepared statements, and bursts of them.
  traffic.push_back(Start(
      *pods.client, Database::PgBench(pods, {"-n", "-S", "-c", "2", "-R", "60", "-T", seconds}),
      folder.path() + "/steady.log"));
  traffic.push_back(
      Start(*pods.client,
            Database::PgBench(pods, {"-n", "-M", "prepared", "-c", "2", "-R", "60", "-T", seconds}),
            folder.path() + "/prepared.log"));
  traffic.push_back(
      Repeat(pods, folder, "bursts",
             fmt::format("pgbench -h {} -U postgres -n -S -c 2 -t 200 postgres; sleep 2", host)));

  for (Process& process : traffic) {
    CHECK(process.Wait((kSeconds + 20) * 1000) == 0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(Require(probe->Metric("audio_latency_probe_dropped_total{cause=\"ring_full\"}")) == 0);

  const std::map<uint16_t, size_t> signatures = SignaturesByServerPort(probe_log);
  const auto of = [&](uint16_t port) {
    const auto found = signatures.find(port);
    return found == signatures.end() ? 0 : found->second;
  };
  std::string all;
  for (const auto& [port, count] : signatures) {
    all += fmt::format("{}: {}  ", port, count);
  }
  INFO("signatures by port: " << all);
  CHECK(of(kSpeechPort) > 500);
  CHECK(of(kRtpPort) > 500);
  CHECK(of(kWebPort) == 0);
  CHECK(of(kBulkPort) == 0);
  CHECK(of(kDatabasePort) == 0);
  // All of it was really there.
  for (const char* const log : {"iperf-client", "steady", "prepared", "bursts"}) {
    const std::string text = ReadFile(fmt::format("{}/{}.log", folder.path(), log));
    INFO(log << ": " << text);
    CHECK((text.find("iperf Done") != std::string::npos ||
           text.find("number of transactions actually processed") != std::string::npos));
  }
}

}  // namespace
}  // namespace audio_latency::lab
