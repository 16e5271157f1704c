// A comparison as JSON, for programs, for the page (verify/report.h), and for another run of the same.
#pragma once

#include "verify/same.h"

namespace tauto::equivalence {

// What was asked, in the words of the command line: what a replay asks again.
struct SameRequest {
  std::string a, b;
  std::vector<std::pair<std::string, std::string>> options;  // "--data" → "x.npz", …; in order
  std::string witness;                                       // the file of the witness; empty: none
};

std::string json_of(const SameResult& r, const SameRequest& request);
// The request of such a text, and the verdicts it came to. Error: `name` holds no such text.
struct Replay {
  SameRequest request;
  std::vector<std::string> verdicts;  // of the lines
  int64_t sample = -1;                // the witness
};
Replay read_replay(std::string_view json, const std::string& name);

}  // namespace tauto::equivalence
