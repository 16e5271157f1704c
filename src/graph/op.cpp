// The helpers of type rules and references.
#include "graph/op.h"

namespace tauto {

void TypeContext::require_arity() const {
  const bool variadic = op.arity == kVariadic;
  if (variadic ? count() < op.min_arity : count() != op.arity)
    refuse(cat("required ", variadic ? cat("at least ", op.min_arity) : text_of(op.arity), " inputs, got ",
               count()));
}

const Type& TypeContext::type(int i) const {
  if (!has(i)) refuse(cat("input ", i, " is missing"));
  return inputs[static_cast<size_t>(i)];
}

ElementType TypeContext::element(int i) const {
  if (!type(i).is_tensor()) refuse(cat("input ", i, ": required a tensor, got ", type(i)));
  return type(i).element;
}

const Dims& TypeContext::dims(int i) const {
  element(i);
  if (!type(i).ranked) throw Unranked{};
  return type(i).dims;
}

std::optional<Ints> TypeContext::literal_value(int i) const {
  const auto v = value(i);
  if (!v) return std::nullopt;
  Ints r;
  for (const Dim& d : *v) {
    if (!d.is_literal()) return std::nullopt;
    r.push_back(d.literal());
  }
  return r;
}

int64_t TypeContext::axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    refuse(cat("axis: required ", -rank, " <= axis < ", rank, ", got ", axis));
  return axis < 0 ? axis + rank : axis;
}

void TypeContext::require_equal(const Dim& a, const Dim& b, const char* what) const {
  const Dim difference = a - b;
  if (difference.is_literal() && difference.literal() != 0) refuse(cat(what, ": ", a, " and ", b, " differ"));
}

void TypeContext::require_rank(int i, int64_t r) const {
  if (rank(i) != r) refuse(cat("input ", i, ": required rank ", r, ", got ", type(i)));
}

void TypeContext::require_element(int i, ElementType e) const {
  if (element(i) != e) refuse(cat("input ", i, ": required elements ", e, ", got ", type(i)));
}

void TypeContext::require_same_element(int i, int j) const {
  if (element(i) != element(j)) refuse(cat("inputs ", i, " and ", j, ": required equal element types"));
}

static Dim together(const Dim& a, const Dim& b) { return broadcast(a, b); }

Dims TypeContext::broadcast(std::span<const Type> types) const {
  Dims r;
  for (const Type& t : types) {
    if (!t.is_tensor()) refuse(cat("required tensors, got ", t));
    if (!t.ranked) throw Unranked{};
    if (t.dims.size() > r.size()) r.insert(r.begin(), t.dims.size() - r.size(), Dim(1));
    for (size_t i = 0; i < t.dims.size(); ++i) {
      Dim& out = r[r.size() - t.dims.size() + i];
      const Dim& d = t.dims[i];
      if (out.is_literal() && d.is_literal() && out.literal() != 1 && d.literal() != 1 && !(out == d))
        refuse(cat("dims ", out, " and ", d, " do not broadcast"));
      out = together(out, d);
    }
  }
  return r;
}

void TypeContext::refuse(const std::string& what) const {
  std::string s = cat(op.name, "(");
  for (size_t i = 0; i < inputs.size(); ++i) s += (i ? ", " : "") + text_of(inputs[i]);
  fail(s, "): ", what);
}

std::vector<int64_t> EvalContext::ints(int i) const {
  const Tensor& t = tensor(i);
  if (t.rep() == Rep::Exact || (t.rep() == Rep::Ideal && !t.type().is_float())) return t.as_ints();
  std::vector<int64_t> r;
  if (t.rep() == Rep::Dims) {
    for (const Dim& d : std::span(t.data<Dim>(), static_cast<size_t>(t.count()))) {
      if (!d.is_literal()) throw Unknown{};
      r.push_back(d.literal());
    }
    return r;
  }
  if (t.rep() == Rep::Interval) {  // IInterval: two int64
    for (int64_t k = 0; k < t.count(); ++k) {
      if (t.data<int64_t>()[2 * k] != t.data<int64_t>()[2 * k + 1]) throw Unknown{};
      r.push_back(t.data<int64_t>()[2 * k]);
    }
    return r;
  }
  Tensor exact(t.type(), t.shape());
  for (int64_t k = 0; k < t.count(); ++k) {
    const auto bits = literal_bits(t, k);
    if (!bits) throw Unknown{};
    __builtin_memcpy(static_cast<char*>(exact.raw()) + k * exact.element_bytes(), &*bits,
                     static_cast<size_t>(exact.element_bytes()));
  }
  return exact.as_ints();
}

int64_t EvalContext::scalar_int(int i) const {
  const auto v = ints(i);
  if (v.size() != 1) refuse(cat("input ", i, ": required one value, got ", type_of(tensor(i))));
  return v[0];
}

void EvalContext::poll() const {
  if (cancelled && *cancelled && (*cancelled)()) throw Cancelled();
}

void EvalContext::refuse(const std::string& what) const {
  std::string s = cat(op.name, "(");
  for (size_t i = 0; i < in.size(); ++i) s += (i ? ", " : "") + text_of(type_of(in[i]));
  fail(s, "): ", what);
}

Type same_as_input(const TypeContext& c) { return c.type(0); }

Type broadcast_type(const TypeContext& c) {
  for (int i = 1; i < c.count(); ++i) c.require_same_element(0, i);
  return Type::tensor(c.op.is(kComparison) ? boolean : c.element(0), c.broadcast(c.inputs));
}

}  // namespace tauto
