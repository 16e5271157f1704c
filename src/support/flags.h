// The knobs of the environment, read each time something is compiled; docs/debugging.md is their page.
//
//   TAUTO_DEBUG=0…5       how much is said on stderr
//   TAUTO_DUMP=FOLDER     each stage that changed something, as text
//   TAUTO_OFF=NAME,…      stages to leave out (compile/pipeline.h has their names)
//   TAUTO_ISA=…           support/cpu.h
//   TAUTO_PERF=1          runtime/code_names.h
//
// None of them changes a bit of a result. The library says nothing on its own account: `say` is the only
// place that writes to stderr, and TAUTO_DEBUG the only reason.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tauto {

struct Flags {
  int debug = 0;
  std::string dump;  // "": none
  std::vector<std::string> off;

  bool is_off(std::string_view name) const;
};

// Error: TAUTO_X: required …, got "…".
Flags read_flags();
Flags flags_of(const char* debug, const char* dump, const char* off, const char* perf);  // null: not set

// One line on stderr.
void say(const std::string& line);

// Writes FOLDER/NN_stem.suffix, NN counted up over the life of the process; makes the folder.
class Dump {
 public:
  explicit Dump(std::string folder) : folder_(std::move(folder)) {}
  bool on() const { return !folder_.empty(); }
  // The beginning of the names of files that belong together.
  std::string next(const std::string& stem) const;
  void write(const std::string& name, std::string_view text) const;

 private:
  std::string folder_;
};

}  // namespace tauto
