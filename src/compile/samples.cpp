// Samples, see samples.h.
#include "compile/samples.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "support/file.h"
#include "support/sha256.h"
#include "support/vnnlib.h"

namespace tauto::equivalence {
namespace {

constexpr int64_t kMostSamples = 100'000'000;

// Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
uint64_t next(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

Shape with_first(int64_t first, const Shape& rest) {
  Shape s{first};
  s.insert(s.end(), rest.begin(), rest.end());
  return s;
}

// The dim that inputs and outputs have in common as their first; nothing if there is none.
std::optional<Dim> batch_axis(const NamedTypes& inputs, const NamedTypes& outputs) {
  std::optional<Dim> axis;
  for (const NamedTypes* list : {&inputs, &outputs})
    for (const auto& [name, type] : *list) {
      if (!type.is_tensor() || !type.ranked || type.rank() == 0) return std::nullopt;
      if (axis && *axis != type.dims[0]) return std::nullopt;
      axis = type.dims[0];
    }
  return axis;
}

}  // namespace

Tensor rows_of(const Tensor& t, int64_t first, int64_t count) {
  CHECK(t.rank() > 0 && first >= 0 && first + count <= t.dim(0));
  const int64_t row = t.dim(0) > 0 ? t.count() / t.dim(0) : 0;
  Tensor r(t.type(), with_first(count, Shape(t.shape().begin() + 1, t.shape().end())), t.rep());
  if (t.type().is_string()) {
    std::copy_n(t.data<std::string>() + first * row, count * row, r.data<std::string>());
  } else if (r.count() > 0) {
    std::memcpy(r.raw(), static_cast<const char*>(t.raw()) + first * row * t.element_bytes(),
                static_cast<size_t>(r.bytes()));
  }
  return r;
}

Samples Samples::of(NamedValues data, const NamedTypes& inputs, const NamedTypes& outputs, std::string origin,
                    std::string_view where) {
  Samples s;
  s.origin_ = std::move(origin);
  std::string names;
  for (const auto& [name, type] : inputs) names += cat(names.empty() ? "" : ", ", '"', name, '"');
  const std::optional<Dim> axis = batch_axis(inputs, outputs);
  bool first = true, stacked = false;
  for (const auto& [name, type] : inputs) {
    const auto at =
        std::find_if(data.begin(), data.end(), [&, &n = name](const auto& d) { return d.first == n; });
    if (at == data.end())
      fail(where, ": required an array for each of ", names, ", got none for \"", name, "\"");
    if (!type.is_tensor() || !at->second.is_tensor())
      fail(where, ": input \"", name, "\": required a tensor, got ", type);
    const Tensor& t = at->second.tensor;
    const auto wrong = [&, &n = name, &want = type] {
      fail(where, ": input \"", n, "\": required ", want, " for each sample, got ", text_of(type_of(t)));
    };
    if (t.type() != type.element || !type.ranked) wrong();
    const bool more = t.rank() == type.rank() + 1;
    if (!more && t.rank() != type.rank()) wrong();
    if (!first && more != stacked)
      fail(where, ": required samples along the first axis of all inputs or of none");
    stacked = more;
    Env env;
    Type sample = type;
    if (!more && axis) sample.dims[0] = Dim(t.dim(0));  // as many as there are
    Type given = type_of(t);
    if (more) given.dims.erase(given.dims.begin());
    if (!unify(sample, given, env).empty()) wrong();
    const int64_t count = more || axis ? t.dim(0) : 1;
    if (!first && count != s.count_)
      fail(where, ": input \"", name, "\": required ", s.count_, " samples as the other inputs have, got ",
           count);
    s.count_ = count;
    s.arrays_.push_back(more || axis ? t : t.reshaped(with_first(1, t.shape())));
    data.erase(at);
    first = false;
  }
  if (inputs.empty()) s.count_ = 1;
  s.batched_ = axis && !stacked && !inputs.empty();
  s.fixed_ = !s.batched_ ? 1 : axis->is_literal() ? axis->literal() : 0;
  if (s.count_ == 0) fail(where, ": required at least one sample, got none");
  if (s.fixed_ > 1 && s.count_ % s.fixed_ != 0)
    fail(where, ": required a multiple of ", s.fixed_, " samples, which one run takes, got ", s.count_);
  for (auto& [name, value] : data) {
    if (name != "labels") fail(where, ": required arrays for ", names, " and \"labels\", got \"", name, "\"");
    if (!value.is_tensor() || !value.tensor.type().is_integer() || value.tensor.rank() == 0 ||
        value.tensor.dim(0) != s.count_)
      fail(where, ": labels: required integers, a row for each of ", s.count_, " samples, got ",
           text_of(type_of(value)));
    s.labels_ = value.tensor.as_ints();
  }
  s.finish(inputs, outputs);
  return s;
}

Samples Samples::uniform(int64_t count, uint64_t seed, const NamedTypes& inputs, const NamedTypes& outputs,
                         const std::vector<std::pair<double, double>>& bounds, bool box, std::string origin) {
  NamedValues data;
  const std::optional<Dim> axis = batch_axis(inputs, outputs);
  size_t at = 0;
  uint64_t state = seed;
  for (const auto& [name, type] : inputs) {
    if (!type.is_tensor() || !type.ranked || !type.element.is_float())
      fail("same: --sample: required inputs of floats, got \"", name, "\": ", type);
    Shape shape;
    for (const Dim& d : type.dims) shape.push_back(d.is_literal() ? d.literal() : 1);
    const bool many = axis && (!axis->is_literal() || axis->literal() == 1);
    shape = many ? with_first(count, Shape(shape.begin() + 1, shape.end())) : with_first(count, shape);
    Tensor t(f32, shape);
    const int64_t row = count > 0 ? t.count() / count : 0;
    if (box && at + static_cast<size_t>(row) > bounds.size())
      fail("same: --box: required bounds for ", at + static_cast<size_t>(row), " or more numbers, got ",
           bounds.size());
    for (int64_t i = 0; i < t.count(); ++i) {
      const auto& [lo, hi] = box ? bounds[at + static_cast<size_t>(i % row)] : bounds[0];
      const double v = lo + (hi - lo) * (static_cast<double>(next(state) >> 11) * 0x1p-53);
      float x = static_cast<float>(v);
      if (static_cast<double>(x) < lo) x = std::nextafter(x, std::numeric_limits<float>::infinity());
      if (static_cast<double>(x) > hi) x = std::nextafter(x, -std::numeric_limits<float>::infinity());
      t.data<float>()[i] = x;
    }
    at += static_cast<size_t>(row);
    if (type.element != f32) fail("same: --sample: required inputs of f32, got \"", name, "\": ", type);
    data.emplace_back(name, std::move(t));
  }
  if (box && at != bounds.size())
    fail("same: --box: required bounds for the ", at, " numbers of the input, got ", bounds.size());
  return of(std::move(data), inputs, outputs, std::move(origin));
}

Samples Samples::drawn(const std::string& sample, const std::string& box, uint64_t seed,
                       const NamedTypes& inputs, const NamedTypes& outputs) {
  std::vector<std::string> parts{""};
  for (const char c : sample)
    if (c == ':')
      parts.emplace_back();
    else
      parts.back() += c;
  const auto read = [](const std::string& s, auto& v) {
    const auto [end, status] = std::from_chars(s.data(), s.data() + s.size(), v);
    return status == std::errc() && end == s.data() + s.size();
  };
  int64_t count = 0;
  std::pair<double, double> range{0, 1};
  const bool ranged = parts.size() == 4;
  if (parts[0] != "uniform" || (parts.size() != 2 && !ranged) || !read(parts[1], count) || count < 1 ||
      count > kMostSamples ||
      (ranged && (!read(parts[2], range.first) || !read(parts[3], range.second) ||
                  !(range.first <= range.second) || !std::isfinite(range.second - range.first))))
    fail("same: --sample: required uniform:N, uniform:N:LO:HI with LO <= HI or random:N, got \"", sample,
         "\"");
  if (ranged && !box.empty())
    fail("same: --box: required --sample uniform:N without bounds, got \"", sample, "\"");
  return uniform(count, seed, inputs, outputs, box.empty() ? std::vector{range} : read_box(box), !box.empty(),
                 cat(box.empty() ? "" : box + ", ", sample, ", seed ", seed));
}

void Samples::finish(const NamedTypes& inputs, const NamedTypes&) {
  Sha256 hash;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const std::string head = cat(inputs[i].first, " ", text_of(type_of(arrays_[i])), "\n");
    hash.add(head.data(), head.size());
    if (!arrays_[i].type().is_string() && arrays_[i].count() > 0)
      hash.add(arrays_[i].raw(), static_cast<size_t>(arrays_[i].bytes()));
  }
  sha256_ = hex(hash.digest());
}

std::vector<Value> Samples::inputs(int64_t first, int64_t count) const {
  std::vector<Value> r;
  for (const Tensor& t : arrays_) {
    Tensor part = rows_of(t, first, count);
    if (!batched_) {
      CHECK(count == 1);
      part = part.reshaped(Shape(part.shape().begin() + 1, part.shape().end()));
    }
    r.emplace_back(std::move(part));
  }
  return r;
}

Tensor Samples::one(size_t input, int64_t i) const { return rows_of(arrays_[input], i, 1); }

std::vector<std::pair<double, double>> read_box(const std::string& path) {
  const std::vector<region::Box> boxes = region::read_vnnlib(path);
  if (boxes.size() > 1) fail(path, ": required one box to draw samples from, got ", boxes.size());
  std::vector<std::pair<double, double>> bounds;
  for (const region::Range& r : boxes[0]) bounds.emplace_back(r.lo, r.hi);
  return bounds;
}

}  // namespace tauto::equivalence
