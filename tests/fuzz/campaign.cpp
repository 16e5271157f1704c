// Campaigns of mutants, see campaign.h.
#include "fuzz/campaign.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fstream>

#include "support/error.h"

namespace tauto {
namespace {

long resident_megabytes() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return u.ru_maxrss / 1024;
}

}  // namespace

Campaign::Campaign(int argc, char** argv) : program(argv[0]) {
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    const bool last = i + 1 == argc;
    const auto number = [&] { return std::strtoull(argv[++i], nullptr, 10); };
    if (a == "--seed" && !last)
      seed = number();
    else if (a == "--count" && !last)
      count = number();
    else if (a == "--only" && !last)
      only = number();
    else if (a == "--out" && !last)
      out = argv[++i];
    else
      paths.push_back(a);
  }
}

int Campaign::run(const std::string& ending, const std::function<std::string(size_t, uint64_t)>& mutant,
                  const std::function<Verdict(const std::string&)>& judge) const {
  if (paths.empty()) {
    std::fprintf(stderr, "%s: required at least one file\n", program.c_str());
    return 2;
  }
  uint64_t valid = 0, accepted = 0, failures = 0, done = 0;
  const long before = resident_megabytes();
  for (uint64_t k = only == UINT64_MAX ? 0 : only; k < count && (only == UINT64_MAX || k == only); ++k) {
    const size_t which = k % paths.size();
    const std::string bytes = mutant(which, seed * 0x9e3779b97f4a7c15u + k);
    const std::string file = cat(out, "/mutant-", seed, "-", k, ending);
    // Written first and removed after: a crash leaves it behind.
    std::ofstream(file, std::ios::binary) << bytes;
    const std::clock_t start = std::clock();
    Verdict v;
    try {
      v = judge(bytes);
    } catch (const std::exception& e) {
      v.problem = cat("another exception: ", e.what());
    }
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (v.problem.empty() && seconds > kSeconds) v.problem = cat("took ", seconds, " seconds");
    if (v.problem.empty() && resident_megabytes() - before > kMegabytes)
      v.problem = cat(resident_megabytes(), " MB resident");
    ++done, valid += v.valid, accepted += v.accepted;
    if (v.problem.empty()) {
      unlink(file.c_str());
      continue;
    }
    ++failures;
    std::printf("%s\n",
                cat("FAILED mutant ", k, " of ", paths[which], ": ", v.problem, "\n  repro: ", program,
                    " --seed ", seed, " --count ", count, " --only ", k, " FILES   (kept: ", file, ")")
                    .c_str());
    std::fflush(stdout);
  }
  std::printf("%s\n", cat("fuzz: ", done, " mutants, ", valid, " valid, ", accepted, " accepted, ", failures,
                          " failures")
                          .c_str());
  return failures ? 1 : 0;
}

}  // namespace tauto
