// Adjoints, 4 to 16 at once. Those of a node are done with, and freed, when its inputs have got theirs.
#include "verify/adjoints.h"

#include <cmath>

#include "verify/pull_contraction.h"

namespace tauto::propagation {

std::vector<double>& Adjoints::open(Id id, size_t part) {
  auto& parts = of_[static_cast<size_t>(id)];
  if (parts.size() <= part) parts.resize(part + 1);
  if (parts[part].empty())
    parts[part].assign(nodes_[static_cast<size_t>(id)].parts[part].magnitude.size() * lanes_, 0);
  return parts[part];
}

std::vector<double> Adjoints::backward(Id last, const std::function<bool()>* cancelled) {
  std::vector<double> error(lanes_, 0);
  for (Id id = last; id >= 0; --id) {
    auto& parts = of_[static_cast<size_t>(id)];
    if (parts.empty()) continue;
    if (cancelled && (*cancelled)()) throw Cancelled{};
    const NodeState& s = nodes_[static_cast<size_t>(id)];
    for (size_t k = 0; k < parts.size(); ++k)
      if (!parts[k].empty()) charge(parts[k], s.parts[k], error);
    if (!parts[0].empty()) pull(id);
    if (const auto k = kept_.find(id); k != kept_.end()) k->second = parts[0];
    parts.clear();
    parts.shrink_to_fit();
  }
  for (double& e : error) e = above(e) + 0x1p-900;  // what underflows in adjoints
  return error;
}

std::vector<double> Adjoints::kept(Id id) const {
  const std::vector<double>& all = kept_.at(id);
  std::vector<double> r(all.size() / lanes_);
  for (size_t i = 0; i < r.size(); ++i) r[i] = all[i * lanes_];
  return r;
}

void Adjoints::charge(const std::vector<double>& lambda, const Part& p, std::vector<double>& error) const {
  for (size_t i = 0; i < p.noise.size(); ++i) {
    const double* row = lambda.data() + i * lanes_;
    if (std::isfinite(p.noise[i])) {
      for (size_t l = 0; l < lanes_; ++l) error[l] += std::fabs(row[l]) * p.noise[i];
    } else {
      for (size_t l = 0; l < lanes_; ++l)
        if (row[l] != 0) error[l] = num::kInf;
    }
  }
}

void Adjoints::pull(Id id) {
  const NodeState& s = nodes_[static_cast<size_t>(id)];
  const Node& n = f_.node(id);
  const auto at = [&](size_t k) -> const NodeState& { return nodes_[static_cast<size_t>(n.inputs[k])]; };
  const auto& own = of_[static_cast<size_t>(id)];
  if (s.item) {
    const auto part = static_cast<size_t>(n.attributes.get<int64_t>("index"));
    if (at(0).parts[part].radius.empty()) return;
    std::vector<double>& to = open(n.inputs[0], part);
    for (size_t i = 0; i < to.size(); ++i) to[i] += own[0][i];
    return;
  }
  for (const LinearPart& p : s.linear) {
    const auto operand = static_cast<size_t>(p.operand);
    if (at(operand).parts[0].radius.empty()) continue;
    std::vector<double>& in = open(n.inputs[operand], 0);
    for (size_t e = 0; e < static_cast<size_t>(p.entries); ++e) {
      const double w = p.scale * (p.weight.empty() ? 1 : p.weight[e]);
      if (w == 0) continue;
      double* to = in.data() + (p.from.empty() ? e : static_cast<size_t>(p.from[e])) * lanes_;
      const double* from = own[0].data() + (p.to.empty() ? e : static_cast<size_t>(p.to[e])) * lanes_;
      for (size_t l = 0; l < lanes_; ++l) to[l] += w * from[l];
    }
  }
  if (!s.contracts) return;
  const Tensor* tensors[] = {&at(0).value.tensor, &at(1).value.tensor};
  const Attributes bound = n.attributes.has_symbols() ? substitute(n.attributes, env_) : n.attributes;
  const BoundAccess access(bound.get<Access>("access"), tensors);
  double* in[2] = {};
  for (size_t k = 0; k < 2; ++k)
    if (!at(k).parts[0].radius.empty()) in[k] = open(n.inputs[k], 0).data();
  pull_contraction(access, tensors[0]->data<double>(), tensors[1]->data<double>(), own[0].data(),
                   static_cast<int>(lanes_), in[0], in[1]);
}

}  // namespace tauto::propagation
