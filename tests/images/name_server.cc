#include "tests/images/name_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <string_view>

#include "common/status/status_macros.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

constexpr uint16_t kPort = 53;
constexpr size_t kHeaderBytes = 12;
constexpr size_t kTypeAndClassBytes = 4;
constexpr char kTypeA = 1;

// "a.b" of "\1a\1b\0" at the begin of `question`; empty where it is no whole name.
std::string NameOf(std::string_view question) {
  std::string name;
  while (!question.empty() && question[0] != 0) {
    const size_t length = static_cast<unsigned char>(question[0]);
    if (length + 1 >= question.size()) {
      return "";
    }
    name += (name.empty() ? "" : ".") + std::string(question.substr(1, length));
    question.remove_prefix(length + 1);
  }
  return question.size() > kTypeAndClassBytes ? name : "";
}

// The answer to `query`, without what follows its question; empty to what is none.
std::string Answer(const std::string& query, const std::string& known, bool* is_known) {
  if (query.size() <= kHeaderBytes) {
    return "";
  }
  const std::string name = NameOf(std::string_view(query).substr(kHeaderBytes));
  if (name.empty()) {
    return "";
  }
  const size_t question_bytes = name.size() + 2 + kTypeAndClassBytes;
  const bool wants_address = query[kHeaderBytes + name.size() + 3] == kTypeA;
  *is_known = name == known;
  const bool has_answer = *is_known && wants_address;
  constexpr char kNoSuchName = 3;
  std::string answer = query.substr(0, kHeaderBytes + question_bytes);
  answer[2] = '\x81';  // an answer, recursion desired
  answer[3] = static_cast<char>('\x80' | (*is_known ? 0 : kNoSuchName));
  answer[5] = 1;                               // questions
  answer.replace(6, 6, std::string(6, '\0'));  // nothing else …
  answer[7] = has_answer ? 1 : 0;              // … but this
  if (has_answer) {
    // The name of the question, type A, class IN, for 60 s, four bytes.
    constexpr std::string_view kRecord("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1", 16);
    answer += kRecord;
  }
  return answer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NameServer>> NameServer::Start(const NetworkNamespace& network,
                                                              std::string name) {
  FileDescriptor socket_descriptor;
  RETURN_IF_ERROR(network.RunInside([&socket_descriptor]() -> absl::Status {
    socket_descriptor = FileDescriptor(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(socket_descriptor.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0) {
      return ErrnoStatus("binding the name server");
    }
    return absl::OkStatus();
  }));
  std::unique_ptr<NameServer> server(new NameServer(std::move(socket_descriptor), std::move(name)));
  server->thread_ = std::thread(&NameServer::Serve, server.get());
  return server;
}

NameServer::~NameServer() {
  ends_.store(true);
  thread_.join();
}

void NameServer::Serve() {
  constexpr int kLookMs = 50;
  while (!ends_.load()) {
    pollfd waiting = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, kLookMs) <= 0) {
      continue;
    }
    std::string query(1500, '\0');
    sockaddr_in from = {};
    socklen_t from_bytes = sizeof(from);
    const ssize_t got = recvfrom(socket_.get(), query.data(), query.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &from_bytes);
    query.resize(got > 0 ? static_cast<size_t>(got) : 0);
    bool is_known = false;
    const std::string answer = Answer(query, name_, &is_known);
    answers_ += is_known ? 1 : 0;
    sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from),
           from_bytes);
  }
}

}  // namespace audio_latency::lab
