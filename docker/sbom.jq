# What sbom.sh has found, as an SPDX 2.3 document.

# SPDX's identifiers of Debian's short names; https://spdx.org/licenses lists the former.
def spdx_licences: {
  "apache-2": "Apache-2.0", "apache-2.0": "Apache-2.0", "expat": "MIT", "mit": "MIT", "isc": "ISC",
  "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "bsd-4-clause": "BSD-4-Clause",
  "bsd-2-clauses": "BSD-2-Clause", "bsd-3-clauses": "BSD-3-Clause", "zlib": "Zlib", "curl": "curl",
  "mpl-2.0": "MPL-2.0", "boost-1.0": "BSL-1.0", "bsl-1.0": "BSL-1.0", "cc0-1.0": "CC0-1.0",
  "gpl-1+": "GPL-1.0-or-later", "gpl-2": "GPL-2.0-only", "gpl-2+": "GPL-2.0-or-later",
  "gpl-2.0": "GPL-2.0-only", "gpl-2.0+": "GPL-2.0-or-later", "gpl-3": "GPL-3.0-only",
  "gpl-3+": "GPL-3.0-or-later", "lgpl-2": "LGPL-2.0-only", "lgpl-2+": "LGPL-2.0-or-later",
  "lgpl-2.1": "LGPL-2.1-only", "lgpl-2.1+": "LGPL-2.1-or-later", "lgpl-3": "LGPL-3.0-only",
  "lgpl-3+": "LGPL-3.0-or-later", "0bsd": "0BSD", "x11": "X11"
};

# A text as an identifier may hold it.
def identifier: gsub("[^A-Za-z0-9.-]+"; "-");
def package_id: "SPDXRef-Package-" + identifier;
def file_id: "SPDXRef-File-" + identifier;

# What SPDX has no name for refers to the copyright file.
def licence_id: spdx_licences[ascii_downcase] // ("LicenseRef-" + identifier);
def licence_names: [.[] | splits(",? +and +|, *") | splits(" +or +")];

# "GPL-2+ or LGPL-3+" in SPDX's words.
def licence_choice: [splits(" +or +") | licence_id] | if length == 1 then .[0] else "(" + join(" OR ") + ")" end;
def licence_expression:
  [.[] | splits(",? +and +|, *") | licence_choice]
  | if length == 0 then "NOASSERTION" else unique | join(" AND ") end;

def lines: split("\n") | map(select(. != "") | split("\t"));

($codes | lines | map({key: .[0], value: .[1]}) | from_entries) as $code
| ($files | lines | map({package: .[0], path: .[1], sha1: .[2], sha256: .[3]})) as $file
| def described: {
    filesAnalyzed: true,
    packageVerificationCode: {packageVerificationCodeValue: $code[.name]},
    licenseInfoFromFiles: ["NOASSERTION"],
    licenseConcluded: "NOASSERTION"
  };
{
  spdxVersion: "SPDX-2.3",
  dataLicense: "CC0-1.0",
  SPDXID: "SPDXRef-DOCUMENT",
  name: "\($image) \($version), image for \($architecture)",
  documentNamespace: "https://spdx.org/spdxdocs/\($image)-\($version)-\($architecture)-\($digest)",
  creationInfo: {created: $created, creators: ["Tool: audio-latency-tracker-sbom.sh-\($version)"]},
  packages: (
    [{
      name: "audio-latency-tracker",
      SPDXID: ("audio-latency-tracker" | package_id),
      versionInfo: $version,
      supplier: "NOASSERTION",
      downloadLocation: "NOASSERTION",
      licenseDeclared: (if $image == "audio-latency-probe" then "Apache-2.0 AND GPL-2.0-only"
                        else "Apache-2.0" end),
      copyrightText: "NOASSERTION",
      primaryPackagePurpose: "APPLICATION"
    } + ({name: "audio-latency-tracker"} | described)]
    + ($packages | map({
        name, SPDXID: (.name | package_id), versionInfo: .version,
        supplier: "Organization: Debian",
        downloadLocation: "NOASSERTION",
        sourceInfo: "built from Debian's source package \(.source)",
        licenseDeclared: (.licences | licence_expression),
        licenseComments: "of the source package; /usr/share/doc/\(.name)/copyright in the image",
        copyrightText: "NOASSERTION",
        externalRefs: [{
          referenceCategory: "PACKAGE-MANAGER", referenceType: "purl",
          referenceLocator: "pkg:deb/debian/\(.name | @uri)@\(.version | @uri)?arch=\(.architecture)&distro=debian-\($release)"
        }]
      } + (if .homepage == "" then {} else {homepage} end) + described))),
  hasExtractedLicensingInfos: (
    [$packages[].licences | licence_names[] | {name: ., licenseId: licence_id}]
    | map(select(.licenseId | startswith("LicenseRef-"))) | unique_by(.licenseId)
    | map(. + {extractedText:
        "See the copyright files in /usr/share/doc of the image, where this name is used."})),
  files: ($file | map({
    fileName: ("." + .path),
    SPDXID: (.path | file_id),
    checksums: [{algorithm: "SHA1", checksumValue: .sha1},
                {algorithm: "SHA256", checksumValue: .sha256}],
    licenseConcluded: "NOASSERTION",
    licenseInfoInFiles: ["NOASSERTION"],
    copyrightText: "NOASSERTION"
  })),
  relationships: (
    [{spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES",
      relatedSpdxElement: ("audio-latency-tracker" | package_id)}]
    + ($packages | map({spdxElementId: ("audio-latency-tracker" | package_id),
        relationshipType: "DEPENDS_ON", relatedSpdxElement: (.name | package_id)}))
    + ($file | map({spdxElementId: (.package | package_id), relationshipType: "CONTAINS",
        relatedSpdxElement: (.path | file_id)})))
}
