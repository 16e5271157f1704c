// Cases are drawn per kind of operator: elementwise ones over all element types, the others over what they
// take apart: axes, windows, steps, modes. Sizes reach over the borders of blocks, pieces and partial sums.
#include "ops/lowering_cases.h"

#include <algorithm>
#include <functional>
#include <map>

#include "ops/evaluate.h"

namespace tauto::testing {
namespace {

struct Draw : Random {
  std::mt19937_64 engine;
  const Op& op;
  std::vector<OpCase> cases;
  Draw(const Op& o, uint64_t seed) : Random(seed), engine(seed), op(o) {}

  Tensor data(ElementType e, Shape s) { return random_tensor(e, std::move(s), engine); }
  // Finite and of similar size, so that sums keep bits to compare.
  Tensor tame(ElementType e, Shape s) {
    Tensor t(e, std::move(s));
    std::uniform_real_distribution<double> unit(-1, 1);
    for (int64_t i = 0; i < t.count(); ++i) {
      const double v = unit(engine);
      if (e == f64) t.data<double>()[i] = v;
      if (e == f32) t.data<float>()[i] = static_cast<float>(v);
      if (e == f16) t.data<Half>()[i] = Half(static_cast<float>(v));
      if (e == bf16) t.data<BFloat>()[i] = BFloat(static_cast<float>(v));
    }
    return t;
  }
  Tensor some(ElementType e, Shape s) {
    return e.is_float() && between(0, 2) > 0 ? tame(e, std::move(s)) : data(e, std::move(s));
  }
  ElementType any() { return arithmetic_types()[static_cast<size_t>(between(0, 12))]; }
  ElementType number() { return arithmetic_types()[static_cast<size_t>(between(0, 11))]; }
  ElementType real() { return arithmetic_types()[static_cast<size_t>(between(0, 3))]; }
  Tensor list(const Ints& v) { return Tensor::ints(v); }
  void add(std::vector<Tensor> in, Attributes a = {}, std::vector<size_t> fixed = {}) {
    OpCase c{&op, std::move(in), std::move(a), {}};
    c.fixed.resize(c.in.size());
    for (size_t i : fixed) c.fixed[i] = true;
    cases.push_back(std::move(c));
  }
  Ints axes(int64_t rank) {
    Ints r;
    for (int64_t i = 0; i < rank; ++i)
      if (coin()) r.push_back(i);
    return r;
  }
};

Shape product_split(Draw& d, int64_t n) {
  Shape s;
  for (int64_t f = 2; n > 1 && f <= n; ++f)
    while (n % f == 0) {
      if (!s.empty() && d.coin())
        s.back() *= f;
      else
        s.push_back(f);
      n /= f;
    }
  if (n == 0) s = {0};
  for (int64_t k = d.between(0, 2); k > 0; --k) s.insert(s.begin() + d.between(0, std::ssize(s)), 1);
  std::shuffle(s.begin(), s.end(), d.engine);
  return s;
}

void elementwise(Draw& d) {
  const bool cast = std::string(d.op.name) == "cast", bit_cast = std::string(d.op.name) == "bit_cast";
  for (ElementType e : arithmetic_types())
    for (ElementType to : arithmetic_types()) {
      if (!(cast || (bit_cast && to.bits == e.bits)) && !(to == f32 && !cast && !bit_cast)) continue;
      for (int round = 0; round < (cast || bit_cast ? 2 : 4); ++round) {
        const Shape shape = d.shape(d.between(0, 3), 5, d.between(0, 9) > 0);
        std::vector<Tensor> in;
        for (int i = 0; i < d.op.arity; ++i) {
          Shape s(shape.begin() + d.between(0, d.op.arity > 1 ? std::ssize(shape) : 0), shape.end());
          if (d.op.arity > 1)
            for (int64_t& n : s)
              if (d.between(0, 3) == 0) n = 1;
          if (round == 0 && d.op.arity == 1 && !cast && !bit_cast) s = {500};
          in.push_back(d.data(std::string(d.op.name) == "where" && i == 0 ? boolean : e, s));
        }
        Attributes a;
        if (cast || bit_cast) a.set("to", to);
        if (std::string(d.op.name) == "is_inf")
          a = {{"positive", d.between(0, 1)}, {"negative", d.between(0, 1)}};
        d.add(std::move(in), std::move(a));
      }
    }
}

AxisIndex plain(int axis) { return {{{axis, 1}}, 0, 1}; }

// y[n, g, o, x] = Σ c, k: a convolution with groups, strides, dilation, padding, perhaps transposed.
void convolution(Draw& d) {
  const int64_t n = d.between(1, 2), groups = d.between(1, 2), outs = d.between(1, 3),
                channels = d.coin() ? d.between(0, 3) : d.between(20, 80), kernel = d.between(1, 4),
                extent = d.between(1, 9), outputs = d.between(0, 8);
  const bool transposed = d.coin();
  Access a;
  a.axes = {"n", "g", "o", "x", "c", "k"};
  a.extents = {n, groups, outs, outputs, channels, kernel};
  a.outputs = 4;
  const int64_t stride = d.between(1, 3), dilation = d.between(1, 2), pad = d.between(0, 3);
  const AxisIndex sliding = transposed ? AxisIndex{{{3, 1}, {5, -dilation}}, pad, stride}
                                       : AxisIndex{{{3, stride}, {5, dilation}}, -pad, 1};
  a.operands = {{plain(0), {{{1, channels}, {4, 1}}, 0, 1}, sliding},
                {plain(1), plain(2), plain(4), plain(5)}};
  const ElementType e = d.number();
  d.add({d.some(e, {n, groups * channels, extent}), d.some(e, {groups, outs, channels, kernel})},
        {{"access", a}});
}

void matmul(Draw& d) {
  const int64_t m = d.between(0, 4), n = d.between(1, 4),
                k = d.coin() ? d.between(0, 6) : d.between(100, 600);
  Access a;
  a.axes = {"m", "n", "k"};
  a.extents = {m, n, k};
  a.outputs = 2;
  a.operands = {{plain(0), plain(2)}, {plain(2), plain(1)}};
  const ElementType e = d.number();
  d.add({d.some(e, {m, k}), d.some(e, {k, n})}, {{"access", a}});
}

void contract(Draw& d) {
  for (int i = 0; i < 60; ++i) d.coin() ? matmul(d) : convolution(d);
  Access outer;  // no reduction axis at all
  outer.axes = {"m", "n"};
  outer.extents = {2, 3};
  outer.outputs = 2;
  outer.operands = {{plain(0)}, {plain(1)}};
  d.add({d.data(f32, {2}), d.data(f32, {3})}, {{"access", outer}});
}

void reduce(Draw& d) {
  for (int i = 0; i < 60; ++i) {
    const int64_t rank = d.between(0, 4);
    Shape s = d.shape(rank, 5, d.between(0, 5) > 0);
    if (rank > 0 && d.coin()) s[static_cast<size_t>(d.between(0, rank - 1))] = d.between(15, 35);
    if (rank == 2 && d.coin()) s[1] = d.between(200, 600);
    d.add({d.some(d.any(), s)}, {{"axes", d.axes(rank)}, {"keepdims", d.between(0, 1)}});
  }
}

void window_reduce(Draw& d) {
  for (int i = 0; i < 60; ++i) {
    const int64_t rank = d.between(1, 3);
    Access a;
    a.outputs = static_cast<int>(rank) + 1;
    Shape shape{d.between(1, 3)};
    a.axes = {"c"};
    a.extents = {shape[0]};
    a.operands = {{plain(0)}};
    for (int64_t k = 1; k <= rank; ++k) {
      shape.push_back(d.between(1, 7));
      a.axes.push_back(cat("o", k)), a.extents.emplace_back(d.between(0, 5));
    }
    for (int64_t k = 1; k <= rank; ++k) {
      a.axes.push_back(cat("k", k)), a.extents.emplace_back(d.between(1, 3));
      AxisIndex x{{{static_cast<int>(k), d.between(1, 2)}, {static_cast<int>(rank + k), d.between(-2, 2)}},
                  d.between(-2, 2),
                  d.between(0, 4) == 0 ? 2 : 1};
      if (x.terms[1].coefficient == Dim(0)) x.terms[1].coefficient = 1;
      a.operands[0].push_back(x);
    }
    const char* kinds[] = {"max", "min", "sum"};
    d.add({d.some(d.number(), shape)}, {{"access", a}, {"kind", std::string(kinds[i % 3])}});
  }
}

void transpose(Draw& d) {
  for (int i = 0; i < 20; ++i) {
    const int64_t rank = d.between(0, 4);
    Ints perm;
    for (int64_t k = 0; k < rank; ++k) perm.push_back(k);
    std::shuffle(perm.begin(), perm.end(), d.engine);
    d.add({d.data(d.any(), d.shape(rank))}, {{"perm", perm}});
  }
}

void reshape(Draw& d) {
  for (int i = 0; i < 60; ++i) {
    const Shape to = product_split(d, d.between(0, 5) * d.between(1, 6) * d.between(1, 4));
    Shape from = product_split(d, element_count(to));
    if (d.coin()) {  // some dims stay
      from = to;
      if (from.size() > 1) from[1] *= from[0], from.erase(from.begin());
    }
    d.add({d.data(d.any(), from), d.list(to)}, {}, {1});
  }
}

void squeeze(Draw& d) {
  for (int i = 0; i < 20; ++i) d.add({d.data(d.any(), d.shape(d.between(0, 4), 2))});
  for (int i = 0; i < 20; ++i) {
    Shape s = d.shape(d.between(1, 4));
    const Ints axes = d.axes(std::ssize(s));
    for (int64_t a : axes) s[static_cast<size_t>(a)] = 1;
    d.add({d.data(d.any(), s)}, {{"axes", axes}});
  }
}

void unsqueeze(Draw& d) {
  for (int i = 0; i < 20; ++i) {
    const int64_t rank = d.between(1, 4);
    const Ints axes = d.axes(rank);
    d.add({d.data(d.any(), d.shape(rank - std::ssize(axes)))}, {{"axes", axes}});
  }
}

void refine(Draw& d) {
  for (int i = 0; i < 20; ++i) {
    const ElementType e = d.any();
    const Shape s = d.shape(d.between(0, 3));
    d.add({d.data(e, s)}, {{"type", Type::tensor(e, Dims(s.begin(), s.end()))}});
  }
}

void expand(Draw& d) {
  for (int i = 0; i < 30; ++i) {
    Shape s = d.shape(d.between(0, 3), 4), to = s;
    for (size_t k = 0; k < s.size(); ++k)
      if (d.between(0, 2) == 0) (d.coin() ? s : to)[k] = 1;
    if (d.coin()) to.insert(to.begin(), d.between(0, 3));
    d.add({d.data(d.any(), s), d.list(to)}, {}, {1});
  }
}

void slice(Draw& d) {
  for (int i = 0; i < 60; ++i) {
    const int64_t rank = d.between(1, 3);
    const Ints axes = d.axes(rank);
    Ints starts, ends, steps;
    for (size_t k = 0; k < axes.size(); ++k) {
      starts.push_back(d.between(-8, 8)), ends.push_back(d.coin() ? d.between(-8, 8) : INT64_MAX);
      steps.push_back(d.coin() ? 1 : d.between(1, 3) * (d.coin() ? 1 : -1));
      if (d.between(0, 9) == 0) steps.back() = INT64_MAX;
    }
    d.add({d.data(d.any(), d.shape(rank, 6)), d.list(starts), d.list(ends), d.list(steps)}, {{"axes", axes}},
          {1, 2, 3});
  }
}

void concat(Draw& d) {
  for (int i = 0; i < 40; ++i) {
    const int64_t rank = d.between(1, 3), axis = d.between(0, rank - 1);
    const Shape s = d.shape(rank);
    const ElementType e = d.any();
    std::vector<Tensor> in;
    for (int64_t k = d.between(1, 4); k > 0; --k) {
      Shape own = s;
      own[static_cast<size_t>(axis)] = d.between(0, 3);
      in.push_back(d.data(e, own));
    }
    d.add(std::move(in), {{"axis", d.coin() ? axis : axis - rank}});
  }
}

void pad(Draw& d) {
  for (int i = 0; i < 60; ++i) {
    const int64_t rank = d.between(1, 3);
    const Ints axes = d.axes(rank);
    Ints pads;
    for (size_t k = 0; k < 2 * axes.size(); ++k) pads.push_back(d.coin() ? 0 : d.between(-1, 7));
    const char* modes[] = {"constant", "edge", "reflect", "wrap"};
    const std::string mode = modes[i % 4];
    const ElementType e = d.any();
    std::vector<Tensor> in{d.data(e, d.shape(rank, 4, 1)), d.list(pads)};
    if (mode == "constant") in.push_back(d.data(e, {}));
    d.add(std::move(in), {{"mode", mode}, {"axes", axes}}, {1});
  }
}

Tensor indices(Draw& d, Shape s, int64_t extent) {
  const bool backwards = d.coin();
  Tensor t = d.ints(std::move(s), backwards ? -extent : 0, extent - 1);
  if (backwards && d.coin()) return t;
  if (d.coin()) return t;
  Tensor narrow(i32, t.shape());
  for (int64_t i = 0; i < t.count(); ++i)
    narrow.data<int32_t>()[i] = static_cast<int32_t>(t.data<int64_t>()[i]);
  return narrow;
}

void gather(Draw& d) {
  for (int i = 0; i < 60; ++i) {
    const Shape s = d.shape(d.between(1, 3), 5, 1);
    const int64_t axis = d.between(0, std::ssize(s) - 1);
    const Tensor at = indices(d, d.shape(d.between(0, 2), 4), s[static_cast<size_t>(axis)]);
    d.add({d.data(d.any(), s), at}, {{"axis", axis}},
          d.coin() ? std::vector<size_t>{1} : std::vector<size_t>{});
  }
}

void lookup(Draw& d) {
  for (int i = 0; i < 40; ++i) {
    const Shape s = d.shape(d.between(0, 3), 6);
    d.add({d.data(d.coin() ? u8 : i8, s), d.data(d.any(), {256})});
  }
}

void gather_elements(Draw& d) {
  for (int i = 0; i < 40; ++i) {
    const Shape s = d.shape(d.between(1, 3), 5, 1);
    const int64_t axis = d.between(0, std::ssize(s) - 1);
    Shape to = s;
    for (int64_t& n : to) n = d.between(0, n);
    to[static_cast<size_t>(axis)] = d.between(0, 6);
    d.add({d.data(d.any(), s), indices(d, to, s[static_cast<size_t>(axis)])}, {{"axis", axis}});
  }
}

void gather_nd(Draw& d) {
  for (int i = 0; i < 40; ++i) {
    const Shape s = d.shape(d.between(1, 4), 4, 1);
    const int64_t batch = d.between(0, std::ssize(s) - 1), k = d.between(1, std::ssize(s) - batch);
    Shape to(s.begin(), s.begin() + batch);
    for (int64_t more = d.between(0, 2); more > 0; --more) to.push_back(d.between(0, 3));
    to.push_back(k);
    Tensor at(i64, to);
    for (int64_t j = 0; j < at.count(); ++j) {
      const int64_t n = s[static_cast<size_t>(batch + j % k)];
      at.data<int64_t>()[j] = d.between(-n, n - 1);
    }
    d.add({d.data(d.any(), s), at}, {{"batch_dims", batch}},
          d.coin() ? std::vector<size_t>{1} : std::vector<size_t>{});
  }
}

void range(Draw& d) {
  for (int i = 0; i < 30; ++i) {
    std::vector<Tensor> in;
    const ElementType types[] = {i8, i16, i32, i64, u8};
    const ElementType e = types[d.between(0, 4)];
    for (int k = 0; k < 3; ++k) {
      Tensor t(e, {});
      const int64_t v = k == 2 ? d.between(1, 3) * (d.coin() && e.is_signed() ? -1 : 1) : d.between(0, 9);
      __builtin_memcpy(t.raw(), &v, static_cast<size_t>(t.element_bytes()));
      in.push_back(t);
    }
    d.add(std::move(in), {}, {0, 1, 2});
  }
}

void dims(Draw& d) {
  for (int i = 0; i < 20; ++i) {
    const Shape s = d.shape(d.between(0, 2), 3);
    Dims v;
    for (int64_t k = element_count(s); k > 0; --k) v.emplace_back(d.between(0, 3));
    d.add({}, {{"values", v}, {"shape", s}, {"type", d.coin() ? i64 : i32}});
  }
}

void reverse_sequence(Draw& d) {
  for (int i = 0; i < 30; ++i) {
    const Shape s = d.shape(d.between(2, 4), 5, 1);
    const int64_t batch = d.between(0, std::ssize(s) - 1), time = (batch + 1) % std::ssize(s);
    const Tensor lengths = d.ints({s[static_cast<size_t>(batch)]}, 0, s[static_cast<size_t>(time)]);
    d.add({d.data(d.any(), s), lengths}, {{"batch_axis", batch}, {"time_axis", time}});
  }
}

void resize(Draw& d) {
  for (int i = 0; i < 200; ++i) {
    const char* modes[] = {"nearest", "linear", "cubic"};
    const char* places[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                            "asymmetric", "align_corners",        "tf_crop_and_resize"};
    const char* roundings[] = {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"};
    const std::string mode = modes[d.between(0, 2)], place = places[d.between(0, 5)];
    const bool crop = place == "tf_crop_and_resize";
    const Shape s = d.shape(d.between(1, 3), 6, 1);
    const int64_t axis = d.between(0, std::ssize(s) - 1), n = s[static_cast<size_t>(axis)];
    const int64_t m = d.coin() ? n * d.between(1, 4) : d.between(0, 12);
    const ElementType e = mode == "nearest" && !crop ? d.any() : d.real();
    Attributes a{{"axis", axis}, {"mode", mode}, {"coordinates", place}};
    a.set("nearest", std::string(roundings[d.between(0, 3)]));
    a.set("exclude_outside", d.between(0, 1)), a.set("antialias", d.between(0, 1));
    a.set("extrapolation", 0.25);
    std::vector<Tensor> in{d.some(e, s), d.list({m})};
    std::vector<size_t> fixed{1};
    if (m > 0 && (crop || d.coin())) {
      in.push_back(Tensor::of<double>({1}, std::vector{static_cast<double>(m) / static_cast<double>(n)}));
      fixed.push_back(2);
    }
    if (crop && m == 0) continue;
    if (crop) {
      in.push_back(Tensor::of<double>({2}, std::vector{-0.125, 0.875}));
      fixed.push_back(3);
    }
    d.add(std::move(in), std::move(a), std::move(fixed));
  }
}

// The symbol for extent n of dim d of input i ends with its value.
Dim extent(Sizes sizes, int64_t n, size_t i, size_t d) {
  if (sizes == Sizes::Literal || (sizes == Sizes::Shared && n == 1)) return n;
  return Dim::symbol(sizes == Sizes::Shared ? cat("S_", n) : cat("A", i, "_", d, "_", n));
}
}  // namespace
int64_t value_of(const std::string& symbol) { return std::stoll(symbol.substr(symbol.rfind('_') + 1)); }

namespace {

// A shape, or the limit of a range, in the extents of x where it can be.
Dims in_extents(const Dims& x, const Tensor& t) {
  Dims r;
  for (int64_t n : t.as_ints()) {
    r.emplace_back(n);
    for (const Dim& d : x) {
      const int64_t have = d.is_literal() ? d.literal() : value_of(d.symbol_name());
      if (r.back().is_literal() && (have == n || (have > 1 && n % have == 0)))
        r.back() = d * (have == n ? 1 : n / have);
    }
  }
  return r;
}

}  // namespace

Id build(Builder& b, const OpCase& c, Sizes sizes) {
  std::vector<Id> ids(c.in.size());
  for (size_t i = 0; i < c.in.size(); ++i) {
    if (c.fixed[i]) continue;
    Type t = type_of(c.in[i]);
    for (size_t d = 0; d < t.dims.size(); ++d) t.dims[d] = extent(sizes, t.dims[d].literal(), i, d);
    ids[i] = b.parameter(cat("x", i), std::move(t));
  }
  const std::string name = c.op->name;
  for (size_t i = 0; i < c.in.size(); ++i) {
    if (!c.fixed[i]) continue;
    const Tensor& t = c.in[i];
    const bool is_shape = name == "reshape" || name == "expand" || name == "resize" || name == "range";
    if (sizes == Sizes::Literal || i != 1 || !is_shape) {
      ids[i] = b.constant(t);
      continue;
    }
    const Dims x = name == "range" ? Dims{extent(sizes, t.as_ints()[0], 0, 0)} : b.type(ids[0]).dims;
    ids[i] = b.add(ops::dims, {}, {{"values", in_extents(x, t)}, {"shape", t.shape()}, {"type", t.type()}});
  }
  Attributes a = c.attributes;
  if (name == "dims") {
    Dims v = a.get<Dims>("values");
    for (size_t d = 0; d < v.size(); ++d) v[d] = extent(sizes, v[d].literal(), 0, d);
    a.set("values", v);
  }
  return b.add(*c.op, ids, a);
}

std::string OpCase::text() const {
  std::string s = cat(op->name, "(");
  for (const Tensor& t : in) s += cat(&t == in.data() ? "" : ", ", type_of(t));
  s += ")";
  for (const auto& [name, value] : attributes.all()) s += cat(" ", name, ": ", text_of(value));
  return s;
}

std::vector<OpCase> lowering_cases(const Op& op, uint64_t seed) {
  static const std::map<std::string, void (*)(Draw&)> kinds{
      {"contract", contract},
      {"reduce_sum", reduce},
      {"reduce_prod", reduce},
      {"reduce_max", reduce},
      {"reduce_min", reduce},
      {"window_reduce", window_reduce},
      {"transpose", transpose},
      {"reshape", reshape},
      {"squeeze", squeeze},
      {"unsqueeze", unsqueeze},
      {"refine", refine},
      {"expand", expand},
      {"slice", slice},
      {"concat", concat},
      {"pad", pad},
      {"gather", gather},
      {"gather_elements", gather_elements},
      {"gather_nd", gather_nd},
      {"lookup", lookup},
      {"range", range},
      {"dims", dims},
      {"reverse_sequence", reverse_sequence},
      {"resize", resize},
  };
  Draw d(op, seed);
  if (op.is(kElementwise))
    elementwise(d);
  else if (const auto kind = kinds.find(op.name); kind != kinds.end())
    kind->second(d);
  return std::move(d.cases);
}

}  // namespace tauto::testing
