// string_split(x){delimiter, max_split} = (pieces, counts): each string cut at the delimiter, at most
// max_split times (default: always). pieces [x's dims, most pieces], filled up with ""; counts [x's dims].
//
// An empty delimiter means runs of white space, which also do not count at either end (Python's str.split).
#include <algorithm>

#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type string_split_type(const TypeContext& c) {
  c.require_element(0, text);
  if (!c.type(0).ranked) return Type::tuple({Type::unranked(text), Type::unranked(i64)});
  Dims dims = c.dims(0);
  const Type counts = Type::tensor(i64, dims);
  dims.push_back(c.fresh());
  return Type::tuple({Type::tensor(text, std::move(dims)), counts});
}

using Pieces = std::vector<std::string>;

Pieces split_space(const std::string& s, int64_t most) {
  constexpr const char* kSpace = " \t\n\r\f\v";
  Pieces r;
  size_t at = s.find_first_not_of(kSpace);
  while (at != std::string::npos) {
    if (static_cast<int64_t>(r.size()) == most) {
      r.push_back(s.substr(at, s.find_last_not_of(kSpace) + 1 - at));
      break;
    }
    const size_t end = std::min(s.find_first_of(kSpace, at), s.size());
    r.push_back(s.substr(at, end - at));
    at = s.find_first_not_of(kSpace, end);
  }
  return r;
}

Pieces split_at(const std::string& s, const std::string& delimiter, int64_t most) {
  Pieces r;
  size_t at = 0;
  for (size_t end;
       static_cast<int64_t>(r.size()) < most && (end = s.find(delimiter, at)) != std::string::npos;
       at = end + delimiter.size())
    r.push_back(s.substr(at, end - at));
  r.push_back(s.substr(at));
  return r;
}

void string_split_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const std::string delimiter = c.attributes.get_or<std::string>("delimiter", "");
  const int64_t most = c.attributes.get_or<int64_t>("max_split", INT64_MAX);
  std::vector<Pieces> all;
  std::vector<int64_t> counts;
  int64_t longest = 0;
  for (const std::string& s : x.values<std::string>()) {
    all.push_back(delimiter.empty() ? split_space(s, most) : split_at(s, delimiter, most));
    counts.push_back(static_cast<int64_t>(all.back().size()));
    longest = std::max(longest, counts.back());
  }
  Shape shape = x.shape();
  shape.push_back(longest);
  Tensor pieces(text, shape);
  for (size_t i = 0; i < all.size(); ++i)
    std::move(all[i].begin(), all[i].end(), pieces.data<std::string>() + static_cast<int64_t>(i) * longest);
  c.out = Value::tuple({std::move(pieces), integers(i64, x.shape(), counts, c.rep)});
}

}  // namespace

constinit const Op string_split{
    .name = "string_split",
    .arity = 1,
    .type = string_split_type,
    .eval = string_split_eval,
};

}  // namespace tauto::ops
