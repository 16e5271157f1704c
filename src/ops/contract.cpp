// contract(a, b): the one contraction. out[outputs…] = Σ over the ordered reduction axes of a[map₀] ·
// b[map₁].
//
// Matmul, convolution of any rank, grouped, depthwise, transposed, attention products and Einsum are this
// node (attribute `access`, graph/attribute.h). Elements: both operands and the result are of one type; f16
// and bf16 are widened, summed in f32 and rounded once; integers wrap. With an attribute `to` the operands
// are integers of any types that are converted to it first. With `bits` the operands are words of i32, each 32
// truth values, and a term is how many of them differ: products of signs (passes/bits.h).
// With `arithmetic` "bf16.dp" the operands are bf16, the result is f32, and each step is that of AVX512_BF16
// (docs/semantics.md).
#include <algorithm>
#include <cmath>

#include "ops/contraction.h"
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/ops.h"
#include "ops/storage.h"

namespace tauto::ops {
namespace {

constexpr const char* kBf16Dp = "bf16.dp";

Type contract_type(const TypeContext& c) {
  const Access& a = c.attributes.get<Access>("access");
  const bool converts = c.attributes.find("to") != nullptr;
  if (c.attributes.flag("bits") && (converts || !(c.element(0) == i32)))
    c.refuse("bits: required words, i32");
  ElementType result = c.attributes.get_or<ElementType>("to", c.element(0));
  if (c.attributes.find("arithmetic") != nullptr) {
    const std::string name = c.attributes.get<std::string>("arithmetic");
    c.require(name == kBf16Dp, cat("arithmetic: required \"", kBf16Dp, "\", got \"", name, '"'));
    if (converts || !(c.element(0) == bf16) || !(c.element(1) == bf16))
      c.refuse(cat(kBf16Dp, ": required bf16, got ", c.element(0), " and ", c.element(1)));
    result = f32;
  }
  if (converts && !(result.is_integer() && c.element(0).is_integer() && c.element(1).is_integer()))
    c.refuse("to: required integers");
  if (!converts) c.require_same_element(0, 1);
  if (!in_set(result, kNumbers)) c.refuse("required numbers");
  c.require(a.operands.size() == 2, "required two index maps");
  for (int i = 0; i < 2; ++i) {
    const auto& operand = a.operands[static_cast<size_t>(i)];
    c.require_rank(i, static_cast<int64_t>(operand.size()));
    for (size_t d = 0; d < operand.size(); ++d) {
      // A plain axis must have the operand's extent; anything else may reach outside on purpose (padding).
      const AxisIndex& x = operand[d];
      if (x.terms.size() == 1 && x.terms[0].coefficient == Dim(1) && x.offset == Dim(0) && x.divisor == 1)
        c.require_equal(
            c.dim(i, static_cast<int64_t>(d)), a.extents[static_cast<size_t>(x.terms[0].axis)],
            cat("dim ", d, " of input ", i, " and axis ", a.axes[static_cast<size_t>(x.terms[0].axis)])
                .c_str());
    }
  }
  return Type::tensor(result, Dims(a.extents.begin(), a.extents.begin() + a.outputs));
}

template <class C, class S, class Convert>
std::vector<C> converted(const Tensor& t, Convert convert) {
  std::vector<C> v(static_cast<size_t>(t.count()));
  const S* p = t.data<S>();
  for (size_t i = 0; i < v.size(); ++i) v[i] = convert(p[i]);
  return v;
}

// Operands are used where they lie when they are in compute form already.
template <class C>
void in_place(EvalContext& c, const BoundAccess& access, C zero) {
  Tensor out = c.make();
  tauto::contract<C>(access, c.tensor(0).data<C>(), c.tensor(1).data<C>(), out.data<C>(), zero, c);
  c.out = std::move(out);
}

template <class C, class S>
void widened(EvalContext& c, const BoundAccess& access) {
  const auto up = [](S x) { return static_cast<C>(x); };
  const std::vector<C> a = converted<C, S>(c.tensor(0), up), b = converted<C, S>(c.tensor(1), up);
  Tensor out = c.make();
  std::vector<C> r(static_cast<size_t>(out.count()));
  tauto::contract<C>(access, a.data(), b.data(), r.data(), C(0), c);
  for (size_t i = 0; i < r.size(); ++i) out.data<S>()[i] = static_cast<S>(r[i]);
  c.out = std::move(out);
}

// Steps as AVX512_BF16 has them.
void flushing(EvalContext& c, const BoundAccess& access) {
  const auto up = [](BFloat x) { return FlushedFloat{static_cast<float>(x)}; };
  const auto a = converted<FlushedFloat, BFloat>(c.tensor(0), up),
             b = converted<FlushedFloat, BFloat>(c.tensor(1), up);
  Tensor out = c.make();
  std::vector<FlushedFloat> r(static_cast<size_t>(out.count()));
  tauto::contract<FlushedFloat>(access, a.data(), b.data(), r.data(), FlushedFloat{0}, c);
  for (size_t i = 0; i < r.size(); ++i) out.data<float>()[i] = r[i].v;
  c.out = std::move(out);
}
bool is_flushing(const Attributes& a) { return a.find("arithmetic") != nullptr; }

// Any order of summation, fused or not: |error| ≤ γₙ Σ|a||b| (Higham, "Accuracy and Stability of Numerical
// Algorithms", 2nd ed., eq. 3.5). Operands are midpoint ± radius; three f64 contractions give centre and
// radius.
template <class T>
void enclose(EvalContext& c, const BoundAccess& access) {
  using I = FInterval<T>;
  const auto middle = [](I x) { return x.lo == x.hi || x.lo != x.lo ? x.lo : x.lo / 2 + x.hi / 2; };
  const auto magnitude = [&](I x) { return std::fabs(middle(x)); };
  const auto largest = [](I x) {
    return x.lo == x.hi || x.lo != x.lo ? std::fabs(x.lo)
                                        : num::up(std::max(std::fabs(x.lo), std::fabs(x.hi)));
  };
  const auto largest_finite = [&](I x) { return std::isfinite(largest(x)) ? largest(x) : 0; };
  Tensor out = c.make();
  const size_t n = static_cast<size_t>(out.count());
  std::vector<double> centre(n), reach(n), core(n);
  const auto product = [&](auto f, std::vector<double>& r) {
    const auto a = converted<double, I>(c.tensor(0), f), b = converted<double, I>(c.tensor(1), f);
    tauto::contract<double>(access, a.data(), b.data(), r.data(), 0.0, c);
  };
  const auto is_point = [](const Tensor& t) {
    for (I x : t.values<I>())
      if (x.lo < x.hi) return false;
    return true;
  };
  product(middle, centre);
  product(largest, reach);
  if (is_point(c.tensor(0)) && is_point(c.tensor(1)))
    core = reach;
  else
    product(magnitude, core);
  std::vector<double> finite = reach;
  if (std::any_of(reach.begin(), reach.end(), [](double x) { return !std::isfinite(x); }))
    product(largest_finite, finite);
  const double terms = static_cast<double>(access.reduction_terms()) + 2;
  const double u = std::numeric_limits<T>::epsilon() / 2, gamma = terms * u / (1 - terms * u);
  const double own = 4 * terms * std::numeric_limits<double>::epsilon();  // of these f64 sums
  // What may be flushed: results, and operands, whose other factor is finite.
  const double least = static_cast<double>(std::numeric_limits<T>::min());
  double tiny = terms * static_cast<double>(std::numeric_limits<T>::denorm_min());
  if (is_flushing(c.attributes))
    for (int k = 0; k < 2; ++k) {
      double most = 1;
      for (I x : c.tensor(k).values<I>()) most = std::max(most, static_cast<double>(largest(x)));
      tiny += terms * least * most;
    }
  I* o = out.data<I>();
  for (size_t i = 0; i < n; ++i) {
    if (!(finite[i] * (1 + gamma + own) < static_cast<double>(std::numeric_limits<T>::max()))) {
      o[i] = num::anything<T>();  // a product or sum on the way may overflow in one order and not in another
      continue;
    }
    if (!std::isfinite(reach[i])) {
      o[i] = is_point(c.tensor(0)) && is_point(c.tensor(1)) ? I{centre[i], centre[i]} : num::anything<T>();
      continue;
    }
    const double radius = (reach[i] - core[i]) + (gamma + own) * reach[i] * 1.0001 + tiny;
    o[i] = num::rounded<T>(num::down(centre[i] - radius), num::up(centre[i] + radius));
  }
  finish_interval(out, 0, out.count());  // f16 and bf16 round once more
  c.out = std::move(out);
}

// Integers are exact modulo 2ⁿ: intervals of one value each are contracted as machine numbers C.
template <class C>
bool points(EvalContext& c, const BoundAccess& access) {
  const auto value = [](IInterval x) { return static_cast<C>(x.lo); };
  for (int i = 0; i < 2; ++i)
    for (IInterval x : c.tensor(i).values<IInterval>())
      if (x.lo != x.hi) return false;
  const auto a = converted<C, IInterval>(c.tensor(0), value), b = converted<C, IInterval>(c.tensor(1), value);
  Tensor out = c.make();
  std::vector<C> r(static_cast<size_t>(out.count()));
  tauto::contract<C>(access, a.data(), b.data(), r.data(), C(0), c);
  for (size_t i = 0; i < r.size(); ++i) out.data<IInterval>()[i] = {r[i], r[i]};
  c.out = std::move(out);
  return true;
}

void integer_intervals(EvalContext& c, const BoundAccess& access) {
  const ElementType e = c.type.element;
  if (!(e == u64 || e == i64 ? points<int64_t>(c, access) : points<int32_t>(c, access)))
    in_place<IInterval>(c, access, IInterval{0, 0});
  finish_interval(c.out.tensor, 0, c.out.tensor.count());
}

// s = ±1 for each bit of a, t for b: Σ (1 − s·t) / 2, the sums bit by bit.
void differing_bits(EvalContext& c, const BoundAccess& access) {
  if (c.rep != Rep::Exact && c.rep != Rep::Ideal) throw Unknown{};
  Tensor out = c.make();
  const auto n = static_cast<size_t>(out.count());
  const auto products = [&](auto value, std::vector<int32_t>& r) {
    const auto a = converted<int32_t, int32_t>(c.tensor(0), value),
               b = converted<int32_t, int32_t>(c.tensor(1), value);
    r.resize(n);
    tauto::contract<int32_t>(access, a.data(), b.data(), r.data(), 0, c);
  };
  std::vector<int32_t> words, of_bit;
  products([](int32_t) { return 1; }, words);
  int32_t* o = out.data<int32_t>();
  for (size_t i = 0; i < n; ++i) o[i] = 16 * words[i];
  std::vector<int32_t> sum(n, 0);
  for (int bit = 0; bit < 32; ++bit) {
    products([bit](int32_t x) { return (x >> bit & 1) * 2 - 1; }, of_bit);
    for (size_t i = 0; i < n; ++i) sum[i] += of_bit[i];
  }
  for (size_t i = 0; i < n; ++i) o[i] -= sum[i] / 2;
  c.out = std::move(out);
}

void contract_eval(EvalContext& c) {
  const Tensor* tensors[] = {&c.tensor(0), &c.tensor(1)};
  const BoundAccess access(c.attributes.get<Access>("access"), tensors);
  if (c.attributes.flag("bits")) return differing_bits(c, access);
  switch (compute_form(c.type.element, c.rep)) {
    case Form::F32:
      if (is_flushing(c.attributes)) return flushing(c, access);
      if (c.type.element == f16) return widened<float, Half>(c, access);
      if (c.type.element == bf16) return widened<float, BFloat>(c, access);
      return in_place<float>(c, access, 0);
    case Form::F64:
      return in_place<double>(c, access, 0);
    case Form::I8:
      return widened<int32_t, int8_t>(c, access);
    case Form::U8:
      return widened<int32_t, uint8_t>(c, access);
    case Form::I16:
      return widened<int32_t, int16_t>(c, access);
    case Form::U16:
      return widened<int32_t, uint16_t>(c, access);
    case Form::I32:
    case Form::U32:
      return in_place<int32_t>(c, access, 0);
    case Form::I64:
    case Form::U64:
      return in_place<int64_t>(c, access, 0);
    case Form::FI32:
      return enclose<float>(c, access);
    case Form::FI64:
      return enclose<double>(c, access);
    case Form::II:
      return integer_intervals(c, access);
    case Form::Term: {
      if (is_flushing(c.attributes)) throw Unknown{};
      if (c.tensor(0).count() == 0) throw Unknown{};
      return in_place<Term>(c, access, num::like(c.tensor(0).data<Term>()[0], 0));
    }
    default:
      throw Unknown{};
  }
}

// An axis of the operand as it is, or broadcast where its extent is 1: inside, or the type rule refuses.
bool is_whole_axis(const AxisIndex& x, const Dim& extent) {
  return x.terms.size() == 1 && x.offset == Dim(0) && x.divisor == 1 &&
         (x.terms[0].coefficient == Dim(1) || x.terms[0].coefficient == num::min(extent, Dim(2)) - 1);
}

loops::Expr contract_lower(Lowering& l, const Index& index) {
  const Access& access = l.attributes().get<Access>("access");
  Index point = index;
  std::vector<loops::Axis> axes;
  for (size_t i = index.size(); i < access.extents.size(); ++i) {
    if (access.extents[i] == Dim(1)) {  // ignored when blocks are formed
      point.push_back(0);
      continue;
    }
    axes.push_back({l.fresh(access.axes[i]), access.extents[i]});
    point.push_back(loops::variable(axes.back().variable));
  }
  if (axes.empty()) axes.push_back({l.fresh("r"), 1});
  Conditions inside;
  std::vector<loops::Expr> operands;
  for (int i = 0; i < 2; ++i) {
    Index at;
    const auto& maps = access.operands[static_cast<size_t>(i)];
    for (size_t d = 0; d < maps.size(); ++d) {
      Conditions own;
      at.push_back(accessed_index(access, maps[d], point, l.type(i).dims[d], own));
      if (own.any() && !is_whole_axis(maps[d], l.type(i).dims[d])) inside.require(own.all());
    }
    operands.push_back(converted(l.at(i, at), arithmetic_type(l.type().element)));
  }
  const loops::Function step = l.attributes().flag("bits")   ? loops::Function::DotBits
                               : is_flushing(l.attributes()) ? loops::Function::FmaFlush
                                                             : loops::Function::Fma;
  return converted(
      loops::reduce(loops::Order::Blocks, step, std::move(axes), std::move(operands), inside.all()),
      l.type().element);
}

// Roundings that the product of a term goes through.
double roundings_of_contraction(const BoundAccess& access, Order order) {
  if (order == Order::Any) return static_cast<double>(access.reduction_terms()) + 2;
  return static_cast<double>(
      contraction_roundings(std::span(access.extents).subspan(static_cast<size_t>(access.outputs))));
}

// a b + (δa) b + a (δb) is linear; (δa)(δb) is the bend.
void contract_error(ErrorRule& r) {
  const Tensor* tensors[] = {r.in[0].value, r.in[1].value};
  const BoundAccess access(r.attributes.get<Access>("access"), tensors);
  const std::vector<Value> values{*tensors[0], *tensors[1]};
  const EvalContext context(r.op, r.attributes, values, r.type, Rep::Ideal);
  const size_t n = r.count();
  const auto product = [&](const double* a, const double* b, std::vector<double>& out) {
    out.resize(n);
    tauto::contract<double>(access, a, b, out.data(), 0.0, context);
  };
  std::vector<double> reach;  // Σ |a||b|, with spread and bend Σ (|a| + radius)(|b| + radius)
  product(r.in[0].magnitude.data(), r.in[1].magnitude.data(), reach);
  if (!r.is_exact(0)) product(r.in[0].radius.data(), r.in[1].magnitude.data(), r.spread);
  if (!r.is_exact(1)) {
    std::vector<double> other;
    product(r.in[0].magnitude.data(), r.in[1].radius.data(), other);
    if (r.spread.empty()) r.spread.assign(n, 0);
    for (size_t i = 0; i < n; ++i) r.spread[i] += other[i];
  }
  if (!r.is_exact(0) && !r.is_exact(1)) product(r.in[0].radius.data(), r.in[1].radius.data(), r.bend);
  for (auto* v : {&r.spread, &r.bend})
    for (double& x : *v) x = above(x);

  const Rounding round = rounding_of(r.type.element);
  const auto terms = static_cast<double>(access.reduction_terms());
  const bool half = r.type.element == f16 || r.type.element == bf16;
  const double unit = r.type.element == f64 ? round.unit : 0x1p-24, last = half ? round.unit : 0;
  const double factor = gamma(roundings_of_contraction(access, r.order), unit) + gamma(terms + 2, 0x1p-53);
  double tiny = (terms + 1) * (r.type.element == f64 ? round.tiny : 0x1p-149) + (half ? round.tiny : 0);
  if (is_flushing(r.attributes))  // results, and operands beside the largest of the others
    for (size_t k = 0; k < 2; ++k) {
      double most = 1;
      for (size_t i = 0; i < r.in[k].magnitude.size(); ++i) most = std::max(most, r.in[k].magnitude[i]);
      tiny += (terms + 1) * 0x1p-126 * most;
    }
  r.own.resize(n);
  for (size_t i = 0; i < n; ++i) {
    double magnitude = reach[i];
    r.add_reach(i, magnitude);
    const double e = (factor * (1 + last) + last) * magnitude + tiny;
    r.own[i] = magnitude + e < round.largest ? above(e) : num::kInf;
  }
  r.contracts = true;
}

}  // namespace

constinit const Op contract{
    .name = "contract",
    .arity = 2,
    .type = contract_type,
    .unranked_type =
        [](const TypeContext& c) {
          const Access& a = c.attributes.get<Access>("access");
          const ElementType own = is_flushing(c.attributes) ? f32 : c.element(0);
          return Type::tensor(c.attributes.get_or<ElementType>("to", own),
                              Dims(a.extents.begin(), a.extents.begin() + a.outputs));
        },
    .eval =
        [](EvalContext& c) {
          const auto* to = c.attributes.find("to");
          if (!to) return contract_eval(c);
          std::vector<Value> operands;
          for (int i = 0; i < 2; ++i) {
            const Type type = Type::tensor(c.type.element, type_of(c.tensor(i)).dims);
            const std::vector<Value> in{c.tensor(i)};
            const Attributes how{{"to", *to}};
            EvalContext one(cast, how, in, type, c.rep);
            cast.eval(one);
            operands.push_back(one.out);
          }
          EvalContext converted(c.op, c.attributes, operands, c.type, c.rep);
          converted.cancelled = c.cancelled;
          contract_eval(converted);
          c.out = converted.out;
        },
    .lower = contract_lower,
    .error = contract_error,
};

}  // namespace tauto::ops
