// What the fuzzers have in common: a campaign makes mutants of the files it is given, one after the other
// from a seed, and judges each. A crash, an exception other than Error, more than kSeconds or kMegabytes is a
// failure; the mutant is then kept in a file, with a one-line repro.
//
//   PROGRAM --seed S --count N [--only K] [--out DIR] FILE...
//
// Ends with `fuzz: N mutants, V valid, A accepted, F failures`; exit code 1 if anything failed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tauto {

struct Verdict {
  bool valid = false;     // the form of the file is right
  bool accepted = false;  // and so is what it says
  std::string problem;    // what must not be; "" if all is well
};

struct Campaign {
  static constexpr double kSeconds = 10;    // of processor time for a mutant, under sanitizers
  static constexpr long kMegabytes = 2048;  // of growth over the whole run

  std::string program;
  uint64_t seed = 1, count = 1000, only = UINT64_MAX;
  std::string out = ".";
  std::vector<std::string> paths;

  Campaign(int argc, char** argv);
  // mutant(which, seed) makes a mutant of paths[which]. The exit code of the program.
  int run(const std::string& ending, const std::function<std::string(size_t, uint64_t)>& mutant,
          const std::function<Verdict(const std::string&)>& judge) const;
};

}  // namespace tauto
