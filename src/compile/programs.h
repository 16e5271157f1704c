// The programs of one graph: one for all sizes of its inputs, and a few for the sizes that runs have.
//
// A program for given sizes is faster (tiles without tails of run time, loops that end where they are known
// to) and compiles faster than the one for all sizes. So the first sizes that are seen get their own program;
// from then on the sizes seem to vary: others run the program for all sizes, and get their own when they are
// seen again, kMostSpecialised at most. All give the same bits. TAUTO_OFF=specialise: one program for all.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "compile/executable.h"
#include "compile/packed_constants.h"

namespace tauto {

class Programs {
 public:
  static constexpr size_t kMostSpecialised = 4;
  static constexpr size_t kRemembered = 16;  // sizes that were seen once

  explicit Programs(std::shared_ptr<const Module> m);

  const std::shared_ptr<const Module>& module() const { return module_; }
  // The program for these inputs; compiled where there is none. One call at a time.
  std::shared_ptr<const Executable> get(const std::vector<Value>& inputs);
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
  std::shared_ptr<const Executable> for_all();

  std::shared_ptr<const Module> module_;
  bool symbolic_;  // programs for sizes are wanted: inputs are tensors of known ranks, some sizes symbols
  std::shared_ptr<const Executable> for_all_;
  std::vector<Specialised> specialised_;
  std::list<Shapes> seen_;  // latest first
  PackedConstants packed_;
};

}  // namespace tauto
