// Optional values: optional_of(x), optional_empty(){of}, optional_has(o), optional_get(o).
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

const Type& content(const TypeContext& c) {
  if (c.type(0).tag != Type::Tag::Optional) c.refuse(cat("required an optional, got ", c.type(0)));
  return c.type(0).parts[0];
}

}  // namespace

constinit const Op optional_of{
    .name = "optional_of",
    .arity = 1,
    .type = [](const TypeContext& c) { return Type::optional(c.type(0)); },
    .eval = [](EvalContext& c) { c.out = Value::optional({c.in[0]}); },
};

constinit const Op optional_empty{
    .name = "optional_empty",
    .arity = 0,
    .type = [](const TypeContext& c) { return Type::optional(c.attributes.get<Type>("of")); },
    .eval = [](EvalContext& c) { c.out = Value::optional({}); },
};

// bool[]: whether there is a value.
constinit const Op optional_has{
    .name = "optional_has",
    .arity = 1,
    .type =
        [](const TypeContext& c) {
          content(c);
          return Type::tensor(boolean, {});
        },
    .eval =
        [](EvalContext& c) {
          c.out = integers(boolean, {}, std::array{static_cast<int64_t>(c.in[0].parts.size())}, c.rep);
        },
};

// The value; an Error when there is none.
constinit const Op optional_get{
    .name = "optional_get",
    .arity = 1,
    .type = [](const TypeContext& c) { return content(c); },
    .eval =
        [](EvalContext& c) {
          if (c.in[0].parts.empty()) c.refuse("the optional is empty");
          c.out = c.in[0].parts[0];
        },
};

}  // namespace tauto::ops
