// Types and values at the border of a call.
#include "ops/control.h"

#include <algorithm>
#include <cstring>

#include "ops/storage.h"
#include "ops/term.h"

namespace tauto {

Signature signature(const TypeContext& c, const char* name) {
  const Type t = c.function_type(c.attributes.get<FunctionName>(name).name);
  return {{t.parts.begin(), t.parts.end() - 1}, t.parts.back().parts};
}

// The type of a sequence's elements when there are none (type_of(Value)).
static bool is_anything(const Type& t) { return t.is_tensor() && !t.ranked && t.element == f32; }

bool may_be(const Type& declared, const Type& given) {
  if (declared.tag != given.tag) return false;
  if (!declared.is_tensor()) {
    if (declared.parts.size() != given.parts.size()) return false;
    const bool holds = declared.tag == Type::Tag::Sequence || declared.tag == Type::Tag::Optional;
    for (size_t i = 0; i < declared.parts.size(); ++i)
      if (!may_be(declared.parts[i], given.parts[i]) && !(holds && is_anything(given.parts[i]))) return false;
    return true;
  }
  if (declared.element != given.element) return false;
  if (!declared.ranked || !given.ranked) return true;
  if (declared.dims.size() != given.dims.size()) return false;
  for (size_t i = 0; i < declared.dims.size(); ++i) {
    const Dim difference = declared.dims[i] - given.dims[i];
    if (difference.is_literal() && difference.literal() != 0) return false;
  }
  return true;
}

void require_arguments(const TypeContext& c, std::span<const Type> parameters,
                       std::span<const Type> arguments, const char* function) {
  const std::string& name = c.attributes.get<FunctionName>(function).name;
  c.require(parameters.size() == arguments.size(),
            cat("@", name, ": required ", parameters.size(), " arguments, got ", arguments.size()));
  for (size_t i = 0; i < parameters.size(); ++i)
    c.require(may_be(parameters[i], arguments[i]),
              cat("@", name, ": argument ", i, ": required ", parameters[i], ", got ", arguments[i]));
}

static void symbols_of(const Type& t, std::vector<std::string>& out) {
  for (const Dim& d : t.dims) symbols_of(d, out);
  for (const Type& p : t.parts) symbols_of(p, out);
}

static Type seen_outside(const TypeContext& c, Type t, const std::vector<std::string>& visible) {
  for (Dim& d : t.dims) {
    std::vector<std::string> own;
    symbols_of(d, own);
    // Symbols of the source model are bound by main's inputs, hence everywhere.
    const bool known = std::all_of(own.begin(), own.end(), [&](const std::string& s) {
      return s[0] != '?' || std::find(visible.begin(), visible.end(), s) != visible.end();
    });
    if (!known) d = c.fresh();
  }
  for (Type& p : t.parts) p = seen_outside(c, std::move(p), visible);
  return t;
}

Type seen_outside(const TypeContext& c, const Type& t) {
  std::vector<std::string> visible;
  for (const Type& input : c.inputs) symbols_of(input, visible);
  return seen_outside(c, t, visible);
}

Type join(const TypeContext& c, const Type& a, const Type& b) {
  if (a.tag == b.tag && !a.is_tensor() && a.parts.size() == b.parts.size()) {
    Type r = a;
    for (size_t i = 0; i < r.parts.size(); ++i)
      r.parts[i] = is_anything(a.parts[i])   ? b.parts[i]
                   : is_anything(b.parts[i]) ? a.parts[i]
                                             : join(c, a.parts[i], b.parts[i]);
    return r;
  }
  return generalise(a, b, c.symbols());
}

void require_one(const TypeContext& c, const Type& t, ElementType e, const char* what) {
  bool ok = t.is_tensor() && t.element == e;
  if (ok)
    for (const Dim& d : t.dims) ok = ok && (!d.is_literal() || d.literal() == 1);
  c.require(ok, cat(what, ": required one element ", e, ", got ", t));
}

Dim not_negative(const Dim& d) { return max(d, Dim(0)); }

bool decided(const EvalContext& c, const Value& v) {
  const EvalContext reader(c.op, c.attributes, std::span(&v, 1), c.type, c.rep);
  if (v.is_tensor() && v.tensor.rep() == Rep::Term && v.tensor.count() == 1) {
    const auto bits = term_literal_of(v.tensor.data<Term>()[0]);
    if (!bits) throw Unknown{};
    return *bits != 0;
  }
  return reader.scalar_int(0) != 0;
}

Tensor literal_scalar(const EvalContext& c, ElementType e, int64_t v) {
  Tensor t(e, {}, c.rep);
  switch (c.rep) {
    case Rep::Exact:
    case Rep::Ideal:
      std::memcpy(t.raw(), &v, static_cast<size_t>(e.bytes()));
      break;
    case Rep::Interval:
      t.data<int64_t>()[0] = t.data<int64_t>()[1] = v;
      break;
    case Rep::Term:
      t.data<Term>()[0] = term_literal(e, static_cast<uint64_t>(v));
      break;
    case Rep::Dims:
      throw Unknown{};
  }
  return t;
}

void Stack::push(const EvalContext& c, const Value& v) {
  if (!v.is_tensor()) c.refuse(cat("a scan output: required a tensor, got ", type_of(v)));
  if (!parts_.empty() && parts_[0].shape() != v.tensor.shape())
    c.refuse(cat("a scan output: iteration ", parts_.size(), " gave ", type_of(v), ", iteration 0 ",
                 type_of(parts_[0])));
  // The whole must be a tensor; what is kept per part counts too.
  bytes_ += v.tensor.bytes() + static_cast<int64_t>(sizeof(Tensor)) + 64;
  if (bytes_ > kMaxTensorBytes) c.refuse(cat("a scan output is larger than ", kMaxTensorBytes, " bytes"));
  parts_.push_back(v.tensor);
}

Tensor Stack::finish() {
  const int64_t n = static_cast<int64_t>(parts_.size());
  Shape shape;
  if (parts_.empty()) {
    for (const Dim& d : stacked_.dims) shape.push_back(d.as_literal().value_or(0));
    const size_t at = static_cast<size_t>(axis_ < 0 ? axis_ + static_cast<int64_t>(shape.size()) : axis_);
    if (shape.empty()) shape.push_back(0);
    shape[std::min(at, shape.size() - 1)] = 0;
    return Tensor(stacked_.element, std::move(shape), rep_);
  }
  const Shape& part = parts_[0].shape();
  const int64_t axis = axis_ < 0 ? axis_ + static_cast<int64_t>(part.size()) + 1 : axis_;
  if (axis < 0 || axis > static_cast<int64_t>(part.size()))
    fail("output axis ", axis_, " is outside of a result made of ", type_of(parts_[0]));
  shape = part;
  shape.insert(shape.begin() + axis, n);
  Tensor out(parts_[0].type(), shape, rep_);
  int64_t inner = 1;
  for (size_t d = static_cast<size_t>(axis); d < part.size(); ++d) inner *= part[d];
  const int64_t outer = inner ? parts_[0].count() / inner : 0;
  visit_storage(out, [&](auto s) {
    using S = decltype(s);
    for (int64_t i = 0; i < n; ++i) {
      const S* from = parts_[static_cast<size_t>(reversed_ ? n - 1 - i : i)].template data<S>();
      for (int64_t o = 0; o < outer; ++o)
        std::copy(from + o * inner, from + (o + 1) * inner, out.template data<S>() + (o * n + i) * inner);
    }
  });
  return out;
}

Tensor element_at(const Tensor& t, int64_t axis, int64_t i) {
  Shape shape = t.shape(), strides = strides_of(t.shape());
  const int64_t offset = i * strides[static_cast<size_t>(axis)];
  shape.erase(shape.begin() + axis);
  strides.erase(strides.begin() + axis);
  Tensor out(t.type(), std::move(shape), t.rep());
  copy_strided(t, offset, strides, out);
  return out;
}

}  // namespace tauto
