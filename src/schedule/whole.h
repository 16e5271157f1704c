// Kernels whose reductions serve many elements of the result: a row and what is made of its sum.
//
// The output axes on which no reduction depends are walked *whole*: for each element of the other axes the
// reductions come first, once, then the elements. That is a list of steps: a reduction, or a number made of
// reductions (one value each); and what several steps need of every element and is dear, which is kept in
// scratch.
//
// Steps are found in the expression, whoever wrote it: the variables of reductions are named by their place
// and extent, as the whole axes are, and equal expressions become one node. So the powers that a sum adds up
// are the same nodes as those that it divides afterwards.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "loops/affine.h"
#include "schedule/schedule.h"

namespace tauto {

struct Step {
  loops::Expr value;
  std::vector<loops::Axis> axes;  // over which it is kept, by their canonical names; none: one value
};

class Steps {
 public:
  // `keep`: an element that takes as many operations and loads is kept; 0: none is.
  Steps(const Nest& n, const std::vector<std::string>& whole, int keep);

  std::vector<Step> list;         // in an order of evaluation
  loops::Expr value;              // of the result
  std::vector<loops::Axis> axes;  // the whole ones, by their canonical names

  using Known = std::unordered_map<const loops::ExprNode*, loops::Expr>;  // what stands for a step's value
  using Variables = std::map<std::string, loops::Expr>;                   // by canonical name
  using Fresh = std::function<std::string(const loops::Axis&)>;
  // A step's value or the result's over these variables, in terms of what is known. `fresh` names the axes of
  // the reductions in it.
  static loops::Expr written(const loops::Expr& e, const Variables& variables, const Known& known,
                             const Fresh& fresh);

 private:
  using Names = std::set<std::string>;
  struct About {
    Names free;               // canonical variables that it depends on
    bool reduces = false;     // it takes a step's reduction
    std::set<size_t> bodies;  // where it is needed: in the terms of which reduction, or in the result
    std::vector<const loops::ExprNode*> users;  // in those; null: it is all of a body
    bool guarded = false;  // somewhere it is asked for only where a condition on indices holds
    bool kept = false;
  };
  struct Place {
    size_t place;
    loops::Axis axis;
  };
  void name(const loops::Axis& a, size_t place);
  const Names& free_variables(const loops::Expr& e);
  loops::Expr canonical(const loops::Expr& e);
  loops::Expr unique(const loops::Expr& e);
  loops::Expr interned(const loops::Expr& e);
  About& about(const loops::Expr& e);
  bool is_step(const loops::Expr& e) { return e.as<loops::Reduce>() && about(e).free.empty(); }
  void mark(const loops::Expr& e, const loops::ExprNode* user, size_t body, bool guarded);
  int cost(const loops::Expr& e);
  bool may_be_kept(const loops::Expr& e);
  void add_steps(int keep);

  loops::Ranges ranges_;
  std::map<std::string, std::string> names_;  // variable → canonical
  std::map<std::string, Place> places_;       // by canonical name
  std::unordered_map<const loops::ExprNode*, std::pair<loops::Expr, loops::Expr>> done_, interned_;
  std::unordered_map<const loops::ExprNode*, Names> free_;
  std::unordered_map<std::string, loops::Expr> unique_;
  std::unordered_map<const loops::ExprNode*, About> about_;
};

}  // namespace tauto
