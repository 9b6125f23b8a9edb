#include "probe/check/system_check.h"

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "probe/privilege/capabilities.h"

namespace audio_latency::probe {
namespace {

using Catch::Contains;

SystemFacts GoodFacts() {
  SystemFacts facts;
  facts.kernel.release = "6.1.0-18-amd64";
  facts.kernel.has_btf = true;
  facts.kernel.effective_capabilities = CapabilitySet({kCapBpf, kCapNetAdmin, kCapPerfmon});
  facts.user_id = 65534;
  facts.seccomp_mode = 0;
  facts.unprivileged_bpf_disabled = 2;
  facts.bpf_jit_enable = 1;
  facts.lockdown = "none";
  facts.security_modules = "lockdown,capability";
  facts.clock_source = "tsc";
  facts.monotonic_resolution_ns = 1;
  facts.kernel_clock.emplace();
  facts.kernel_clock->set_is_synchronised(true);
  facts.kernel_clock->set_estimated_error_seconds(12e-6);
  facts.kernel_clock->set_maximum_error_seconds(0.034);
  facts.kernel_clock->set_frequency_ppm(-3.25);
  facts.locked_memory_bytes = RLIM_INFINITY;
  facts.open_files = 1024;
  return facts;
}

CheckItem Item(const SystemFacts& facts, const std::string& what) {
  const std::vector<CheckItem> items = CheckSystem(facts);
  const auto found = std::find_if(items.begin(), items.end(),
                                  [&](const CheckItem& item) { return item.what == what; });
  REQUIRE(found != items.end());
  return *found;
}

TEST_CASE("a machine that can do all is all ok") {
  for (const CheckItem& item : CheckSystem(GoodFacts())) {
    CAPTURE(item.what, item.found);
    CHECK(item.state == CheckState::kOk);
    CHECK_FALSE(item.found.empty());
    CHECK(item.advice.empty());
  }
  CHECK_THAT(Item(GoodFacts(), "wall clock").found,
             Contains("error 12 us") && Contains("at most 34000 us") && Contains("-3.250 ppm"));
}

TEST_CASE("what keeps the probe from running is missing, with advice") {
  SystemFacts facts = GoodFacts();
  facts.kernel.release = "5.10.0";
  CHECK(Item(facts, "kernel").state == CheckState::kMissing);
  CHECK_THAT(Item(facts, "kernel").advice, Contains("5.15"));
  facts.kernel.effective_capabilities = CapabilitySet({kCapNetAdmin});
  CHECK(Item(facts, "capabilities").state == CheckState::kMissing);
  CHECK_THAT(Item(facts, "capabilities").found,
             Contains("CAP_BPF") && Contains("CAP_PERFMON") && !Contains("CAP_NET_ADMIN"));
  CHECK_FALSE(Item(facts, "capabilities").advice.empty());
  CHECK(IsAnythingMissing(CheckSystem(facts)));
}

TEST_CASE("what is worth knowing is a note and nothing is missing") {
  SystemFacts facts = GoodFacts();
  facts.kernel.has_btf = false;
  facts.kernel.is_preemptible = true;
  facts.unprivileged_bpf_disabled = 0;
  facts.bpf_jit_enable = 0;
  facts.seccomp_mode = 2;
  facts.lockdown = "confidentiality";
  facts.clock_source = "hpet";
  facts.kernel_clock->set_is_synchronised(false);
  CHECK(Item(facts, "BTF").state == CheckState::kNote);
  CHECK_THAT(Item(facts, "kernel").found, Contains("PREEMPT_RT"));
  for (const char* const what :
       {"unprivileged BPF", "BPF compiler", "security modules", "packet clock", "wall clock"}) {
    CAPTURE(what);
    CHECK(Item(facts, what).state == CheckState::kNote);
    CHECK_FALSE(Item(facts, what).advice.empty());
  }
  CHECK_FALSE(IsAnythingMissing(CheckSystem(facts)));
}

TEST_CASE("what cannot be read is unknown, not good") {
  SystemFacts facts = GoodFacts();
  facts.unprivileged_bpf_disabled.reset();
  facts.bpf_jit_enable.reset();
  facts.kernel_clock.reset();
  for (const char* const what : {"unprivileged BPF", "BPF compiler", "wall clock"}) {
    CHECK(Item(facts, what).state == CheckState::kUnknown);
  }
}

TEST_CASE("the word in brackets is the chosen one") {
  CHECK(ChosenWord("none [integrity] confidentiality") == "integrity");
  CHECK(ChosenWord("none") == "");
  CHECK(ChosenWord("]none[") == "");
}

TEST_CASE("the facts of this machine can be read by everybody") {
  const SystemFacts facts = ReadSystemFacts();
  CHECK_FALSE(facts.kernel.release.empty());
  CHECK(facts.monotonic_resolution_ns > 0);
  CHECK(facts.open_files > 0);
}

TEST_CASE("items are shown as a table with advice, and as JSON") {
  const std::vector<CheckItem> items = {{"one", CheckState::kOk, "fine", ""},
                                        {"second", CheckState::kMissing, "bad \xff", "mend it"}};
  CHECK(CheckTable(items) ==
        "CHECK   STATE    FOUND\n"
        "one     ok       fine\n"
        "second  missing  bad \xff\n"
        "\n"
        "second: mend it\n");
  const nlohmann::json json = nlohmann::json::parse(CheckJson(items));
  CHECK(json["ok"] == false);
  CHECK(json["checks"].size() == 2);
  CHECK(json["checks"][0]["what"] == "one");
  CHECK(json["checks"][1]["state"] == "missing");
  CHECK(json["checks"][1]["advice"] == "mend it");
}

}  // namespace
}  // namespace audio_latency::probe
