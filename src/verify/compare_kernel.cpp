// Buffers hold drawn elements: those that a range is checked of lie in it, constants known to be finite are.
// Constants that are not packed are themselves.
#include "verify/compare_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "loops/evaluate.h"
#include "loops/values.h"
#include "schedule/dots.h"
#include "support/cpu.h"
#include "support/error.h"
#include "verify/kernel_levels.h"
#include "verify/pattern.h"
#include "verify/shrink.h"

namespace tauto::proof {
namespace {

using loops::Expr;

constexpr int64_t kSamples = 1024;
constexpr double kSampledTerms = 2e7;     // operations of the definition, at full size
constexpr double kShrunkTerms = 3e6;      // the same on smaller extents, at each width
constexpr double kMostShrunkTerms = 2e7;  // on those that cannot be smaller, at the width of the machine
constexpr int64_t kMostBytes = int64_t{1} << 32;

bool same_element(const char* x, const char* y, ElementType t) {
  if (std::memcmp(x, y, static_cast<size_t>(t.bytes())) == 0) return true;
  const auto both_nan = [&](auto zero) {
    auto a = zero, b = zero;
    std::memcpy(&a, x, sizeof a);
    std::memcpy(&b, y, sizeof b);
    return std::isnan(a) && std::isnan(b);
  };
  if (t == f32) return both_nan(0.0f);
  if (t == f64) return both_nan(0.0);
  if (t != f16 && t != bf16) return false;
  uint16_t a, b;
  std::memcpy(&a, x, 2);
  std::memcpy(&b, y, 2);
  const uint16_t infinity = t == f16 ? 0x7c00 : 0x7f80;
  return (a & 0x7fff) > infinity && (b & 0x7fff) > infinity;
}

// The buffers of a kernel; those of Kind::Result are writable.
class Memory {
 public:
  struct Draw {
    uint64_t seed = 0;
    bool finite = false;                             // not only what is known to be
    const std::vector<Tensor>* constants = nullptr;  // of each argument; null: drawn where they are packed
    Drawing::Kind kind = Drawing::Kind::Usual;
    std::vector<double> near = {};
  };
  Memory(const Group& g, const std::vector<Packing>& packings, const loops::Kernel& k, const Env& sizes,
         const Draw& draw) {
    const auto is_packed = [&](size_t i) {
      return std::any_of(packings.begin(), packings.end(), [&](const Packing& p) { return p.buffer == i; });
    };
    for (size_t i = 0; i < k.buffers.size(); ++i) {
      const loops::Buffer& b = *k.buffers[i];
      Drawing d{b.type, b.finite || draw.finite, {}, i + 1 + (draw.seed << 8), draw.kind, draw.near};
      for (const RangeCheck& c : g.checks)
        if (g.arguments[i].kind == KernelArgument::Kind::Value && g.arguments[i].value == c.value)
          d.range = {std::max(number(c.least, sizes), d.range ? d.range->first : 0),
                     std::min(number(c.end, sizes), d.range ? d.range->second : INT64_MAX)};
      const int64_t elements = number(b.layout.elements, sizes), bytes = elements * b.type.bytes();
      if (bytes > kMostBytes) fail("buffer ", b.name, " is too large");
      drawings_.push_back(d);
      elements_.push_back(elements);
      if (g.arguments[i].kind == KernelArgument::Kind::Result) {
        result_ = i;
        addresses_.push_back(nullptr);
      } else if (draw.constants && g.arguments[i].kind == KernelArgument::Kind::Constant) {
        if ((*draw.constants)[i].bytes() < bytes) fail("constant ", b.name, " is too small");
        addresses_.push_back(const_cast<void*>((*draw.constants)[i].raw()));
      } else if (const Tensor& t = g.arguments[i].constant;
                 g.arguments[i].kind == KernelArgument::Kind::Constant && !is_packed(i) &&
                 t.bytes() >= bytes) {
        addresses_.push_back(const_cast<void*>(t.raw()));  // its own: indices lie where they may
      } else {
        inputs_.emplace_back(d, static_cast<size_t>(bytes));
        addresses_.push_back(inputs_.back().data());
      }
    }
  }
  std::vector<void*> with_result(const ZeroMemory& m) const {
    std::vector<void*> all = addresses_;
    all[result_] = m.data();
    return all;
  }
  ZeroMemory result() const {
    return ZeroMemory(static_cast<size_t>(elements_[result_] * drawings_[result_].type.bytes()));
  }
  // The same elements in the order of tiles.
  void pack(std::vector<void*>& addresses, const std::vector<Packing>& packings,
            std::vector<Tensor>& kept) const {
    for (const Packing& p : packings) {
      kept.push_back(flat_packed(drawings_[p.buffer].type, elements_[p.buffer], addresses[p.buffer], p));
      addresses[p.buffer] = kept.back().raw();
    }
  }
  int64_t result_elements() const { return elements_[result_]; }
  ElementType result_type() const { return drawings_[result_].type; }

 private:
  std::vector<Drawing> drawings_;
  std::vector<int64_t> elements_;
  std::vector<PatternMemory> inputs_;
  std::vector<void*> addresses_;
  size_t result_ = 0;
};

std::string first_difference(const char* what, const char* x, const char* y, int64_t elements,
                             ElementType t) {
  const int64_t size = t.bytes(), step = 4096 / size;
  for (int64_t i = 0; i < elements; i += step) {
    const int64_t n = std::min(step, elements - i);
    if (std::memcmp(x + i * size, y + i * size, static_cast<size_t>(n * size)) == 0) continue;
    for (int64_t k = i; k < i + n; ++k)
      if (!same_element(x + k * size, y + k * size, t)) return cat(what, " differ at element ", k);
  }
  return "";
}

// Sizes as a kernel's symbols, which lowering does not list.
std::vector<int64_t> list_symbols(loops::Kernel& k, const Env& sizes) {
  std::vector<int64_t> values;
  for (const auto& [name, size] : sizes.values()) k.symbols.push_back(name), values.push_back(size);
  return values;
}
void evaluate_loops(loops::Kernel k, const std::vector<void*>& buffers, const Env& sizes) {
  const std::vector<int64_t> symbols = list_symbols(k, sizes);
  loops::evaluate(k, buffers, symbols);
}

// ---- smaller extents --------------------------------------------------------------------------------------

class Shrunk {
 public:
  Shrunk(const Executable& e, const CompiledGroup& g, const Env& sizes, Comparison& found)
      : g_(g), sizes_(sizes), found_(found) {
    wide_ = is_avx512(e.isa());
    byte_dots_ = has_vnni(e.isa(), this_cpu().features);
    pair_dots_ = has_bf16(e.isa(), this_cpu().features);
  }

  void run() {
    const BuiltKernel& built = *g_.built;
    const int own = built.generated.program.lanes;
    Nest small = shrunk(built.nest, built.plan, own);
    double work = work_of(small);
    if (work > kShrunkTerms) {
      small = shrunk(built.nest, built.plan, own, 1);
      work = work_of(small);
    }
    for (const loops::Axis& a : small.axes) outputs_ *= a.extent.literal();
    const loops::Kernel expression = expression_of(small);
    if (work > kMostShrunkTerms) {
      found_.left = cat("smaller extents: still ", static_cast<int64_t>(work), " operations");
      return;
    }
    const Memory memory(g_.group, built.scheduled.packings, expression, sizes_, {});
    ZeroMemory expected = memory.result();
    evaluate_loops(expression, memory.with_result(expected), sizes_);
    at(own, small, built.plan, memory, expected);
    // What this machine cannot run is evaluated: the lanes of an instruction set that it does not have.
    const int widest = lanes_for(g_.group.kernel, 64);
    for (const int lanes : {4, widest, 64})
      if (found_.differs.empty() && lanes != own && work <= kShrunkTerms &&
          (lanes != widest || !this_cpu().features.avx512))
        at(lanes, small, default_plan(small, {lanes, lanes < widest ? 16 : 32, this_cpu().l1, this_cpu().l2}),
           memory, expected);
  }

 private:
  static double work_of(const Nest& n) {
    double work = values_in(n.store.value, {});
    for (const loops::Axis& a : n.axes) work *= static_cast<double>(a.extent.literal());
    return work;
  }

  void at(int lanes, const Nest& small, const Plan& plan, const Memory& memory, const ZeroMemory& expected) {
    const Target target{lanes,         wide_ || lanes > lanes_for(g_.group.kernel, 32) ? 32 : 16,
                        this_cpu().l1, this_cpu().l2,
                        byte_dots_,    pair_dots_};
    Scheduled s;
    Generated g;
    try {
      s = carry_out(small, &plan, target).scheduled;
      g = generate(s.kernel, lanes, target.registers);
    } catch (const NotScheduled& e) {
      found_.left = cat("smaller extents, ", lanes, " lanes: ", e.reason);
      return;
    } catch (const NotGenerated& e) {
      found_.left = cat("smaller extents, ", lanes, " lanes: ", e.reason);
      return;
    }
    const auto check = [&](const char* what, const ZeroMemory& got) {
      if (!found_.differs.empty()) return;
      found_.differs = first_difference(what, static_cast<const char*>(expected.data()),
                                        static_cast<const char*>(got.data()), memory.result_elements(),
                                        memory.result_type());
      if (!found_.differs.empty()) found_.differs += cat(" on smaller extents, ", lanes, " lanes");
      found_.shrunk += outputs_;
    };
    std::vector<Tensor> kept;
    {
      const ZeroMemory got = memory.result();
      std::vector<void*> buffers = memory.with_result(got);
      memory.pack(buffers, s.packings, kept);
      evaluate_loops(s.kernel, buffers, sizes_);
      check("expression and loops", got);
    }
    const ZeroMemory got = memory.result();
    std::vector<void*> buffers = memory.with_result(got);
    memory.pack(buffers, s.packings, kept);
    std::vector<uint8_t> workspace;
    vec::evaluate(g.program, arguments_of(g, buffers, sizes_, workspace).data());
    check("expression and vector program", got);
  }

  const CompiledGroup& g_;
  const Env& sizes_;  // of symbols that are left in what no code depends on
  Comparison& found_;
  bool wide_ = false, byte_dots_ = false, pair_dots_ = false;
  int64_t outputs_ = 1;
};

// ---- full size --------------------------------------------------------------------------------------------

// The expression for a window of its result: each loop from a symbol to another.
struct Window {
  loops::Kernel kernel;
  std::vector<std::string> variables;
  std::vector<int64_t> extents;
  const loops::Store* store = nullptr;
};
Window window_of(const loops::Kernel& k, const Env& sizes) {
  Window w;
  loops::Stmt s = k.body;
  while (const auto* f = s->as<loops::For>()) {
    w.variables.push_back(f->variable);
    const auto* to = f->to.as<loops::Size>();
    const auto literal = loops::literal_index(f->to);
    CHECK(to || literal, "an extent that is no size");
    w.extents.push_back(literal ? *literal : number(to->dim, sizes));
    s = f->body;
  }
  w.store = s->as<loops::Store>();
  CHECK(w.store, "one store inside of loops");
  w.kernel = k;
  w.kernel.body = s;
  for (size_t d = w.variables.size(); d-- > 0;) {
    const std::string from = cat("from", d), to = cat("to", d);
    w.kernel.symbols.push_back(from);
    w.kernel.symbols.push_back(to);
    w.kernel.body = loops::loop(loops::LoopKind::Serial, w.variables[d], loops::size(Dim::symbol(from)),
                                loops::size(Dim::symbol(to)), w.kernel.body);
  }
  return w;
}

int64_t element_of(const loops::Buffer& b, const std::vector<int64_t>& index, const Env& sizes) {
  int64_t e = number(b.layout.offset, sizes);
  for (const loops::Layout::Part& p : b.layout.parts) {
    const int64_t part = index[static_cast<size_t>(p.dim)] / p.divisor;
    e += (p.modulus != 0 ? part % p.modulus : part) * number(p.stride, sizes);
  }
  return e;
}

void at_full_size(const Executable& e, const CompiledGroup& g, const Env& sizes, const Memory::Draw& draw,
                  Comparison& found) {
  const loops::Kernel& k = g.group.kernel;
  const Generated& generated = g.built->generated;
  const Memory memory(g.group, g.built->scheduled.packings, k, sizes, draw);
  const ZeroMemory got = memory.result(), expected = memory.result();
  std::vector<void*> buffers = memory.with_result(got);
  std::vector<Tensor> kept;
  if (draw.constants) {
    for (size_t i = 0; i < g.group.arguments.size(); ++i)
      if (const KernelArgument& a = g.group.arguments[i]; a.kind == KernelArgument::Kind::Constant)
        buffers[i] = const_cast<void*>(a.constant.raw());
  } else {
    memory.pack(buffers, g.built->scheduled.packings, kept);
  }
  std::vector<uint8_t> workspace;
  const std::vector<uint64_t> arguments = arguments_of(generated, buffers, sizes, workspace);
  call_code(e, g, arguments);

  loops::Kernel listed = k;
  const std::vector<int64_t> symbols = list_symbols(listed, sizes);
  const Window w = window_of(listed, sizes);
  const double work = std::max(1.0, values_in(w.store->value, sizes));
  int64_t outputs = 1;
  for (const int64_t n : w.extents) outputs *= n;
  const auto wanted = static_cast<int64_t>(std::min(
      {static_cast<double>(kSamples), static_cast<double>(outputs), std::max(1.0, kSampledTerms / work)}));
  std::mt19937_64 random(7 + draw.seed);
  const int64_t border = int64_t{generated.program.lanes} * std::max(1, g.built->plan.vectors);
  const std::vector<void*> pointers = memory.with_result(expected);
  while (found.sampled < wanted && found.differs.empty()) {
    // A point, and of the innermost axis a few elements from there.
    std::vector<int64_t> at, to;
    for (const int64_t n : w.extents) {
      const int64_t corners[] = {0,          n - 1,  n - 2, n / border * border - 1, n / border * border,
                                 border - 1, border, 1};
      int64_t p = static_cast<int64_t>(random() % static_cast<uint64_t>(n));
      if (random() % 2 == 0) p = std::clamp<int64_t>(corners[random() % std::size(corners)], 0, n - 1);
      at.push_back(p);
      to.push_back(p + 1);
    }
    if (!to.empty())
      to.back() = std::min({w.extents.back(), at.back() + 4, at.back() + wanted - found.sampled});
    std::vector<int64_t> all = symbols;
    for (size_t d = at.size(); d-- > 0;) {
      all.push_back(at[d]);
      all.push_back(to[d]);
    }
    loops::evaluate(w.kernel, pointers, all);
    for (const int64_t last = at.empty() ? 1 : to.back(); at.empty() || at.back() < last;) {
      std::vector<int64_t> index;
      for (const Expr& i : w.store->index) {
        const auto* v = i.as<loops::Variable>();
        const auto literal = loops::literal_index(i);
        CHECK(v || literal, "a store whose index is no variable");
        const auto d = std::find(w.variables.begin(), w.variables.end(), v ? v->name : "");
        index.push_back(literal ? *literal : at[static_cast<size_t>(d - w.variables.begin())]);
      }
      const int64_t element = element_of(*w.store->buffer, index, sizes), size = memory.result_type().bytes();
      if (!same_element(static_cast<const char*>(got.data()) + element * size,
                        static_cast<const char*>(expected.data()) + element * size, memory.result_type())) {
        found.differs = cat("machine code and expression differ at element ", element);
        break;
      }
      ++found.sampled;
      if (at.empty()) break;
      ++at.back();
    }
  }
}

}  // namespace

Comparison compare_kernel(const Executable& e, const CompiledGroup& g, const Env& sizes) {
  Comparison found;
  try {
    at_full_size(e, g, sizes, {}, found);
    if (!found.differs.empty()) return found;
    const auto& axes = g.built->nest.axes;
    if (g.built->generated.sizes.empty() &&
        std::all_of(axes.begin(), axes.end(), [](const loops::Axis& a) { return a.extent.is_literal(); }))
      Shrunk(e, g, sizes, found).run();
    else
      found.left = "smaller extents: sizes are arguments";
  } catch (const Error& error) {
    found.left = error.what();
  }
  return found;
}

std::string compare_code(const Executable& e, const CompiledGroup& g, const Env& sizes,
                         const std::vector<Tensor>& constants, uint64_t seed) {
  Memory::Draw draw{seed, seed % 2 == 0, &constants, static_cast<Drawing::Kind>(seed / 2 % 5), {}};
  loops::each_node(
      g.group.kernel.body,
      [&](const Expr& x) {
        const auto* l = x.as<loops::Literal>();
        if (l && x.type() == f32) draw.near.push_back(loops::as<float>(l->bits));
        if (l && x.type() == f64) draw.near.push_back(loops::as<double>(l->bits));
      },
      [](const loops::Stmt&) {});
  for (const vec::Instr& i : g.built->generated.program.code) {
    if (i.op != vec::VecOp::Const) continue;
    const auto bits = static_cast<uint64_t>(i.immediate);
    if (i.lane == vec::Lane::F32) draw.near.push_back(loops::as<float>(bits));
    if (i.lane == vec::Lane::F64) draw.near.push_back(loops::as<double>(bits));
  }
  Comparison found;
  at_full_size(e, g, sizes, draw, found);
  return found.differs;
}

}  // namespace tauto::proof
