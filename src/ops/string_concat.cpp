// string_concat(x, y) = x and y joined, element by element; broadcasts.
#include "ops/ops.h"
#include "ops/storage.h"

namespace tauto::ops {

constexpr size_t kLongestString = size_t{1} << 28;  // a string that is joined with itself doubles

constinit const Op string_concat{
    .name = "string_concat",
    .arity = 2,
    .traits = kElementwise,
    .type =
        [](const TypeContext& c) {
          c.require_element(0, text);
          return broadcast_type(c);
        },
    .eval =
        [](EvalContext& c) {
          Tensor out = c.make();
          const std::string *x = c.tensor(0).data<std::string>(), *y = c.tensor(1).data<std::string>();
          for_each_broadcast<2>(out.shape(), {&c.tensor(0), &c.tensor(1)},
                                [&](int64_t i, const std::array<int64_t, 2>& at) {
                                  if (x[at[0]].size() + y[at[1]].size() > kLongestString)
                                    c.refuse(cat("required strings of at most ", kLongestString, " bytes"));
                                  out.data<std::string>()[i] = x[at[0]] + y[at[1]];
                                });
          c.out = std::move(out);
        },
};

}  // namespace tauto::ops
