// Kernels without a contraction, and the least that they have to do: softmax, normalisations, reductions,
// elementwise functions; in the caches and beyond.
//
// Instructions are counted from the kernel's expression, not from its code: each function of elements once
// for each vector of the elements that it is needed for (what is shared is found as the scheduler finds it,
// schedule/whole.h), the fold of a reduction for each of its results, a load for each vector in each pass
// that needs it (the terms of a reduction, the result), a store for each vector of the result. What has to do
// with addresses, loops, spills and values kept for the next pass is left out: a schedule can do that badly.
#pragma once

#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "bench/roofs.h"
#include "compile/bound.h"
#include "compile/executable.h"
#include "graph/builder.h"
#include "loops/affine.h"
#include "ops/ops.h"
#include "schedule/schedule.h"
#include "schedule/whole.h"

namespace tauto {

inline Tensor draw(const Shape& shape) {
  Tensor t(f32, shape);
  std::mt19937 random(1);
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = static_cast<float>(static_cast<int>(random() % 255) - 127) / 64;
  return t;
}

// One kernel of a program, called as a network calls it. What it reads and writes lies in `memory`, where the
// loops of the roofs read and write: pages are the same.
class TimedKernel {
 public:
  // `node`: what the kernel ends with; none: the one that contracts. Its values are filled with numbers.
  TimedKernel(std::shared_ptr<const Module> m, Id node, Isa isa, Tensor& memory,
              const Schedules* schedules = nullptr)
      : code_(compile(std::move(m), {.isa = isa, .schedules = schedules})) {
    const CompiledFunction& f = code_->functions().at("main");
    const auto contracts = [&](Id id) { return f.function->node(id).op == &ops::contract; };
    const auto group = std::find_if(f.groups.begin(), f.groups.end(), [&](const CompiledGroup& g) {
      return node >= 0 ? g.group.result == node
                       : std::any_of(g.group.nodes.begin(), g.group.nodes.end(), contracts);
    });
    CHECK(group != f.groups.end() && group->built, "a benchmark's node has no kernel of its own");
    const CompiledGroup& g = *group;
    built_ = g.built;
    name_ = g.group.kernel.name;
    const BoundGroup bound = bind(*f.function, g, {});
    CHECK(bound.runs, "a benchmark's kernel is not bound");
    float* next = memory.data<float>();
    const float* end = next + memory.count();
    const auto place = [&](int64_t count) {
      float* p = next;
      next += (count + 15) / 16 * 16;
      CHECK(next <= end, "a benchmark's tensors are too large");
      return p;
    };
    for (const KernelArgument& a : g.group.arguments) {
      float* p = nullptr;
      if (a.kind == KernelArgument::Kind::Result) {
        p = place(element_count(bound.shape));
      } else {
        const Type* type = a.kind == KernelArgument::Kind::Value ? &f.function->node(a.value).type : nullptr;
        Tensor t = !type                  ? a.constant
                   : type->element == f32 ? draw(*shape_of(*type, {}))
                                          : Tensor(type->element, *shape_of(*type, {}));
        if (type && type->element.is_integer())
          for (int64_t i = 0; i < t.bytes(); ++i) static_cast<uint8_t*>(t.raw())[i] = static_cast<uint8_t>(i);
        p = place((t.bytes() + 3) / 4);
        std::memcpy(p, t.raw(), static_cast<size_t>(t.bytes()));
      }
      arguments_.push_back(reinterpret_cast<uint64_t>(p));
    }
    arguments_.insert(arguments_.end(), bound.sizes.begin(), bound.sizes.end());
    arguments_.push_back(static_cast<uint64_t>(bound.from));
    arguments_.push_back(static_cast<uint64_t>(bound.to));
    uint8_t* scratch = scratch_.require(static_cast<size_t>(bound.workspace + bound.scratch + 64));
    arguments_.push_back(reinterpret_cast<uint64_t>(scratch));
    rest_ = scratch + bound.workspace;
    entry_ = code_->code().function<KernelEntry>(g.kernel);
  }
  double run(int times) const {
    return time_of([&] {
             for (int i = 0; i < times; ++i) entry_(arguments_.data(), rest_);
           }) /
           times;
  }
  const Nest& nest() const { return built_->nest; }
  const Plan& plan() const { return built_->plan; }
  const std::string& name() const { return name_; }

 private:
  std::shared_ptr<const Executable> code_;
  std::shared_ptr<const BuiltKernel> built_;
  std::string name_;
  std::vector<uint64_t> arguments_;
  Arena scratch_;
  uint8_t* rest_ = nullptr;
  KernelEntry* entry_ = nullptr;
};

struct Least {
  Counted instructions;
  double read = 0, written = 0;  // bytes
};

inline Least least_of(const Nest& n, int lanes) {
  using loops::Expr;
  using vec::VecOp;
  Least l;
  const std::vector<std::string> whole = whole_axes(n);
  const Steps steps(n, whole, 0);
  std::map<std::string, double> extents;
  for (const loops::Axis& a : n.axes) extents[a.variable] = static_cast<double>(a.extent.literal());
  for (const loops::Axis& a : steps.axes) extents[a.variable] = static_cast<double>(a.extent.literal());
  std::set<std::string> along;  // variables of which neighbours lie side by side
  double results = 1;
  for (const loops::Axis& a : n.axes) results *= extents[a.variable];
  std::map<const loops::Buffer*, double> read;
  each_node(steps.value, [&](const Expr& e) {
    if (const auto* r = e.as<loops::Reduce>())
      for (const loops::Axis& a : r->axes) extents[a.variable] = static_cast<double>(a.extent.literal());
    return true;
  });
  loops::Ranges ranges;
  for (const auto& [v, extent] : extents) ranges[v] = loops::below(Dim(static_cast<int64_t>(extent)));
  each_node(steps.value, [&](const Expr& e) {
    const auto* load = e.as<loops::Load>();
    if (!load) return true;
    if (const auto a = affine_of(load->index[0], ranges))
      for (const auto& [v, c] : a->terms)
        if (c == Dim(1)) along.insert(v);
    read[load->buffer.get()] = static_cast<double>(load->buffer->layout.elements.literal() * 4);
    return true;
  });
  std::map<const loops::ExprNode*, std::set<std::string>> free;
  std::set<const loops::ExprNode*> passes;
  // What depends on these variables. Axes that no index tells apart are one already (flatten), so the last
  // vector of each row is whole: it holds nothing of the next.
  const auto vectors = [&](const std::set<std::string>& variables) {
    double all = 1, least = 1;
    for (const std::string& v : variables) {
      all *= extents.at(v);
      if (along.count(v)) least = std::min(least, std::ceil(extents.at(v) / lanes) / extents.at(v));
    }
    return all * least;
  };
  const std::function<const std::set<std::string>&(const Expr&)> count =
      [&](const Expr& e) -> const std::set<std::string>& {
    if (const auto at = free.find(e.get()); at != free.end()) return at->second;
    std::set<std::string> mine;
    if (const auto* v = e.as<loops::Variable>()) mine.insert(v->name);
    bool of_index = e.type() == i64;
    each_child(e, [&](const Expr& x) {
      const std::set<std::string>& f = count(x);
      mine.insert(f.begin(), f.end());
    });
    const auto add = [&](VecOp op, double n = 1) { l.instructions[op] += n * vectors(mine); };
    if (const auto* a = e.as<loops::Apply>(); a && !of_index) {
      using loops::Function;
      const bool literal = a->arguments[0].as<loops::Literal>() != nullptr;
      switch (a->function) {
        case Function::Mul:
        case Function::Fma:
        case Function::Div:
        case Function::Sqrt:
          add(a->function == Function::Mul   ? VecOp::Mul
              : a->function == Function::Fma ? VecOp::Fma
              : a->function == Function::Div ? VecOp::Div
                                             : VecOp::Sqrt);
          break;
        case Function::Max:
        case Function::Min:
          add(VecOp::Greater);
          if (!literal) add(VecOp::Compare);  // which of them is no number
          break;
        case Function::Greater2:
        case Function::Lesser2:
          add(VecOp::Greater);
          break;
        case Function::Choose: {  // x < y ? x : y is one
          const auto* c = a->arguments[0].as<loops::Apply>();
          const auto is = [&](size_t i, size_t j) {
            const Expr &p = a->arguments[i], &q = c->arguments[j];
            return p.get() == q.get() || loops::text_of(p) == loops::text_of(q);
          };
          const bool one =
              c && c->function == Function::Less && ((is(1, 0) && is(2, 1)) || (is(1, 1) && is(2, 0)));
          add(one ? VecOp::Greater : VecOp::Compare);
          break;
        }
        case Function::Less:  // counted with what they decide
        case Function::LessEqual:
        case Function::Equal:
        case Function::IsNan:
        case Function::Not:
        case Function::And:
        case Function::Or:
          break;
        case Function::ShiftLeft:
        case Function::ShiftRight:
        case Function::ShiftRightLogical:
          add(VecOp::Shl);
          break;
        case Function::Floor:
        case Function::Ceil:
        case Function::Truncate:
        case Function::RoundEven:
          add(VecOp::Round);
          break;
        case Function::Add:
        case Function::Sub:
          add(e.type().is_float() ? VecOp::Add : VecOp::And);
          break;
        case Function::CopySign:
          add(VecOp::And, 3);
          break;
        default:
          add(VecOp::And);
      }
    } else if (e.as<loops::Convert>() && !of_index) {
      add(VecOp::Convert);
    } else if (const auto* r = e.as<loops::Reduce>()) {
      const bool sums = r->function == loops::Function::Add;
      const auto combine = [&](double n) {
        add(sums ? VecOp::Add : VecOp::Greater, n);
        if (!sums) add(VecOp::Compare, n);
      };
      combine(1);
      bool horizontal = false;
      double terms = 1;
      for (const loops::Axis& a : r->axes) {
        mine.erase(a.variable);
        horizontal = horizontal || along.count(a.variable);
        terms *= extents[a.variable];
      }
      if (r->order == loops::Order::Partials) {
        combine(horizontal ? 4 : std::min(terms, 16.0) - 1);
        if (horizontal) add(VecOp::Down, 4);
      }
    }
    return free[e.get()] = mine;
  };
  count(steps.value);
  // Loads of one pass: not those of reductions that are done before it.
  const std::function<void(const Expr&)> pass = [&](const Expr& top) {
    each_node(top, [&](const Expr& e) {
      if (e.as<loops::Load>()) l.instructions[VecOp::Load] += vectors(free.at(e.get()));
      if (!e.as<loops::Reduce>()) return true;
      passes.insert(e.get());
      return false;
    });
  };
  pass(steps.value);
  for (std::set<const loops::ExprNode*> done; done.size() < passes.size();)
    for (const loops::ExprNode* e : std::set(passes))
      if (done.insert(e).second)
        for (const Expr& x : std::get<loops::Reduce>(e->node).operands) pass(x);
  for (const auto& [b, bytes] : read) l.read += bytes;
  l.written = results * 4;
  l.instructions[VecOp::Store] += results / lanes;
  return l;
}

struct RowsCase {
  std::string name, kind;
  std::shared_ptr<const Module> module;
  Id node;  // that its kernel ends with
};

class RowsCases {
 public:
  std::vector<RowsCase> all;

  RowsCases() {
    for (const auto& [rows, n] : {std::pair{1536, 128}, {256, 1000}, {64, 50}, {64, 4096}})
      rows_of("softmax", rows, n, [&](Builder& b, Id x) { return softmax(b, x); });
    for (const auto& [rows, n] : {std::pair{128, 384}, {256, 768}, {50, 1000}, {16, 4096}})
      rows_of("layer norm", rows, n, [&](Builder& b, Id x) { return layer_norm(b, x); });
    for (const auto& [rows, n] : {std::pair{256, 256}, {16, 4096}, {512, 49}, {391, 74}, {1, 65536}})
      rows_of("row sum", rows, n, [&](Builder& b, Id x) { return reduce(b, ops::reduce_sum, x, 1, false); });
    for (const auto& [rows, n] : {std::pair{256, 256}, {64, 4096}})
      rows_of("row max", rows, n, [&](Builder& b, Id x) { return reduce(b, ops::reduce_max, x, 1, false); });
    for (const auto& [rows, n] : {std::pair{32, 1024}, {512, 1024}, {300, 100}})
      rows_of("column sum", rows, n,
              [&](Builder& b, Id x) { return reduce(b, ops::reduce_sum, x, 0, false); });
    for (const int64_t n : {16384, 65536, 4 << 20}) {
      rows_of("exp", 1, n, [&](Builder& b, Id x) { return b.add(ops::exp, {x}); });
      rows_of("tanh", 1, n, [&](Builder& b, Id x) { return b.add(ops::tanh, {x}); });
      rows_of("silu", 1, n, [&](Builder& b, Id x) { return b.add(ops::mul, {x, b.add(ops::sigmoid, {x})}); });
      rows_of("gelu", 1, n, [&](Builder& b, Id x) {
        const Id e =
            b.add(ops::add, {b.add(ops::erf, {b.add(ops::mul, {x, number(b, 0.70710678f)})}), number(b, 1)});
        return b.add(ops::mul, {b.add(ops::mul, {x, e}), number(b, 0.5f)});
      });
      rows_of("x + 1", 1, n, [&](Builder& b, Id x) { return b.add(ops::add, {x, number(b, 1)}); });
    }
  }

 private:
  template <class F>
  void rows_of(const std::string& kind, int64_t rows, int64_t n, F make) {
    auto m = std::make_shared<Module>();
    Builder b(*m, "main");
    const Id p = b.parameter("x", type_of(Value(draw({rows, n}))));
    const Id y = make(b, p);
    b.finish({y}, {"y"});
    all.push_back({cat(kind, " ", rows, " x ", n), kind, m, y});
  }
  static Id number(Builder& b, float v) {
    Tensor t(f32, Shape{});
    *t.data<float>() = v;
    return b.constant(t);
  }
  static Id reduce(Builder& b, const Op& op, Id x, int64_t axis, bool keep) {
    return b.add(op, {x}, {{"axes", Ints{axis}}, {"keepdims", keep}});
  }
  static Id softmax(Builder& b, Id x) {
    const Id e = b.add(ops::exp, {b.add(ops::sub, {x, reduce(b, ops::reduce_max, x, 1, true)})});
    return b.add(ops::mul, {e, b.add(ops::div, {number(b, 1), reduce(b, ops::reduce_sum, e, 1, true)})});
  }
  static Id layer_norm(Builder& b, Id x) {
    const int64_t n = b.type(x).dims[1].literal();
    const Id count = number(b, static_cast<float>(n));
    const Id mean = b.add(ops::div, {reduce(b, ops::reduce_sum, x, 1, true), count});
    const Id d = b.add(ops::sub, {x, mean});
    const Id variance =
        b.add(ops::div, {reduce(b, ops::reduce_sum, b.add(ops::mul, {d, d}), 1, true), count});
    const Id inverse =
        b.add(ops::div, {number(b, 1), b.add(ops::sqrt, {b.add(ops::add, {variance, number(b, 1e-5f)})})});
    const Id y = b.add(ops::mul, {b.add(ops::mul, {d, inverse}), b.constant(draw({n}))});
    return b.add(ops::add, {y, b.constant(draw({n}))});
  }
};

// In percent of the smaller of the two roofs; `bound`: which it is, and what both take. (A share alone does not
// say which of the two moved, the kernel or its roof.)
inline double share_of(const RowsCase& c, Roofs& roofs, Isa isa, double budget, std::string& bound) {
  const TimedKernel p(c.module, c.node, isa, roofs.data());
  const Least l = least_of(p.nest(), roofs.lanes());
  InstructionRoof instructions(l.instructions, roofs.lanes());
  const double bytes = l.read + l.written;
  constexpr double kLong = 50e-6;  // seconds beside which the clock costs nothing
  const int times = 1 + static_cast<int>(kLong / (p.run(2), p.run(2)));
  return percent([&] { return p.run(times); },
                 [&] {
                   const double rate = 2 * l.written > l.read
                                           ? roofs.copy_bandwidth(static_cast<int64_t>(bytes))
                                           : roofs.bandwidth(static_cast<int64_t>(bytes));
                   const double memory = bytes / rate, counted = instructions.seconds();
                   const auto ns = [](double t) { return static_cast<int64_t>(std::lround(t * 1e9)); };
                   bound = cat(memory > counted ? "bandwidth" : "instructions", " (bandwidth ", ns(memory),
                               " ns, instructions ", ns(counted), " ns)");
                   return std::max(memory, counted);
                 },
                 budget);
}

}  // namespace tauto
