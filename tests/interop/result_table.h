// The results of all interop cases as one table.

#ifndef TESTS_INTEROP_RESULT_TABLE_H_
#define TESTS_INTEROP_RESULT_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/interop/relay_audit.h"

namespace audio_latency::lab {

// One JSON object in <folder>/<name>.json.
absl::Status WriteResult(const CaseResult& result, const std::string& folder);
// Every result of the folder, by name. NOT_FOUND where there is none.
absl::StatusOr<std::vector<CaseResult>> ReadResults(const std::string& folder);

// A header and a line a case.
std::string ResultTable(const std::vector<CaseResult>& results);

}  // namespace audio_latency::lab

#endif  // TESTS_INTEROP_RESULT_TABLE_H_
