// How each of our operators is said in ONNX, with the same bits. Contractions become Conv or Einsum.
#include <algorithm>

#include "onnx/exporter.h"
#include "onnx/import.h"
#include "ops/ops.h"

namespace tauto::onnx {
namespace {

struct Plain {
  const Op* op;
  const char* onnx;
};

// One for one, without attributes (elementwise ones: export_elementwise.cpp).
constexpr Plain kPlain[] = {
    {&ops::expand, "Expand"},  {&ops::nonzero, "NonZero"}, {&ops::range, "Range"},
    {&ops::shape_of, "Shape"}, {&ops::size_of, "Size"},
};

// Index = one axis as it is.
bool plain_axis(const AxisIndex& x) {
  return x.terms.size() == 1 && x.terms[0].coefficient == Dim(1) && x.offset == Dim(0) && x.divisor == 1;
}

// Every index one axis: an Einsum. ONNX has 52 letters.
std::string einsum(Exporter& e, const Access& a) {
  if (a.axes.size() > 52) e.refuse("ONNX's Einsum has 52 labels");
  const auto letter = [](int axis) { return static_cast<char>(axis < 26 ? 'a' + axis : 'A' + axis - 26); };
  std::string equation;
  for (size_t i = 0; i < a.operands.size(); ++i) {
    if (i) equation += ",";
    for (const AxisIndex& x : a.operands[i]) equation += letter(x.terms[0].axis);
  }
  equation += "->";
  for (int i = 0; i < a.outputs; ++i) equation += letter(i);
  return e.add("Einsum", e.inputs(), {e.attribute("equation", equation)});
}

// (n, [g,] o, y…) over (c, k…): the form the importer gives to Conv. Strides, dilations and pads are read
// off.
std::string conv(Exporter& e, const Access& a) {
  const auto odd = [&]() -> std::string { e.refuse("this index map is neither an Einsum nor a Conv"); };
  const size_t rank = a.operands[0].size();
  const bool grouped = a.outputs == static_cast<int>(rank) + 1;
  const int first = grouped ? 3 : 2;  // first spatial output axis
  const int spatial = static_cast<int>(rank) - 2, c = a.outputs;
  if (rank < 3 || (!grouped && a.outputs != static_cast<int>(rank)) || a.operands[1].size() != rank ||
      static_cast<int>(a.axes.size()) != a.outputs + 1 + spatial)
    return odd();
  const auto is = [&](const AxisIndex& x, std::vector<AxisTerm> terms) {
    return x.divisor == 1 && x.offset == Dim(0) && x.terms == terms;
  };
  const Dim &in = a.extents[static_cast<size_t>(c)], &out = a.extents[static_cast<size_t>(first - 1)];
  const auto& x = a.operands[0];
  const auto& w = a.operands[1];
  const bool channels = grouped ? is(x[1], {{1, in}, {c, 1}}) && is(w[0], {{1, out}, {2, 1}})
                                : is(x[1], {{c, 1}}) && is(w[0], {{1, 1}});
  if (!is(x[0], {{0, 1}}) || !is(w[1], {{c, 1}}) || !channels) return odd();
  Ints strides, dilations, begin, end;
  for (int i = 0; i < spatial; ++i) {
    const AxisIndex& s = x[static_cast<size_t>(i) + 2];
    const int y = first + i, k = c + 1 + i;
    if (!is(w[static_cast<size_t>(i) + 2], {{k, 1}}) || s.divisor != 1 || s.terms.size() != 2 ||
        s.terms[0].axis != y || s.terms[1].axis != k || !s.offset.is_literal() || s.offset.literal() > 0)
      return odd();
    strides.push_back(s.terms[0].coefficient.literal());
    dilations.push_back(s.terms[1].coefficient.literal());
    begin.push_back(-s.offset.literal());
    // The end padding that gives exactly this extent.
    const Dim reach = (a.extents[static_cast<size_t>(y)] - Dim(1)) * Dim(strides.back()) +
                      (a.extents[static_cast<size_t>(k)] - Dim(1)) * Dim(dilations.back()) + Dim(1);
    const Dim room = reach - e.input_type(0).dims[static_cast<size_t>(i) + 2] - Dim(begin.back());
    if (room.is_literal()) {
      end.push_back(std::max<int64_t>(0, room.literal()));
    } else if (strides.back() == 1) {
      return odd();
    } else {
      end.push_back(begin.back());  // a symbolic size: checked below
    }
    const Dim given =
        floor_div(e.input_type(0).dims[static_cast<size_t>(i) + 2] + Dim(begin.back() + end.back()) -
                      (a.extents[static_cast<size_t>(k)] - Dim(1)) * Dim(dilations.back()) - Dim(1),
                  Dim(strides.back())) +
        Dim(1);
    if (!(given == a.extents[static_cast<size_t>(y)])) return odd();
  }
  Ints pads = begin;
  pads.insert(pads.end(), end.begin(), end.end());
  const Dim groups = grouped ? a.extents[1] : Dim(1);
  if (!groups.is_literal()) return odd();
  std::string y = e.add("Conv", e.inputs(),
                        {e.attribute("strides", strides), e.attribute("dilations", dilations),
                         e.attribute("pads", pads), e.attribute("group", groups.literal())});
  if (!grouped) return y;
  // Our node has the groups apart.
  Dims shape(a.extents.begin(), a.extents.begin() + a.outputs);
  return e.add("Reshape", {y, e.dims(shape)}, {e.attribute("allowzero", int64_t{1})});
}

std::string contraction(Exporter& e) {
  if (e.node().attributes.flag("bits")) e.refuse("ONNX cannot count the bits that differ");
  const Access& a = e.node().attributes.get<Access>("access");
  bool plain = true;
  for (const auto& operand : a.operands)
    for (const AxisIndex& x : operand) plain &= plain_axis(x);
  return plain ? einsum(e, a) : conv(e, a);
}

std::string reduction(Exporter& e, const char* name) {
  const Attributes& a = e.node().attributes;
  return e.add(name, {e.input(0), e.ints(a.get<Ints>("axes"))},
               {e.attribute("keepdims", int64_t{a.flag("keepdims")}),
                e.attribute("noop_with_empty_axes", int64_t{1})});
}

}  // namespace

std::string export_node(Exporter& e) {
  const Node& n = e.node();
  const Attributes& a = n.attributes;
  for (const Plain& p : kPlain)
    if (n.op == p.op && a.empty()) return e.add(p.onnx, e.inputs());
  if (const Tensor* t = constant_value(n)) return e.constant(*t);
  if (n.op == &ops::contract && !a.find("arithmetic")) return contraction(e);
  if (n.op == &ops::reduce_sum) return reduction(e, "ReduceSum");
  if (n.op == &ops::reduce_max) return reduction(e, "ReduceMax");
  if (n.op == &ops::reduce_min) return reduction(e, "ReduceMin");
  if (n.op == &ops::reduce_prod) return reduction(e, "ReduceProd");
  if (n.op->is(kElementwise)) return export_elementwise(e);
  if (n.op == &ops::transpose)
    return e.add("Transpose", e.inputs(), {e.attribute("perm", a.get<Ints>("perm"))});
  if (n.op == &ops::reshape)
    return e.add("Reshape", e.inputs(), {e.attribute("allowzero", int64_t{!a.flag("copy_zero")})});
  if (n.op == &ops::squeeze || n.op == &ops::unsqueeze) {
    std::vector<std::string> in = e.inputs();
    if (a.find("axes")) in.push_back(e.ints(a.get<Ints>("axes")));
    return e.add(n.op == &ops::squeeze ? "Squeeze" : "Unsqueeze", in);
  }
  if (n.op == &ops::refine) return e.add("Identity", e.inputs());  // ONNX's operators check for themselves
  if (n.op == &ops::concat) return e.add("Concat", e.inputs(), {e.attribute("axis", a.get<int64_t>("axis"))});
  if (n.op == &ops::gather) return e.add("Gather", e.inputs(), {e.attribute("axis", a.get<int64_t>("axis"))});
  if (n.op == &ops::gather_elements)
    return e.add("GatherElements", e.inputs(), {e.attribute("axis", a.get<int64_t>("axis"))});
  if (n.op == &ops::gather_nd)
    return e.add("GatherND", e.inputs(), {e.attribute("batch_dims", a.get_or<int64_t>("batch_dims", 0))});
  if (n.op == &ops::slice) {
    std::vector<std::string> in = e.inputs();
    Ints axes;
    if (a.find("axes")) {
      axes = a.get<Ints>("axes");
    } else {
      const Type& starts = e.input_type(1);
      for (int64_t i = 0; i < starts.dims.at(0).literal(); ++i) axes.push_back(i);
    }
    in.insert(in.begin() + 3, e.ints(axes));
    return e.add("Slice", in);
  }
  if (n.op == &ops::pad) {
    std::vector<std::string> in = e.inputs();
    if (a.find("axes")) {
      if (in.size() == 2) in.push_back("");
      in.push_back(e.ints(a.get<Ints>("axes")));
    }
    return e.add("Pad", in, {e.attribute("mode", a.get<std::string>("mode"))});
  }
  if (n.op == &ops::dims) {
    const Dims& values = a.get<Dims>("values");
    std::string v = e.dims(values);
    const Ints& shape = a.get<Ints>("shape");
    if (shape.size() != 1) v = e.add("Reshape", {v, e.ints(shape)}, {e.attribute("allowzero", int64_t{1})});
    const ElementType t = a.get<ElementType>("type");
    return t == i64 ? v : e.add("Cast", {v}, {e.attribute("to", int64_t{data_type_of(t)})});
  }
  e.refuse("the operator cannot be said in ONNX with the same bits");
}

}  // namespace tauto::onnx
