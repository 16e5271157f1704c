// The programs of one graph: one for all sizes of its inputs, and a few for the sizes that runs have.
//
// A program for given sizes is faster (tiles without tails of run time, loops that end where they are known
// to) and compiles faster than the one for all sizes. So the first sizes that are seen get their own program;
// from then on the sizes seem to vary: others run the program for all sizes, and get their own when they are
// seen again, kMostSpecialised at most. All give the same bits. TAUTO_OFF=specialise: one program for all.
//
// What is compiled goes into the cache (program_cache.h), and is looked for there first.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "compile/executable.h"
#include "compile/packed_constants.h"

namespace tauto {

// Where the graph comes from.
struct ProgramOrigin {
  std::vector<Type> parameters;                           // of main
  std::function<std::shared_ptr<const Module>()> module;  // asked when something is to be compiled
  std::function<std::string()> identity;  // what the cache knows the graph by; none: it is not asked
};

class Programs {
 public:
  static constexpr size_t kMostSpecialised = 4;
  static constexpr size_t kRemembered = 16;  // sizes that were seen once

  explicit Programs(std::shared_ptr<const Module> m);  // without a cache
  explicit Programs(ProgramOrigin origin);

  // The program for these inputs; compiled where there is none, or one without its stages that are wanted.
  // One call at a time.
  std::shared_ptr<const Executable> get(const std::vector<Value>& inputs, bool with_stages = false);
  // The program for all sizes is this one.
  void adopt(std::shared_ptr<const Executable> for_all) { for_all_ = std::move(for_all); }
  bool has(const Executable& e) const;
  // Will later runs with the sizes of those that e ran get e again?
  bool settled(const Executable& e) const;
  size_t compiled() const { return (for_all_ ? 1 : 0) + specialised_.size(); }

 private:
  using Shapes = std::vector<Shape>;
  struct Specialised {
    Shapes shapes;  // of the inputs
    std::shared_ptr<const Executable> program;
  };
  bool wants_its_own(const Shapes& shapes);
  std::shared_ptr<const Executable> for_all(bool with_stages);
  std::shared_ptr<const Executable> make(const Env& sizes, bool with_stages);

  ProgramOrigin origin_;
  bool symbolic_;  // programs for sizes are wanted: inputs are tensors of known ranks, some sizes symbols
  std::shared_ptr<const Executable> for_all_;
  std::vector<Specialised> specialised_;
  std::list<Shapes> seen_;  // latest first
  PackedConstants packed_;
};

}  // namespace tauto
