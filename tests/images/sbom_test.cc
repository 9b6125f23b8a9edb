// The lists of contents (SPDX 2.3), held against the images' files.

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/images/image.h"
#include "tests/lab/lab_test.h"
#include "tests/lab/process.h"
#include "tests/lab/scratch_folder.h"

namespace audio_latency::lab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool IsElf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic(4, '\0');
  file.read(magic.data(), static_cast<std::streamsize>(magic.size()));
  return file.good() && magic ==
                            "\x7f"
                            "ELF";
}

std::string Hash(const std::string& program, const std::string& input) {
  ProcessOptions options;
  options.arguments = {program};
  options.input = input;
  const std::string output = Require(RunCommand(options)).output;
  return output.substr(0, output.find(' '));
}

// The fields that SPDX 2.3 wants of a document, a package and a file (clauses 6 to 8).
void CheckRequiredFields(const json& document) {
  CHECK(document.at("spdxVersion") == "SPDX-2.3");
  CHECK(document.at("dataLicense") == "CC0-1.0");
  CHECK(document.at("SPDXID") == "SPDXRef-DOCUMENT");
  CHECK_FALSE(document.at("name").get<std::string>().empty());
  CHECK(std::regex_match(document.at("documentNamespace").get<std::string>(),
                         std::regex("https://[^#\\s]+")));
  CHECK(std::regex_match(document.at("creationInfo").at("created").get<std::string>(),
                         std::regex("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ")));
  CHECK(std::regex_match(document.at("creationInfo").at("creators").at(0).get<std::string>(),
                         std::regex("Tool: \\S+")));
  std::set<std::string> ids = {"SPDXRef-DOCUMENT"};
  const std::regex id_form("SPDXRef-[A-Za-z0-9.-]+");
  const std::regex licence_form("NOASSERTION|[A-Za-z0-9.() +-]+");
  for (const char* const kind : {"packages", "files"}) {
    for (const json& element : document.at(kind)) {
      const std::string id = element.at("SPDXID");
      CAPTURE(id);
      CHECK(std::regex_match(id, id_form));
      CHECK(ids.insert(id).second);
      CHECK(element.at("copyrightText").is_string());
      CHECK(std::regex_match(element.at("licenseConcluded").get<std::string>(), licence_form));
    }
  }
  for (const json& package : document.at("packages")) {
    CAPTURE(package.at("name").get<std::string>());
    CHECK_FALSE(package.at("versionInfo").get<std::string>().empty());
    CHECK(package.at("downloadLocation").is_string());
    CHECK(std::regex_match(package.at("supplier").get<std::string>(),
                           std::regex("NOASSERTION|(Organization|Person): .+")));
    CHECK(std::regex_match(package.at("licenseDeclared").get<std::string>(), licence_form));
    CHECK(package.at("filesAnalyzed") == true);
  }
  for (const json& relationship : document.at("relationships")) {
    CHECK(ids.count(relationship.at("spdxElementId")) == 1);
    CHECK(ids.count(relationship.at("relatedSpdxElement")) == 1);
    CHECK_FALSE(relationship.at("relationshipType").get<std::string>().empty());
  }
}

// Package by file, each by its SPDXID.
std::map<std::string, std::string> Owners(const json& document) {
  std::map<std::string, std::string> owners;
  for (const json& relationship : document.at("relationships")) {
    if (relationship.at("relationshipType") == "CONTAINS") {
      const std::string file = relationship.at("relatedSpdxElement");
      CAPTURE(file);
      CHECK(owners.emplace(file, relationship.at("spdxElementId")).second);
    }
  }
  return owners;
}

std::string Checksum(const json& file, const std::string& algorithm) {
  for (const json& checksum : file.at("checksums")) {
    if (checksum.at("algorithm") == algorithm) {
      return checksum.at("checksumValue");
    }
  }
  return "";
}

void CheckFiles(const json& document, const std::string& root) {
  const std::map<std::string, std::string> owners = Owners(document);
  std::map<std::string, std::string> sums;
  for (const json& file : document.at("files")) {
    const std::string name = file.at("fileName");
    CAPTURE(name);
    CHECK(owners.count(file.at("SPDXID")) == 1);
    const std::string content = ReadFile(root + name.substr(1));
    CHECK(Checksum(file, "SHA256") == Hash("sha256sum", content));
    CHECK(Checksum(file, "SHA1") == Hash("sha1sum", content));
    sums.emplace(file.at("SPDXID"), Checksum(file, "SHA1"));
    CHECK(fs::is_regular_file(root + name.substr(1)));
  }
  // Every program and shared library is in the list.
  size_t programs_and_libraries = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_symlink() || !entry.is_regular_file() || !IsElf(entry.path())) {
      continue;
    }
    ++programs_and_libraries;
    const std::string name = "./" + fs::relative(entry.path(), root).string();
    CAPTURE(name);
    CHECK(std::any_of(document.at("files").begin(), document.at("files").end(),
                      [&name](const json& file) { return file.at("fileName") == name; }));
  }
  CHECK(programs_and_libraries > 20);
  // SPDX 2.3, 7.9: of a package's files, the sums in order, one after the other.
  for (const json& package : document.at("packages")) {
    std::vector<std::string> parts;
    for (const auto& [file, owner] : owners) {
      if (owner == package.at("SPDXID")) {
        parts.push_back(sums.at(file));
      }
    }
    std::sort(parts.begin(), parts.end());
    std::string all;
    for (const std::string& part : parts) {
      all += part;
    }
    CAPTURE(package.at("name").get<std::string>());
    CHECK(package.at("packageVerificationCode").at("packageVerificationCodeValue") ==
          Hash("sha1sum", all));
  }
}

// What stands in the image for scanners, and the licences.
void CheckPackages(const json& document, const std::string& root) {
  for (const json& package : document.at("packages")) {
    const std::string name = package.at("name");
    CAPTURE(name);
    CHECK(ReadFile(fmt::format("{}/usr/share/doc/{}/copyright", root, name)).size() > 100);
    if (name == "audio-latency-tracker") {
      continue;
    }
    CHECK(package.at("supplier") == "Organization: Debian");
    const std::string status = ReadFile(fmt::format("{}/var/lib/dpkg/status.d/{}", root, name));
    CHECK(
        status.find(fmt::format("\nVersion: {}\n", package.at("versionInfo").get<std::string>())) !=
        std::string::npos);
    const json& reference = package.at("externalRefs").at(0);
    CHECK(reference.at("referenceType") == "purl");
    CHECK(std::regex_match(
        reference.at("referenceLocator").get<std::string>(),
        std::regex("pkg:deb/debian/([a-z0-9.-]|%2B)+@[^@/ +]+\\?arch=[a-z0-9]+&distro=debian-12")));
  }
}

TEST_CASE("the list of an image's contents is SPDX, true and complete") {
  const std::string name = GENERATE("audio-latency-probe", "audio-latency-correlator");
  CAPTURE(name);
  const ScratchFolder folder;
  const Image image = Require(Image::Unpack(name, folder.path()));
  const std::string text = ReadFile(Image::SbomPath(name));
  CHECK(text == ReadFile(image.root() + "/usr/share/doc/audio-latency-tracker/sbom.spdx.json"));
  const json document = json::parse(text);
  CheckRequiredFields(document);
  CheckFiles(document, image.root());
  CheckPackages(document, image.root());
  // Known of most.
  const auto known = std::count_if(
      document.at("packages").begin(), document.at("packages").end(),
      [](const json& package) { return package.at("licenseDeclared") != "NOASSERTION"; });
  CHECK(known > 3);
}

}  // namespace
}  // namespace audio_latency::lab
