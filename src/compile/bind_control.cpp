// Steps of control flow, see bind_control.h.
#include "compile/bind_control.h"

#include <algorithm>

#include "compile/executable.h"
#include "ops/ops.h"

namespace tauto {

namespace {

// The bytes between elements along an axis before which all sizes are 1.
std::optional<int64_t> stride(const TensorType& t, int64_t axis) {
  int64_t bytes = t.type.bytes();
  for (size_t d = 0; d < t.shape.size(); ++d) {
    if (static_cast<int64_t>(d) < axis && t.shape[d] != 1) return std::nullopt;
    if (static_cast<int64_t>(d) > axis) bytes *= t.shape[d];
  }
  return bytes;
}

}  // namespace

std::unique_ptr<BoundFunction> ControlBinder::body(const Node& n, const char* name,
                                                   std::span<const TensorType> inputs) const {
  const CompiledFunction& callee = e_.functions().at(n.attributes.get<FunctionName>(name).name);
  if (std::find(callers_.begin(), callers_.end(), &callee) != callers_.end()) return nullptr;
  auto b = std::make_unique<BoundFunction>(e_, callee, std::vector<TensorType>(inputs.begin(), inputs.end()),
                                           env_, callers_);
  return b->complete() ? std::move(b) : nullptr;
}

bool ControlBinder::bind(const Node& n, std::vector<TensorType>& given, Step& s,
                         std::vector<TensorType>& results) const {
  if (n.op == &ops::if_) return bind_if(n, given, s, results);
  if (n.op == &ops::scan) return bind_scan(n, given, s, results);
  if (n.op == &ops::loop) return bind_loop(n, given, s, results);
  if (n.op != &ops::call) return false;
  s.kind = Step::Kind::Call;
  s.bodies[0] = body(n, "function", given);
  if (s.bodies[0]) results = s.bodies[0]->results();
  return s.bodies[0] != nullptr;
}

bool ControlBinder::refuse(Step& s, std::vector<TensorType>& results) {
  s.bodies[0] = nullptr;
  results.clear();
  return false;
}

bool ControlBinder::bind_if(const Node& n, std::span<const TensorType> given, Step& s,
                            std::vector<TensorType>& results) const {
  s.kind = Step::Kind::If;
  s.bodies[0] = body(n, "then", given.subspan(1));
  s.bodies[1] = body(n, "else", given.subspan(1));
  if (!s.bodies[0] && !s.bodies[1]) return false;
  results = s.bodies[s.bodies[0] ? 0 : 1]->results();
  if (s.bodies[0] && s.bodies[1] && s.bodies[1]->results() != results) {
    s.bodies[0] = nullptr;
    s.bodies[1] = nullptr;
    results.clear();
    return false;
  }
  return true;
}

bool ControlBinder::bind_scan(const Node& n, std::span<const TensorType> given, Step& s,
                              std::vector<TensorType>& results) const {
  s.kind = Step::Kind::Scan;
  s.states = static_cast<size_t>(n.attributes.get<int64_t>("states"));
  const Ints &axes = n.attributes.get<Ints>("axes"), &out_axes = n.attributes.get<Ints>("out_axes");
  std::vector<TensorType> inside(given.begin(), given.end());
  for (size_t i = 0; i < axes.size(); ++i) {
    TensorType& t = inside[s.states + i];
    const auto rank = static_cast<int64_t>(t.shape.size());
    const int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank) return false;
    const auto bytes = stride(t, axis);
    if (!bytes || (s.length >= 0 && t.shape[static_cast<size_t>(axis)] != s.length)) return false;
    s.length = t.shape[static_cast<size_t>(axis)];
    s.strides.push_back(*bytes);
    s.backwards.push_back(n.attributes.get<Ints>("reversed")[i] != 0);
    t.shape.erase(t.shape.begin() + axis);
  }
  s.bodies[0] = body(n, "body", inside);
  if (!s.bodies[0]) return false;
  results = s.bodies[0]->results();
  for (size_t i = 0; i < s.states; ++i)
    if (results[i] != given[i]) return refuse(s, results);
  for (size_t i = 0; i < out_axes.size(); ++i) {
    TensorType& t = results[s.states + i];
    const auto rank = static_cast<int64_t>(t.shape.size()) + 1;
    const int64_t axis = out_axes[i] < 0 ? out_axes[i] + rank : out_axes[i];
    if (axis < 0 || axis >= rank) return refuse(s, results);
    t.shape.insert(t.shape.begin() + axis, s.length);
    const auto bytes = stride(t, axis);
    if (!bytes) return refuse(s, results);
    s.strides.push_back(*bytes);
    s.backwards.push_back(n.attributes.get<Ints>("out_reversed")[i] != 0);
  }
  return true;
}

bool ControlBinder::bind_loop(const Node& n, std::span<const TensorType> given, Step& s,
                              std::vector<TensorType>& results) const {
  s.kind = Step::Kind::Loop;
  s.states = static_cast<size_t>(n.attributes.get<int64_t>("carried"));
  s.counted = n.attributes.flag("counted");
  std::vector<TensorType> inside(given.begin(), given.end());
  inside[0] = {i64, {}};
  inside[1] = {boolean, {}};
  s.bodies[0] = body(n, "body", inside);
  if (!s.bodies[0]) return false;
  const std::vector<TensorType>& own = s.bodies[0]->results();
  if (own[0].bytes() != 1) return refuse(s, results);
  results.assign(own.begin() + 1, own.end());
  for (size_t i = 0; i < s.states; ++i)
    if (results[i] != given[2 + i]) return refuse(s, results);
  if (results.size() == s.states) return true;
  const Tensor* trips = constant_value(f_.node(n.inputs[0]));
  const Tensor* begins = constant_value(f_.node(n.inputs[1]));
  if (!s.counted || !trips || !begins) return refuse(s, results);
  s.length = trips->data<int64_t>()[0];
  if (s.length <= 0) return refuse(s, results);
  for (size_t i = s.states; i < results.size(); ++i) {
    s.strides.push_back(results[i].bytes());
    results[i].shape.insert(results[i].shape.begin(), s.length);
  }
  return true;
}

}  // namespace tauto
