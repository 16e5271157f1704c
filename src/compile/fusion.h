// Which nodes of a function are computed where they are used.
//
// A node joins the group of its users when all of them are in it. One that maps or moves joins maps that read
// it element by element, a move anything that does not contract; a contraction or reduction joins the maps
// that follow it element by element. Reductions join what needs them for every element, and one another,
// where the whole can be walked row by row.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "compile/lower_group.h"

namespace tauto {

constexpr size_t kMostArguments = 12;  // of a group

// What one node does, read off its own tensor expression.
struct Described {
  bool lowered = false, contracts = false, reduces = false;
  int cost = 0;  // functions of elements
  std::string reason;
  Id view_of = -1;
  std::set<Id> elementwise;  // inputs of which element i is read for element i, and no other
  std::set<Id> once;         // inputs of which no element is read for more than one element
};

Described describe(const Module& m, const Function& f, Finite& finite, Id id);

class Fusion {
 public:
  std::vector<bool> inlined;

  // `apart`: nodes that join no others.
  Fusion(const Module& m, const Function& f, const std::vector<Described>& about, Finite& finite,
         const std::set<Id>& apart);

  // A result of the model that only shows a value which others read, and shows it as it is: the value may
  // have another layout than results have.
  bool may_copy(Id id) const;

  // A few steps by numbers from bytes (bf16) to something larger, in a group of their own because several others read
  // them: bytes are kept, and everybody widens them.
  bool only_widens_bytes(Id root) const;

  const std::vector<Id>& users(Id id) const { return users_[static_cast<size_t>(id)]; }
  const std::set<Id>& members(Id root) const { return groups_[static_cast<size_t>(root)].members; }

  // Takes into the group that ends at `root` what may join it.
  void grow(Id root);

 private:
  struct Members {
    std::set<Id> members;
    bool reduces = false, contracts = false;
  };
  const Described& about(Id id) const { return about_[static_cast<size_t>(id)]; }
  Members& group(Id id) { return groups_[static_cast<size_t>(id)]; }

  // It has a kernel, and nobody but this group asks for it.
  bool is_free(Id p, const Members& g) const;
  void join(Id root, Id p);
  bool joins(Id root, Id p);
  // A view is worth its indices where what it shows joins too.
  bool joins_as_view(Id root, Id p);
  // Of which members the group's element i needs element i, and no other.
  bool is_same_element(Id root, Id p);
  bool is_narrow(Id id) const;
  // Bytes (bf16) that are only made larger by what follows: they are kept, and widened where they are used.
  bool is_widened(Id root, Id p) const;
  bool joins_element_by_element(Id root, Id p);
  // A few steps from constants to something larger: narrow weights are kept, and widened where they are used.
  bool widens_constants(Id p) const;
  bool joins_row_by_row(Id root, Id p);
  // Are there indices that are not affine?
  bool is_divided(Id root) const;
  bool is_row_wise(Id root) const;

  const Module& m_;
  const Function& f_;
  const std::vector<Described>& about_;
  Finite& finite_;
  std::vector<std::vector<Id>> users_;
  std::vector<Members> groups_;
  std::vector<bool> escapes_;
};

}  // namespace tauto
