// A kernel is drawn from the outside in: buffers, loops over an output's elements, then an expression for the
// element, typed, whose indices stay inside by construction.
#include "loops/random_kernel.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "loops/affine.h"
#include "loops/arithmetic.h"
#include "support/error.h"

namespace tauto::testing {
namespace {

using namespace loops;  // the text of this file is made of its words

const std::vector<ElementType> kTypes = {f32, f32, f32, f64, i32, i64, u8, i8, boolean, f16, bf16};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  RandomKernel kernel() {
    RandomKernel r;
    r.kernel.name = "random";
    r.kernel.symbols = {"N", "M"};
    r.symbols = {between(1, 9), between(1, 4)};
    for (int64_t i = between(1, 3); i-- > 0;) {
      readable_.push_back(buffer(cat("x", i), Scope::Argument));
      r.kernel.buffers.push_back(readable_.back());
    }
    std::vector<Stmt> stmts;
    for (int64_t i = between(1, 2); i-- > 0;) {
      r.kernel.buffers.push_back(buffer(cat("out", i), Scope::Argument));
      stmts.push_back(between(0, 2) ? fill(r.kernel.buffers.back()) : staged(r.kernel.buffers.back()));
    }
    r.kernel.body = block(std::move(stmts));
    if (between(0, 3) == 0) r.kernel.sources = {"node \"1\"", "Relu_2"};
    return r;
  }

 private:
  int64_t between(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(random_() % static_cast<uint64_t>(hi - lo + 1));
  }
  template <class T>
  const T& one_of(const std::vector<T>& v) {
    return v[static_cast<size_t>(between(0, static_cast<int64_t>(v.size()) - 1))];
  }
  std::string fresh(const char* stem) { return cat(stem, "_", ++names_); }

  // ---- buffers --------------------------------------------------------------------------------------------

  Dim extent() {
    switch (between(0, 5)) {
      case 0:
        return Dim::symbol("N");
      case 1:
        return Dim::symbol("M") + between(0, 2);
      case 2:
        return 1;
      default:
        return between(1, 7);
    }
  }

  BufferPtr buffer(std::string name, Scope scope) {
    std::vector<Dim> dims;
    for (int64_t rank = between(0, 3); rank-- > 0;) dims.push_back(extent());
    Buffer b = *make_buffer(std::move(name), one_of(kTypes), dims, scope);
    if (!dims.empty() && between(0, 2) == 0) b.layout = layout(dims);
    return std::make_shared<const Buffer>(std::move(b));
  }

  // One dim in blocks of 4, innermost; the rest permuted; some elements in front.
  Layout layout(const std::vector<Dim>& dims) {
    const int blocked = static_cast<int>(between(0, static_cast<int64_t>(dims.size()) - 1));
    std::vector<int> order;
    for (int d = 0; d < static_cast<int>(dims.size()); ++d) order.push_back(d);
    std::shuffle(order.begin(), order.end(), random_);
    Layout l;
    l.parts.push_back({blocked, 1, 4, 1});
    Dim stride = 4;
    for (int d : order) {
      l.parts.push_back({d, d == blocked ? 4 : 1, 0, stride});
      const Dim& n = dims[static_cast<size_t>(d)];
      stride *= d == blocked ? ceil_div(n, 4) : n;
    }
    l.offset = between(0, 3);
    l.elements = stride + l.offset;
    return l;
  }

  // ---- statements -----------------------------------------------------------------------------------------

  // Stores every element of b.
  Stmt fill(const BufferPtr& b) {
    std::vector<Expr> index(b->dims.size());
    std::vector<size_t> order;
    for (size_t d = 0; d < index.size(); ++d) order.push_back(d);
    std::shuffle(order.begin(), order.end(), random_);
    return nest(b, order, 0, index);
  }

  Stmt nest(const BufferPtr& b, const std::vector<size_t>& order, size_t depth, std::vector<Expr>& index) {
    if (depth == order.size()) return element(b, index);
    const size_t d = order[depth];
    const Dim& n = b->dims[d];
    const std::string v = fresh("i");
    if (between(0, 2)) {  // one loop
      index[d] = variable(v);
      const Ranges outer = ranges_;
      ranges_[v] = below(n);
      const bool parallel = depth == 0 && between(0, 2) == 0 && !inside_;
      const bool unrolled = n.is_literal() && between(0, 2) == 0;
      const bool was = inside_;
      inside_ |= !parallel;
      const Stmt body = nest(b, order, depth + 1, index);
      inside_ = was;
      ranges_ = outer;
      return loop(parallel   ? LoopKind::Parallel
                  : unrolled ? LoopKind::Unrolled
                             : LoopKind::Serial,
                  v, 0, n, body);
    }
    // Split by a tile: an inner loop of `tile` with a guard, or one that ends at the edge.
    const std::string o = fresh("o");
    const int64_t tile = between(1, 5);
    const bool guarded = between(0, 1), lanes = !lanes_ && between(0, 1);
    const bool stepped = between(0, 1);  // o counts elements, or tiles
    const Expr first = stepped ? variable(o) : variable(o) * Expr(tile);
    index[d] = first + variable(v);
    const Ranges outer = ranges_;
    ranges_[o] = stepped ? below(n) : below(ceil_div(n, tile));
    ranges_[v] = below(tile);
    const bool was_inside = inside_, was_lanes = lanes_;
    inside_ = true;
    lanes_ |= lanes;
    Stmt body = nest(b, order, depth + 1, index);
    inside_ = was_inside;
    lanes_ = was_lanes;
    ranges_ = outer;
    if (guarded) body = guard(less(index[d], n), body);
    const Expr end = guarded ? Expr(tile) : apply(Function::Min, {Expr(tile), Expr(n) - first});
    body = loop(lanes ? LoopKind::Lanes : LoopKind::Serial, v, 0, end, body);
    return stepped ? loop(LoopKind::Serial, o, 0, n, body, tile)
                   : loop(LoopKind::Serial, o, 0, ceil_div(n, tile), body);
  }

  Stmt element(const BufferPtr& b, const std::vector<Expr>& index) {
    pool_.clear();
    if (between(0, 3)) return store(b, index, expr(b->type, 3));
    const std::string v = fresh("v");
    const ElementType type = one_of(kTypes);
    const Expr value = expr(type, 2);
    lets_.emplace_back(v, type);
    pool_.clear();
    const Stmt body = store(b, index, expr(b->type, 3));
    lets_.pop_back();
    return let(v, value, body);
  }

  // Through a buffer of its own.
  Stmt staged(const BufferPtr& b) {
    const BufferPtr t = buffer(fresh("t"), Scope::Scratch);
    const Stmt first = fill(t);
    readable_.push_back(t);
    const Stmt second = fill(b);
    readable_.pop_back();
    return allocate(t, block({first, second}));
  }

  // ---- expressions ----------------------------------------------------------------------------------------

  Expr index_variable() {
    if (ranges_.empty()) return between(0, 5);
    auto at = ranges_.begin();
    std::advance(at, between(0, static_cast<int64_t>(ranges_.size()) - 1));
    return variable(at->first);
  }
  Expr any_index(int depth) {
    if (depth == 0)
      return between(0, 4)   ? index_variable()
             : between(0, 1) ? Expr(Dim::symbol("N"))
                             : Expr(between(-6, 20));
    const Expr a = any_index(depth - 1);
    switch (between(0, 5)) {
      case 0:
        return floor_div(a, between(1, 8));
      case 1:
        return floor_mod(a, between(0, 1) ? Expr(between(1, 8)) : Expr(Dim::symbol("N")));
      case 2:
        return a * Expr(between(-2, 8));
      case 3:
        return apply(between(0, 1) ? Function::Min : Function::Max, {a, any_index(depth - 1)});
      default:
        return between(0, 1) ? a + any_index(depth - 1) : a - any_index(depth - 1);
    }
  }

  // Always in 0..extent.
  Expr inside(const Dim& extent) {
    std::vector<Expr> fitting;
    for (const auto& [name, range] : ranges_)
      if (range == below(extent)) fitting.push_back(variable(name));
    if (!fitting.empty() && between(0, 3)) return one_of(fitting);
    if (extent == Dim(1) || between(0, 3) == 0) return 0;
    return floor_mod(any_index(2), extent);
  }

  Expr load_of(const BufferPtr& b) {
    std::vector<Expr> index;
    for (const Dim& d : b->dims) index.push_back(inside(d));
    if (index.empty() || between(0, 4)) return load(b, std::move(index));
    // Guarded: the index may be outside.
    const auto d = static_cast<size_t>(between(0, static_cast<int64_t>(index.size()) - 1));
    index[d] = any_index(2);
    const Expr in = both(apply(Function::LessEqual, {0, index[d]}), less(index[d], b->dims[d]));
    return select(in, load(b, std::move(index)), leaf(b->type));
  }

  Expr leaf(ElementType type) {
    if (type.is_bool()) return truth(between(0, 1));
    if (type.is_integer()) return literal(type, random_() >> between(0, 63));
    const double kValues[] = {0.0, -0.0, 1, -1, 0.5, 2, 1e30, -3.25, HUGE_VAL, -HUGE_VAL, NAN, 1e-42};
    return number(type, kValues[between(0, 11)]);
  }

  // x with its NaNs replaced: their sign must not show.
  Expr no_nan(const Expr& x) { return select(apply(Function::IsNan, {x}), number(x.type(), 1), x); }

  Expr expr(ElementType type, int depth) {
    const Expr e = fresh_expr(type, depth);
    pool_.push_back(e);
    return e;
  }

  Expr fresh_expr(ElementType type, int depth) {
    if (depth <= 0 || between(0, 7) == 0) return terminal(type);
    switch (between(0, 9)) {
      case 0: {
        const ElementType from = one_of(kTypes);
        return convert(expr(from, depth - 1), type);
      }
      case 1:
        return select(expr(boolean, depth - 1), expr(type, depth - 1), expr(type, depth - 1));
      case 2:
        return between(0, 1) ? reduction(type, depth) : terminal(type);
      case 3:
        if (type == f32) return bits(expr(i32, depth - 1), f32);
        if (type == i32) return bits(no_nan(expr(f32, depth - 1)), i32);
        break;
      case 4:
        if (!pool_.empty()) {
          const Expr& shared = one_of(pool_);
          return shared.type() == type ? shared : convert(shared, type);
        }
        break;
      case 5:
        if (type.is_bool()) {
          const ElementType t = one_of(std::vector<ElementType>{f32, f64, i32, u8});
          const Function f =
              one_of(std::vector<Function>{Function::Less, Function::LessEqual, Function::Equal});
          return apply(f, {expr(t, depth - 1), expr(t, depth - 1)});
        }
        if (type == i64) return any_index(depth);
        break;
      default:
        break;
    }
    return function(type, depth);
  }

  Expr function(ElementType type, int depth) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      const auto f = static_cast<Function>(between(0, static_cast<int64_t>(Function::Choose)));
      if (!is_defined(f, type) || f == Function::Choose || f == Function::FloorDiv) continue;
      if (gives_bool(f) && !type.is_bool()) continue;
      std::vector<Expr> arguments;
      for (int i = arity_of(f); i-- > 0;) arguments.push_back(expr(type, depth - 1));
      if (f == Function::CopySign) arguments[1] = no_nan(arguments[1]);
      return apply(f, std::move(arguments));
    }
    return terminal(type);
  }

  Expr terminal(ElementType type) {
    std::vector<Expr> choices;
    for (const auto& [name, t] : lets_)
      if (t == type) choices.push_back(variable(name, t));
    for (const BufferPtr& b : readable_)
      if (b->type == type) choices.push_back(load_of(b));
    if (type == i64) choices.push_back(any_index(1));
    if (choices.empty() || between(0, 4) == 0) {
      if (between(0, 1)) return leaf(type);
      return convert(load_of(one_of(readable_)), type);
    }
    return one_of(choices);
  }

  Expr reduction(ElementType type, int depth) {
    if (!has_arithmetic(type)) return terminal(type);
    const auto order = static_cast<Order>(between(0, 2));
    Function f = Function::Fma;
    if (order == Order::Partials || (order == Order::Chain && between(0, 3)))
      f = one_of(std::vector<Function>{Function::Add, Function::Mul, Function::Max, Function::Min});
    const Ranges outer = ranges_;
    const std::vector<Expr> pool = pool_;
    std::vector<Axis> axes;
    for (int64_t i = between(0, 2); i-- > 0;) {
      axes.push_back({fresh("k"), between(0, 3) ? extent() : Dim(between(0, 20))});
      ranges_[axes.back().variable] = below(axes.back().extent);
    }
    std::vector<Expr> operands = {expr(type, depth - 1)};
    if (f == Function::Fma) operands.push_back(expr(type, depth - 1));
    const Expr guard = between(0, 2) == 0 ? expr(boolean, 1) : Expr();
    ranges_ = outer;
    pool_ = pool;
    return reduce(order, f, std::move(axes), std::move(operands), guard);
  }

  std::mt19937_64 random_;
  int names_ = 0;
  bool inside_ = false, lanes_ = false;
  Ranges ranges_;  // of the variables in scope
  std::vector<std::pair<std::string, ElementType>> lets_;
  std::vector<BufferPtr> readable_;
  std::vector<Expr> pool_;  // expressions of this statement that may be used again
};

}  // namespace

RandomKernel random_kernel(uint64_t seed) { return Generator(seed).kernel(); }

}  // namespace tauto::testing
