// Random legal executions, see legal_execution.h. A hook of the interpreter gives other results for the nodes
// that round: contractions, sums, and elementwise functions of floats. Everything else runs its reference.
#include "verify/legal_execution.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "ops/contraction.h"
#include "ops/ops.h"

namespace tauto::equivalence {
namespace {

constexpr int64_t kOneByOne = int64_t{1} << 22;  // terms of a contraction that are ordered freely

class Random {
 public:
  Random(uint64_t seed, uint64_t stream) : state_(seed * 0x9e3779b97f4a7c15u + stream) { next(); }
  uint64_t next() {  // SplitMix64
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t n) { return next() % n; }
  bool coin() { return next() & 1; }
  std::vector<int64_t> permutation(int64_t n) {
    std::vector<int64_t> p(static_cast<size_t>(n));
    std::iota(p.begin(), p.end(), 0);
    for (size_t i = p.size(); i > 1; --i) std::swap(p[i - 1], p[below(i)]);
    return p;
  }

 private:
  uint64_t state_;
};

// t with its slices along axis d in another order.
Tensor permuted(const Tensor& t, size_t d, const std::vector<int64_t>& order) {
  int64_t outer = 1, inner = t.element_bytes();
  for (size_t i = 0; i < d; ++i) outer *= t.shape()[i];
  for (size_t i = d + 1; i < t.shape().size(); ++i) inner *= t.shape()[i];
  Tensor r(t.type(), t.shape());
  const char* from = static_cast<const char*>(t.raw());
  char* to = static_cast<char*>(r.raw());
  for (int64_t o = 0; o < outer; ++o)
    for (const int64_t k : order) {
      std::memcpy(to, from + (o * static_cast<int64_t>(order.size()) + k) * inner,
                  static_cast<size_t>(inner));
      to += inner;
    }
  return r;
}

// Where operand i has the term of output `out` and reduction index `term`; -1: outside.
int64_t address(const std::vector<BoundAccess::Index>& operand, const std::vector<int64_t>& at) {
  int64_t address = 0;
  for (const BoundAccess::Index& x : operand) {
    int64_t v = x.offset;
    for (size_t a = 0; a < at.size(); ++a) v += x.coefficients[a] * at[a];
    if (v % x.divisor != 0 || (v /= x.divisor) < 0 || v >= x.dim) return -1;
    address = address * x.dim + v;
  }
  return address;
}

void step(std::vector<int64_t>& at, const std::vector<int64_t>& extents, size_t from, size_t to) {
  for (size_t i = to; i > from; --i) {
    if (++at[i - 1] < extents[i - 1]) return;
    at[i - 1] = 0;
  }
}

// Each sum in one order for all outputs, over 1 to 16 partial sums that are added at random; fused or not.
Tensor contract_freely(const BoundAccess& access, const Tensor& a, const Tensor& b, Random& random) {
  const auto outputs = static_cast<size_t>(access.outputs);
  const int64_t terms = access.reduction_terms();
  const std::vector<int64_t> order = random.permutation(terms);
  const bool fused = random.coin();
  const auto partials = static_cast<size_t>(int64_t{1} << random.below(5));
  std::vector<std::vector<int64_t>> points;  // of the reduction axes, in the order of the terms
  std::vector<int64_t> at(access.extents.size(), 0);
  for (int64_t i = 0; i < terms; ++i) {
    points.push_back(at);
    step(at, access.extents, outputs, at.size());
  }
  Tensor out(f32, access.output_shape());
  std::fill(at.begin(), at.end(), 0);
  std::vector<float> sums(partials);
  std::vector<size_t> joins(partials, 0);  // to which of those before it a partial sum is added
  for (size_t i = 1; i < partials; ++i) joins[i] = random.below(i);
  for (int64_t o = 0; o < out.count(); ++o) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    size_t next = 0;
    for (const int64_t k : order) {
      std::vector<int64_t>& point = points[static_cast<size_t>(k)];
      std::copy_n(at.begin(), outputs, point.begin());
      const int64_t i = address(access.operands[0], point), j = address(access.operands[1], point);
      if (i < 0 || j < 0) continue;
      float& sum = sums[next++ % partials];
      const float x = a.data<float>()[i], y = b.data<float>()[j];
      sum = fused ? std::fma(x, y, sum) : x * y + sum;
    }
    for (size_t left = partials; left > 1; --left) sums[joins[left - 1]] += sums[left - 1];
    out.data<float>()[o] = sums[0];
    step(at, access.extents, 0, outputs);
  }
  return out;
}

// Axes that the operands have as they are may be walked in any order: the same permutation of both.
std::vector<Value> permute_reduction(const BoundAccess& access, std::vector<Value> in, Random& random) {
  for (size_t axis = static_cast<size_t>(access.outputs); axis < access.extents.size(); ++axis) {
    std::vector<std::pair<size_t, size_t>> places;
    bool plain = access.extents[axis] > 1;
    for (size_t i = 0; i < access.operands.size(); ++i)
      for (size_t d = 0; d < access.operands[i].size(); ++d) {
        const BoundAccess::Index& x = access.operands[i][d];
        if (x.coefficients[axis] == 0) continue;
        plain &= x.coefficients[axis] == 1 && x.offset == 0 && x.divisor == 1 &&
                 x.dim == access.extents[axis] &&
                 std::count(x.coefficients.begin(), x.coefficients.end(), 0) + 1 ==
                     static_cast<std::ptrdiff_t>(x.coefficients.size());
        places.emplace_back(i, d);
      }
    if (!plain) continue;
    const std::vector<int64_t> order = random.permutation(access.extents[axis]);
    for (const auto& [i, d] : places) in[i].tensor = permuted(in[i].tensor, d, order);
  }
  return in;
}

class Execution {
 public:
  Execution(const Module& m, uint64_t seed) : m_(m), seed_(seed) {}

  Value other(const Function& f, Id id, const std::vector<Value>& in, const Env& env) {
    const Node& n = f.node(id);
    if (!n.type.is_tensor() || !n.type.element.is_float()) return {};
    for (const Value& v : in)
      if (!v.is_tensor()) return {};
    Random random(seed_, static_cast<uint64_t>(id));
    const auto is_f32 = [](const Value& v) { return v.tensor.type() == f32; };
    if (n.op == &ops::contract && n.type.element == f32 && std::all_of(in.begin(), in.end(), is_f32)) {
      const Attributes attributes = substitute(n.attributes, env);
      const Tensor* operands[] = {&in[0].tensor, &in[1].tensor};
      const BoundAccess access(attributes.get<Access>("access"), operands);
      const Shape shape = access.output_shape();
      if (element_count(shape) * std::max<int64_t>(access.reduction_terms(), 1) <= kOneByOne)
        return contract_freely(access, in[0].tensor, in[1].tensor, random);
      return evaluate(f, id, permute_reduction(access, in, random), env, Rep::Exact);
    }
    if (n.op == &ops::reduce_sum) {
      std::vector<Value> shuffled = in;
      const Attributes attributes = substitute(n.attributes, env);
      for (const int64_t axis : attributes.get<Ints>("axes")) {
        const auto d = static_cast<size_t>(axis);
        shuffled[0].tensor = permuted(shuffled[0].tensor, d, random.permutation(in[0].tensor.shape()[d]));
      }
      return evaluate(f, id, std::move(shuffled), env, Rep::Exact);
    }
    if ((n.op->traits & kElementwise) && !(n.op->traits & kView) && n.type.element == f32 && random.coin()) {
      std::vector<Value> ideal;
      for (const Value& v : in) ideal.push_back(to_rep(v, Rep::Ideal));
      const Value exact = evaluate(f, id, std::move(ideal), env, Rep::Ideal);
      Tensor rounded(f32, exact.tensor.shape());
      for (int64_t i = 0; i < rounded.count(); ++i)
        rounded.data<float>()[i] = static_cast<float>(exact.tensor.data<double>()[i]);
      return rounded;
    }
    return {};
  }

 private:
  Value evaluate(const Function& f, Id id, std::vector<Value> in, const Env& env, Rep rep) {
    Env inner = env;
    InterpretOptions options;
    options.rep = rep;
    return evaluate_node(m_, f, id, std::move(in), inner, options, {});
  }

  const Module& m_;
  uint64_t seed_;
};

}  // namespace

std::vector<Value> legal_execution(const Module& m, std::vector<Value> inputs, uint64_t seed,
                                   const std::function<bool()>* cancelled,
                                   std::function<void(const Function&, Id, const Value&)> watch) {
  Execution execution(m, seed);
  InterpretOptions options;
  options.cancelled = cancelled;
  options.watch = std::move(watch);
  if (seed != 0)
    options.replace = [&](const Function& f, Id id, const std::vector<Value>& in, const Env& env) {
      return execution.other(f, id, in, env);
    };
  return interpret(m, std::move(inputs), options);
}

}  // namespace tauto::equivalence
