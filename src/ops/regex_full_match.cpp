// regex_full_match(x){pattern} = bool: does each string match as a whole? (RE2's syntax: ops/regex.h)
#include "ops/regex.h"

#include "ops/ops.h"

namespace tauto::ops {

constinit const Op regex_full_match{
    .name = "regex_full_match",
    .arity = 1,
    .type =
        [](const TypeContext& c) {
          c.require_element(0, text);
          const Regex compiled(c.attributes.get<std::string>("pattern"));  // refuses a wrong pattern now
          return c.type(0).ranked ? Type::tensor(boolean, c.dims(0)) : Type::unranked(boolean);
        },
    .eval =
        [](EvalContext& c) {
          if (c.rep != Rep::Exact && c.rep != Rep::Ideal) throw Unknown{};
          const Regex regex(c.attributes.get<std::string>("pattern"));
          Tensor out = c.make();
          const auto x = c.tensor(0).values<std::string>();
          for (size_t i = 0; i < x.size(); ++i) {
            c.poll();
            out.data<bool>()[i] = regex.full_match(x[i]);
          }
          c.out = std::move(out);
        },
};

}  // namespace tauto::ops
