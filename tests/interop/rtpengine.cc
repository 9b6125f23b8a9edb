#include "tests/interop/rtpengine.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/process/file_descriptor.h"
#include "common/status/status_macros.h"
#include "tests/lab/errno_status.h"

namespace audio_latency::lab {
namespace {

// Nesting of lists and dictionaries beyond this is refused.
constexpr int kMostDepth = 16;

// Reads a text at the front of `*rest` and removes it.
std::optional<std::string_view> TakeText(std::string_view* rest) {
  size_t length = 0;
  const auto [end, error] = std::from_chars(rest->data(), rest->data() + rest->size(), length);
  const auto digits = static_cast<size_t>(end - rest->data());
  if (error != std::errc() || digits >= rest->size() || *end != ':' ||
      length > rest->size() - digits - 1) {
    return std::nullopt;
  }
  const std::string_view text = rest->substr(digits + 1, length);
  rest->remove_prefix(digits + 1 + length);
  return text;
}

// Removes one value of any type from the front of `*rest`.
bool SkipValue(std::string_view* rest, int depth) {
  if (rest->empty() || depth > kMostDepth) {
    return false;
  }
  const char type = rest->front();
  if (type == 'i') {
    const size_t end = rest->find('e');
    rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
    return end != std::string_view::npos;
  }
  if (type == 'l' || type == 'd') {
    rest->remove_prefix(1);
    while (!rest->empty() && rest->front() != 'e') {
      if (!SkipValue(rest, depth + 1)) {
        return false;
      }
    }
    if (rest->empty()) {
      return false;
    }
    rest->remove_prefix(1);
    return true;
  }
  return TakeText(rest).has_value();
}

std::string Sdp(const MediaAddress& media, const std::string& codec) {
  const std::string payload_type = codec.substr(0, codec.find(' '));
  return fmt::format(
      "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=call\r\nc=IN IP4 {0}\r\nt=0 0\r\n"
      "m=audio {1} RTP/AVP {2}\r\na=rtpmap:{3}\r\na=ptime:20\r\na=sendrecv\r\n",
      media.address, media.port, payload_type, codec);
}

std::string Entry(std::string_view key, std::string_view text) {
  return BencodeText(key) + BencodeText(text);
}

// "PCMU" of "0 PCMU/8000".
std::string CodecName(const std::string& codec) {
  const size_t begin = codec.find(' ') + 1;
  return codec.substr(begin, codec.find('/') - begin);
}

// Sends one command and returns the SDP that it is answered with. A `cookie` that was used before
// would be answered with what was said then.
absl::StatusOr<std::string> Ask(const Pod& relay, const std::string& cookie,
                                const std::string& command) {
  std::string answer;
  const auto exchange = [&]() -> absl::Status {
    const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval patience = {.tv_sec = 3, .tv_usec = 0};
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(kRtpenginePort);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string message = cookie + " " + command;
    if (setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
        sendto(socket.get(), message.data(), message.size(), 0,
               reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
      return ErrnoStatus("sending a command to rtpengine");
    }
    answer.resize(65536);
    const ssize_t got = recv(socket.get(), answer.data(), answer.size(), 0);
    if (got < 0) {
      return ErrnoStatus("waiting for rtpengine's answer");
    }
    answer.resize(static_cast<size_t>(got));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(relay.network.RunInside(exchange));
  const std::string_view dictionary = std::string_view(answer).substr(answer.find(' ') + 1);
  ASSIGN_OR_RETURN(const std::string result, BencodeFind(dictionary, "result"));
  if (result != "ok") {
    return absl::InternalError(fmt::format("rtpengine refused the command: {}", dictionary));
  }
  return BencodeFind(dictionary, "sdp");
}

}  // namespace

absl::Status StartRtpengine(MediaLab* lab, const Pod& relay) {
  const absl::StatusOr<Process*> process = lab->Run(
      relay, relay.name,
      {"rtpengine", "--foreground", "--table=-1", "--log-stderr", "--log-level=5",
       "--interface=" + relay.address, fmt::format("--listen-ng=127.0.0.1:{}", kRtpenginePort),
       fmt::format("--port-min={}", kFirstMediaPort),
       fmt::format("--port-max={}", kLastMediaPort)});
  RETURN_IF_ERROR(process.status());
  return lab->WaitForPort(relay, kRtpenginePort);
}

absl::StatusOr<RelayAddresses> OfferAndAnswer(const Pod& relay, const RelayedCall& call) {
  std::string codec_rule;
  if (!call.callee_codec.empty()) {
    codec_rule = fmt::format("{}d{}l{}e{}l{}ee", BencodeText("codec"), BencodeText("mask"),
                             BencodeText(CodecName(call.codec)), BencodeText("transcode"),
                             BencodeText(CodecName(call.callee_codec)));
  }
  const std::string common =
      fmt::format("{}{}{}l{}{}e", Entry("ICE", "remove"), Entry("call-id", call.call_id),
                  BencodeText("replace"), BencodeText("origin"), BencodeText("session-connection"));
  RelayAddresses addresses;
  ASSIGN_OR_RETURN(
      const std::string offered,
      Ask(relay, call.call_id + "-offer",
          fmt::format("d{}{}{}{}{}e", common, codec_rule, Entry("command", "offer"),
                      Entry("from-tag", "caller"), Entry("sdp", Sdp(call.caller, call.codec)))));
  ASSIGN_OR_RETURN(addresses.for_callee, MediaAddressOf(offered));
  const std::string& answered_codec = call.callee_codec.empty() ? call.codec : call.callee_codec;
  ASSIGN_OR_RETURN(const std::string answered,
                   Ask(relay, call.call_id + "-answer",
                       fmt::format("d{}{}{}{}{}e", common, Entry("command", "answer"),
                                   Entry("from-tag", "caller"), Entry("to-tag", "callee"),
                                   Entry("sdp", Sdp(call.callee, answered_codec)))));
  ASSIGN_OR_RETURN(addresses.for_caller, MediaAddressOf(answered));
  return addresses;
}

std::string BencodeText(std::string_view text) { return fmt::format("{}:{}", text.size(), text); }

absl::StatusOr<std::string> BencodeFind(std::string_view dictionary, std::string_view key) {
  const absl::Status malformed =
      absl::InvalidArgumentError(fmt::format("not a bencoded dictionary: \"{}\"", dictionary));
  if (dictionary.empty() || dictionary.front() != 'd') {
    return malformed;
  }
  std::string_view rest = dictionary.substr(1);
  while (!rest.empty() && rest.front() != 'e') {
    const std::optional<std::string_view> name = TakeText(&rest);
    if (!name.has_value()) {
      return malformed;
    }
    if (*name == key) {
      const std::optional<std::string_view> value = TakeText(&rest);
      return value.has_value() ? absl::StatusOr<std::string>(std::string(*value)) : malformed;
    }
    if (!SkipValue(&rest, 0)) {
      return malformed;
    }
  }
  return absl::NotFoundError(fmt::format("rtpengine's answer has no \"{}\"", key));
}

absl::StatusOr<MediaAddress> MediaAddressOf(std::string_view sdp) {
  MediaAddress media;
  const absl::string_view all(sdp.data(), sdp.size());
  for (const absl::string_view absl_line : absl::StrSplit(all, absl::ByAnyChar("\r\n"))) {
    const std::string_view line(absl_line.data(), absl_line.size());
    constexpr std::string_view kConnection = "c=IN IP4 ";
    constexpr std::string_view kAudio = "m=audio ";
    if (line.starts_with(kConnection)) {
      media.address = std::string(line.substr(kConnection.size()));
    } else if (line.starts_with(kAudio) && media.port == 0) {
      std::from_chars(line.data() + kAudio.size(), line.data() + line.size(), media.port);
    }
  }
  if (media.address.empty() || media.port == 0) {
    return absl::InvalidArgumentError(fmt::format("the SDP names no audio stream: {}", sdp));
  }
  return media;
}

}  // namespace audio_latency::lab
