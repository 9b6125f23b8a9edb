#include "tests/interop/sip_phone.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "common/status/status_macros.h"
#include "tests/interop/rtpengine.h"

namespace audio_latency::lab {
namespace {

constexpr int kSipPort = 5060;
constexpr char kPhoneModules[] = "/usr/lib/baresip/modules";

absl::Status Write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file ? absl::OkStatus() : absl::InternalError(fmt::format("{} cannot be written", path));
}

// Offers and answers pass through rtpengine; all else goes straight on.
std::string ProxyConfiguration(const Pod& relay, const Pod& callee) {
  return fmt::format(R"(
log_stderror=yes
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:{0}:{1}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "rtpengine.so"
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{2}")

request_route {{
  if (is_method("INVITE") && !has_totag()) {{
    $du = "sip:{3}:{1}";
    rtpengine_offer("replace-origin replace-session-connection ICE=remove");
    t_on_reply("ANSWER");
  }}
  t_relay();
}}

onreply_route[ANSWER] {{
  if (has_body("application/sdp")) {{
    rtpengine_answer("replace-origin replace-session-connection ICE=remove");
  }}
}}
)",
                     relay.address, kSipPort, kRtpenginePort, callee.address);
}

std::string PhoneConfiguration(const Pod& pod, const std::string& wav_path) {
  return fmt::format(R"(poll_method epoll
sip_listen {0}:{1}
audio_source aufile,{2}
audio_player aubridge,speaker
audio_alert aubridge,alert
audio_channels 1-1
ausrc_srate 8000
auplay_srate 8000
rtp_ports {3}-{4}
rtcp_mux no
module_path {5}
module g711.so
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
)",
                     pod.address, kSipPort, wav_path, kFirstMediaPort, kLastMediaPort,
                     kPhoneModules);
}

}  // namespace

absl::Status StartSipProxy(MediaLab* lab, const Pod& relay, const Pod& callee) {
  const std::string path = fmt::format("{}/kamailio.cfg", lab->folder());
  RETURN_IF_ERROR(Write(path, ProxyConfiguration(relay, callee)));
  // In the foreground, its control files where they go with the rest.
  RETURN_IF_ERROR(
      lab->Run(relay, "kamailio",
               {"kamailio", "-DD", "-E", "-f", path, "-m", "16", "-M", "4", "-Y", lab->folder()})
          .status());
  return lab->WaitForPort(relay, kSipPort);
}

absl::StatusOr<Process*> StartSipPhone(MediaLab* lab, const Pod& pod, const std::string& wav_path,
                                       const std::string& dial) {
  const std::string folder = fmt::format("{}/{}", lab->folder(), pod.name);
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  RETURN_IF_ERROR(Write(folder + "/config", PhoneConfiguration(pod, wav_path)));
  RETURN_IF_ERROR(Write(
      folder + "/accounts",
      fmt::format("<sip:{0}@{1}>;regint=0;answermode=auto;audio_codecs=PCMU/8000/1;ptime=20\n",
                  pod.name, pod.address)));
  std::vector<std::string> arguments = {"baresip", "-4", "-f", folder};
  if (!dial.empty()) {
    arguments.insert(arguments.end(), {"-e", "/dial " + dial});
  }
  ASSIGN_OR_RETURN(Process* const phone, lab->Run(pod, pod.name, std::move(arguments)));
  RETURN_IF_ERROR(lab->WaitForPort(pod, kSipPort));
  return phone;
}

}  // namespace audio_latency::lab
