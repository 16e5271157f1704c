// tf_idf_vectorizer(x) = how often each n-gram of a pool occurs in each row of x ([n] or [b, n], integers or
// strings), f32[..., width].
//
// Attributes: pool_ints or pool_strings, the n-grams one after the other, those of length 1 first; counts:
// where in the pool the n-grams of each length start; indexes: the column of each n-gram; min_length,
// max_length, max_skip; mode TF (the count c), IDF (c > 0 ? weight : 0), TFIDF (c · weight); weights (default
// 1). For each distance d from 1 to max_skip + 1 all n-grams of elements d apart are counted; those of length
// 1 once.
#include <map>

#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

struct Pool {
  int64_t width = 0;
  Ints counts, indexes;
  int64_t shortest, longest, skip;
  std::vector<double> weights;
  std::string mode;

  explicit Pool(const Attributes& a)
      : counts(a.get<Ints>("counts")),
        indexes(a.get<Ints>("indexes")),
        shortest(a.get<int64_t>("min_length")),
        longest(a.get<int64_t>("max_length")),
        skip(a.get<int64_t>("max_skip")),
        weights(a.get_or<std::vector<double>>("weights", {})),
        mode(a.get<std::string>("mode")) {
    for (int64_t i : indexes) width = std::max(width, i + 1);
  }
};

Type tf_idf_vectorizer_type(const TypeContext& c) {
  const Pool pool(c.attributes);
  const bool strings = c.attributes.find("pool_strings") != nullptr;
  c.require(strings ? c.element(0).is_string() : c.element(0).is_integer(),
            cat("required ", strings ? "strings" : "integers", " as in the pool, got ", c.type(0)));
  const auto size =
      static_cast<int64_t>(strings ? c.attributes.get<std::vector<std::string>>("pool_strings").size()
                                   : c.attributes.get<Ints>("pool_ints").size());
  int64_t grams = 0;
  for (size_t k = 0; k < pool.counts.size(); ++k) {
    const int64_t end = k + 1 < pool.counts.size() ? pool.counts[k + 1] : size, n = end - pool.counts[k];
    c.require(pool.counts[k] >= 0 && n >= 0 && end <= size && n % static_cast<int64_t>(k + 1) == 0,
              cat("counts: ", pool.counts, " do not fit a pool of ", size));
    grams += n / static_cast<int64_t>(k + 1);
  }
  c.require(static_cast<int64_t>(pool.indexes.size()) == grams,
            cat("indexes: required ", grams, ", got ", static_cast<int64_t>(pool.indexes.size())));
  for (int64_t i : pool.indexes)
    c.require(i >= 0 && i < (int64_t{1} << 31), "indexes: required columns >= 0");
  c.require(pool.weights.empty() || static_cast<int64_t>(pool.weights.size()) >= grams,
            cat("weights: required ", grams));
  c.require(pool.shortest >= 1 && pool.longest >= pool.shortest && pool.skip >= 0,
            "min_length, max_length, max_skip: required 1 <= min <= max, skip >= 0");
  c.require(pool.mode == "TF" || pool.mode == "IDF" || pool.mode == "TFIDF",
            cat("mode: required TF, IDF or TFIDF, got ", pool.mode));
  c.require(c.rank(0) == 1 || c.rank(0) == 2, cat("required rank 1 or 2, got ", c.type(0)));
  if (c.rank(0) == 1) return Type::tensor(f32, {Dim(pool.width)});
  return Type::tensor(f32, {c.dim(0, 0), Dim(pool.width)});
}

// n-gram → its number.
template <class K>
std::map<std::vector<K>, size_t> dictionary(const Pool& pool, const std::vector<K>& items) {
  std::map<std::vector<K>, size_t> r;
  size_t number = 0;
  for (size_t k = 0; k < pool.counts.size(); ++k) {
    const auto length = static_cast<std::ptrdiff_t>(k + 1);
    const int64_t end = k + 1 < pool.counts.size() ? pool.counts[k + 1] : static_cast<int64_t>(items.size());
    for (int64_t at = pool.counts[k]; at < end; at += length, ++number)
      if (length >= pool.shortest && length <= pool.longest)
        r.emplace(std::vector<K>(items.begin() + at, items.begin() + at + length), number);
  }
  return r;
}

template <class K>
void count(EvalContext& c, const Pool& pool, const std::vector<K>& x, const std::vector<K>& items) {
  const auto grams = dictionary(pool, items);
  const Tensor& in = c.tensor(0);
  const int64_t rows = in.rank() == 2 ? in.dim(0) : 1, n = in.shape().back();
  std::vector<double> frequency(static_cast<size_t>(rows * pool.width));
  std::vector<K> gram;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t distance = 1; distance <= pool.skip + 1 && distance <= std::max<int64_t>(n, 1); ++distance)
      for (int64_t start = 0; start < n; ++start) {
        c.poll();
        gram.clear();
        for (int64_t at = start; at < n && static_cast<int64_t>(gram.size()) < pool.longest; at += distance) {
          gram.push_back(x[static_cast<size_t>(r * n + at)]);
          if (gram.size() == 1 && distance > 1) continue;
          if (const auto hit = grams.find(gram); hit != grams.end())
            ++frequency[static_cast<size_t>(r * pool.width + pool.indexes[hit->second])];
        }
      }
  }
  Tensor out(f32, static_shape(c.type));
  for (size_t i = 0; i < frequency.size(); ++i) {
    // A weight belongs to a column.
    const size_t column = i % static_cast<size_t>(pool.width);
    const double w = column < pool.weights.size() ? pool.weights[column] : 1, f = frequency[i];
    out.data<float>()[i] = static_cast<float>(pool.mode == "TF"    ? f
                                              : pool.mode == "IDF" ? (f > 0 ? w : 0)
                                                                   : w * f);
  }
  c.out = std::move(out);
}

void tf_idf_vectorizer_eval(EvalContext& c) {
  if (c.rep != Rep::Exact) throw Unknown{};
  const Pool pool(c.attributes);
  if (c.tensor(0).type().is_string()) {
    const auto x = c.tensor(0).values<std::string>();
    return count<std::string>(c, pool, {x.begin(), x.end()},
                              c.attributes.get<std::vector<std::string>>("pool_strings"));
  }
  count<int64_t>(c, pool, c.ints(0), c.attributes.get<Ints>("pool_ints"));
}

}  // namespace

constinit const Op tf_idf_vectorizer{
    .name = "tf_idf_vectorizer",
    .arity = 1,
    .type = tf_idf_vectorizer_type,
    .unranked_type = [](const TypeContext&) { return Type::unranked(f32); },
    .eval = tf_idf_vectorizer_eval,
};

}  // namespace tauto::ops
