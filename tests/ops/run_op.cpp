// One operator as a graph of its own.
#include "ops/run_op.h"

#include "graph/text.h"

namespace tauto {

std::vector<Value> run_op(const Op& op, std::vector<Value> in, Attributes attributes, Known known) {
  Module m;
  Builder b(m, "main");
  std::vector<Id> ids(in.size(), -1);
  std::vector<Value> arguments;
  const auto is_constant = [&](const Value& v) {
    return known.values && v.is_tensor() && v.tensor.rank() <= 1 &&
           (v.tensor.type().is_integer() || v.tensor.type().is_bool());
  };
  for (size_t i = 0; i < in.size(); ++i) {
    if (is_constant(in[i])) continue;
    Type type = type_of(in[i]);
    // The length of a list of axes or dims is known even when its values are not.
    const bool steers = type.is_tensor() && type.element.is_integer() && type.rank() == 1;
    if (!known.dims && !steers)
      for (Dim& d : type.dims) d = b.fresh();
    ids[i] = b.parameter(cat("x", i), std::move(type));
    arguments.push_back(in[i]);
  }
  for (size_t i = 0; i < in.size(); ++i)
    if (is_constant(in[i])) ids[i] = b.constant(in[i].tensor);
  const Id node = b.add(op, ids, std::move(attributes));
  std::vector<Id> results;
  std::vector<std::string> names;
  const bool tuple = b.type(node).tag == Type::Tag::Tuple;
  for (size_t i = 0; i < (tuple ? b.type(node).parts.size() : 1); ++i) {
    results.push_back(tuple ? b.item(node, static_cast<int64_t>(i)) : node);
    names.push_back(cat("y", i));
  }
  b.finish(results, names);
  if (const std::string why = verify(m); !why.empty()) throw InternalError(why);
  const ModuleText t = print(m);
  if (!(parse_module(t.text, t.side) == m)) throw InternalError("print and parse differ:\n" + t.text);
  InterpretOptions options;
  options.rep = known.rep;
  return interpret(m, std::move(arguments), options);
}

Tensor run_tensor(const Op& op, std::vector<Value> in, Attributes attributes, Known known) {
  return run_op(op, std::move(in), std::move(attributes), known).at(0).tensor;
}

std::string error_of(const Op& op, std::vector<Value> in, Attributes attributes, Known known) {
  try {
    run_op(op, std::move(in), std::move(attributes), known);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

Shape Random::shape(int64_t rank, int64_t largest, int64_t least) {
  Shape s;
  for (int64_t i = 0; i < rank; ++i) s.push_back(between(least, largest));
  return s;
}

Tensor Random::ints(Shape shape, int64_t lo, int64_t hi) {
  Tensor t(i64, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i) t.data<int64_t>()[i] = between(lo, hi);
  return t;
}

Tensor Random::floats(Shape shape, int64_t lo, int64_t hi) {
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = static_cast<float>(between(2 * lo, 2 * hi)) / 2;
  return t;
}

int64_t linear(const Shape& shape, const Shape& index) {
  int64_t at = 0;
  for (size_t d = 0; d < shape.size(); ++d) at = at * shape[d] + index[d];
  return at;
}

}  // namespace tauto
