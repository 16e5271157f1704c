// The operators which the IR itself needs: parameter, constant, dims, item.
#include "ops/lowering_tools.h"
#include "ops/ops.h"

namespace tauto::ops {

// A function's input. Its type is stated, not derived.
constinit const Op parameter{
    .name = "parameter",
    .arity = 0,
    .type = [](const TypeContext& c) -> Type { c.refuse("has no type rule"); },
};

constinit const Op constant{
    .name = "constant",
    .arity = 0,
    .type = [](const TypeContext& c) { return type_of(c.attributes.get<Tensor>("value")); },
    .eval = [](EvalContext& c) { c.out = c.attributes.get<Tensor>("value"); },
};

// Integers in symbols: the remains of folded shape arithmetic. Under literal symbols a plain integer tensor.
constinit const Op dims{
    .name = "dims",
    .arity = 0,
    .type =
        [](const TypeContext& c) {
          const Ints& shape = c.attributes.get<Ints>("shape");
          c.require(element_count(shape) == static_cast<int64_t>(c.attributes.get<Dims>("values").size()),
                    "as many values as the shape has elements");
          return Type::tensor(c.attributes.get<ElementType>("type"), Dims(shape.begin(), shape.end()));
        },
    .eval =
        [](EvalContext& c) {
          Tensor t(c.type.element, static_shape(c.type));
          const Dims& values = c.attributes.get<Dims>("values");
          for (size_t i = 0; i < values.size(); ++i) {
            if (!values[i].is_literal()) throw Unknown{};
            const int64_t v = values[i].literal();
            __builtin_memcpy(static_cast<char*>(t.raw()) + static_cast<int64_t>(i) * t.element_bytes(), &v,
                             static_cast<size_t>(t.element_bytes()));
          }
          c.out = std::move(t);
        },
    .lower =
        [](Lowering& l, const Index& index) {
          const Ints& shape = l.attributes().get<Ints>("shape");
          return one_of(l.attributes().get<Dims>("values"),
                        linear_index(Dims(shape.begin(), shape.end()), index), l.type().element);
        },
};

// Part `index` of a tuple.
constinit const Op item{
    .name = "item",
    .arity = 1,
    .traits = kView,
    .type =
        [](const TypeContext& c) {
          const int64_t i = c.attributes.get<int64_t>("index");
          c.require(
              c.type(0).tag == Type::Tag::Tuple && i >= 0 && i < static_cast<int64_t>(c.type(0).parts.size()),
              cat("required a tuple of more than ", i, " parts"));
          return c.type(0).parts[static_cast<size_t>(i)];
        },
    .eval =
        [](EvalContext& c) {
          c.out = c.in[0].parts[static_cast<size_t>(c.attributes.get<int64_t>("index"))];
        },
};

}  // namespace tauto::ops
