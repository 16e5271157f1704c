// What the evaluator compiles a kernel to: small objects that call each other (evaluate.cpp makes them). An
// expression gives the bits of its value, a statement runs. Sizes are numbers by then.
//
// Expressions are graphs: a shared node must not be computed once per path to it, a reduction that does not
// depend on another's variable not once per term, and the side of a `select` that is not chosen not at all.
// So such nodes become *cells*, computed when first asked for and kept until the variables they depend on
// change: each scope (a statement, or a reduction's terms) has a time, set anew with every term, and a cell
// is valid if it was computed at the time its innermost scope has now.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "loops/arithmetic.h"
#include "loops/reduction_order.h"
#include "loops/values.h"
#include "support/error.h"

namespace tauto::loops::machine {

struct Memory {
  const Buffer* buffer = nullptr;
  char* data = nullptr;
  std::vector<int64_t> dims;
  struct Part {
    size_t dim;
    int64_t divisor, modulus, stride;
  };
  std::vector<Part> parts;
  int64_t offset = 0, elements = 0, bytes = 0;  // bytes of one element
  std::vector<char> own;                        // of an allocated buffer
  std::vector<char> written;                    // per element of an allocated buffer
};

struct Cell {
  uint64_t time = 0, value = 0;
};

struct Machine {
  std::vector<uint64_t> variables;
  std::vector<uint64_t> times;  // per scope
  std::vector<Cell> cells;
  std::vector<std::unique_ptr<Memory>> memories;
  std::string kernel;
  uint64_t clock = 0;

  void tick(size_t scope) { times[scope] = ++clock; }
};

struct Node {
  virtual ~Node() = default;
  virtual uint64_t run(Machine& m) const = 0;
};
using Nodes = std::vector<const Node*>;

struct ConstantNode final : Node {
  uint64_t value;
  explicit ConstantNode(uint64_t v) : value(v) {}
  uint64_t run(Machine&) const override { return value; }
};

struct VariableNode final : Node {
  size_t at;
  explicit VariableNode(size_t a) : at(a) {}
  uint64_t run(Machine& m) const override { return m.variables[at]; }
};

struct CellNode final : Node {
  const Node* from;
  size_t cell, scope;
  CellNode(const Node* f, size_t c, size_t s) : from(f), cell(c), scope(s) {}
  uint64_t run(Machine& m) const override {
    if (m.cells[cell].time != m.times[scope]) {
      const uint64_t v = from->run(m);
      m.cells[cell] = {m.times[scope], v};
    }
    return m.cells[cell].value;
  }
};

// A function on the bits of its operands; those that it does not take are 0.
using Applied = uint64_t (*)(const Machine& m, uint64_t x, uint64_t y, uint64_t z);

template <Function F, class T>
uint64_t applied(const Machine& m, uint64_t x, uint64_t y, uint64_t z) {
  if constexpr (F == Function::FloorDiv)
    if (as<T>(y) <= 0)
      fail("kernel ", m.kernel, ": floor_div of ", as<T>(x), ": required a positive divisor, got ", as<T>(y));
  return bits_of(value<F, T>(as<T>(x), as<T>(y), as<T>(z)));
}

struct ApplyNode final : Node {
  Applied function;
  const Node *a, *b, *c;
  ApplyNode(Applied f, const Nodes& args)
      : function(f),
        a(args[0]),
        b(args.size() > 1 ? args[1] : nullptr),
        c(args.size() > 2 ? args[2] : nullptr) {}
  uint64_t run(Machine& m) const override {
    const uint64_t x = a->run(m);
    const uint64_t y = b ? b->run(m) : 0;
    return function(m, x, y, c ? c->run(m) : 0);
  }
};

struct ChooseNode final : Node {
  const Node *condition, *a, *b;
  explicit ChooseNode(const Nodes& args) : condition(args[0]), a(args[1]), b(args[2]) {}
  uint64_t run(Machine& m) const override { return (condition->run(m) ? a : b)->run(m); }
};

struct ConvertNode final : Node {
  const Node* from;
  ElementType source, target;
  ConvertNode(const Node* f, ElementType s, ElementType t) : from(f), source(s), target(t) {}
  uint64_t run(Machine& m) const override { return converted(from->run(m), source, target); }
};

// The element of `memory` at the index, checked.
struct Place {
  const Memory* memory;
  Nodes index;

  int64_t element(Machine& m, const char* what) const {
    int64_t at[16];
    bool inside = true;
    for (size_t d = 0; d < index.size(); ++d) {
      at[d] = static_cast<int64_t>(index[d]->run(m));
      inside &= at[d] >= 0 && at[d] < memory->dims[d];
    }
    int64_t e = memory->offset;
    for (const Memory::Part& p : memory->parts) {
      int64_t i = at[p.dim];
      if (p.divisor != 1) i /= p.divisor;  // i >= 0, or it is refused below
      if (p.modulus != 0) i %= p.modulus;
      e += p.stride * i;
    }
    if (!inside) refuse(m, what, at);
    CHECK(e >= 0 && e < memory->elements, "layout of ", memory->buffer->name);
    return e;
  }
  [[noreturn]] void refuse(const Machine& m, const char* what, const int64_t* at) const {
    fail("kernel ", m.kernel, ": ", what, " of ", memory->buffer->name,
         std::span<const int64_t>(at, index.size()), ": required an index inside ",
         std::span<const int64_t>(memory->dims));
  }
};

struct LoadNode final : Node {
  Place place;
  explicit LoadNode(Place p) : place(std::move(p)) {}
  uint64_t run(Machine& m) const override {
    const int64_t e = place.element(m, "load");
    const Memory& from = *place.memory;
    if (!from.written.empty() && !from.written[static_cast<size_t>(e)])
      fail("kernel ", m.kernel, ": load of ", from.buffer->name, ": element ", e, " was never written");
    uint64_t v = 0;
    std::memcpy(&v, from.data + e * from.bytes, static_cast<size_t>(from.bytes));
    return v;
  }
};

struct ProbeNode final : Node {
  const Node* value;
  Place place;
  ProbeNode(const Node* v, Place p) : value(v), place(std::move(p)) {}
  uint64_t run(Machine& m) const override {
    const uint64_t v = value->run(m);
    const int64_t e = place.element(m, "probe");
    const Memory& to = *place.memory;
    std::memcpy(to.data + e * to.bytes, &v, static_cast<size_t>(to.bytes));
    return v;
  }
};

// ---- reductions -------------------------------------------------------------------------------------------

struct ReduceNode final : Node {
  Order order = Order::Chain;
  bool product = false;  // of two operands, added to the sum so far
  Applied function = nullptr, add = nullptr;
  uint64_t identity = 0;
  std::vector<int64_t> extents;
  std::vector<size_t> variables;
  Nodes operands;
  const Node* guard = nullptr;
  size_t scope = 0;

  uint64_t run(Machine& m) const override {
    if (order == (product ? Order::Blocks : Order::Partials)) return product ? blocks(m) : partials(m);
    return chain(m);
  }

 private:
  // Calls f(i) for the terms in row-major order, those whose guard fails left out.
  template <class G>
  void each_term(Machine& m, G f) const {
    int64_t terms = 1;
    for (size_t d = 0; d < extents.size(); ++d) {
      terms *= extents[d];
      m.variables[variables[d]] = 0;
    }
    for (int64_t i = 0; i < terms; ++i) {
      m.tick(scope);
      if (!guard || guard->run(m)) f(i);
      for (size_t d = extents.size(); d-- > 0;) {
        if (static_cast<int64_t>(++m.variables[variables[d]]) < extents[d]) break;
        m.variables[variables[d]] = 0;
      }
    }
  }

  // acc with the current term.
  uint64_t step(Machine& m, uint64_t acc) const {
    const uint64_t x = operands[0]->run(m);
    return product ? function(m, x, operands[1]->run(m), acc) : function(m, acc, x, 0);
  }

  uint64_t chain(Machine& m) const {
    uint64_t acc = identity;
    each_term(m, [&](int64_t) { acc = step(m, acc); });
    return acc;
  }

  // ((+0 + block0) + block1) + …; a block without a term is +0.
  uint64_t blocks(Machine& m) const {
    const BlockCut cut = block_cut(extents);
    const int64_t terms = cut.steps * cut.inner;  // of a block
    uint64_t sum = 0, acc = 0;
    int64_t block = 0;
    each_term(m, [&](int64_t i) {
      for (; block < i / terms; ++block) sum = add(m, sum, acc, 0), acc = 0;
      acc = step(m, acc);
    });
    return add(m, sum, acc, 0);
  }

  uint64_t partials(Machine& m) const {
    uint64_t s[kPartialSums], t[kPartialSums];
    std::fill_n(s, kPartialSums, identity);
    std::fill_n(t, kPartialSums, identity);
    const auto end_piece = [&] {
      for (int64_t p = 0; p < kPartialSums; ++p) s[p] = function(m, s[p], t[p], 0), t[p] = identity;
    };
    int64_t piece = 0;
    each_term(m, [&](int64_t i) {
      for (; piece < i / kPieceTerms; ++piece) end_piece();
      t[i % kPartialSums] = step(m, t[i % kPartialSums]);
    });
    end_piece();
    for (int64_t half = kPartialSums / 2; half > 0; half /= 2)
      for (int64_t p = 0; p < half; ++p) s[p] = function(m, s[p], s[p + half], 0);
    return s[0];
  }
};

// ---- statements -------------------------------------------------------------------------------------------

struct Action {
  virtual ~Action() = default;
  virtual void run(Machine& m) const = 0;
};

// An expression that stands in a statement; asking for it begins a new time.
struct Root {
  const Node* node = nullptr;
  size_t scope = 0;
  uint64_t run(Machine& m) const {
    m.tick(scope);
    return node->run(m);
  }
};

struct StoreAction final : Action {
  Place place;
  Root value;
  void run(Machine& m) const override {
    const uint64_t v = value.run(m);
    const int64_t e = place.element(m, "store");
    const Memory& to = *place.memory;
    std::memcpy(to.data + e * to.bytes, &v, static_cast<size_t>(to.bytes));
    if (!to.written.empty()) const_cast<Memory&>(to).written[static_cast<size_t>(e)] = 1;
  }
};
struct ForAction final : Action {
  Root from, to;
  size_t variable = 0;
  int64_t step = 1;
  const Action* body = nullptr;
  void run(Machine& m) const override {
    const auto end = static_cast<int64_t>(to.run(m));
    for (auto i = static_cast<int64_t>(from.run(m)); i < end; i += step) {
      m.variables[variable] = static_cast<uint64_t>(i);
      body->run(m);
    }
  }
};
struct BlockAction final : Action {
  std::vector<const Action*> actions;
  void run(Machine& m) const override {
    for (const Action* a : actions) a->run(m);
  }
};
struct IfAction final : Action {
  Root condition;
  const Action* then = nullptr;
  void run(Machine& m) const override {
    if (condition.run(m)) then->run(m);
  }
};
struct LetAction final : Action {
  Root value;
  size_t variable = 0;
  const Action* body = nullptr;
  void run(Machine& m) const override {
    m.variables[variable] = value.run(m);
    body->run(m);
  }
};
struct AllocateAction final : Action {
  Memory* memory = nullptr;
  const Action* body = nullptr;
  void run(Machine& m) const override {
    std::fill(memory->written.begin(), memory->written.end(), 0);
    body->run(m);
  }
};

}  // namespace tauto::loops::machine
