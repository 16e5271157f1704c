// LSTM, GRU, RNN: compositions with a scan over time (docs/semantics.md, "Recurrent networks").
//
//   gate = ((x·Wᵀ) + (Wb + Rb)) + h·Rᵀ, then a peephole's product
//
// x·Wᵀ + (Wb + Rb) is one contraction for all steps, before the scan; a step adds h·Rᵀ. A sequence of length
// 1 needs no scan: the step stands in the graph itself, with the same bits.
//
// Shapes, with T steps, B rows, G gates of H units: X (T, B, I), W (D, G·H, I), R (D, G·H, H), the bias
// (D, 2·G·H), D the number of directions; layout 1 has the batch before time and directions.
#include <algorithm>
#include <cctype>
#include <limits>

#include "onnx/expression.h"

namespace tauto::onnx::convert {
namespace {

// alpha and beta are defaults; NaN: the function has no such parameter.
struct Activation {
  const char* name;
  float alpha, beta;
  Expr (*apply)(Expr x, float alpha, float beta);
};

Expr by_operator(Expr x, const char* op, std::initializer_list<std::pair<const char*, float>> parameters) {
  std::vector<AttributeProto> attributes;
  for (const auto& [name, value] : parameters) {
    AttributeProto p;
    p.name = name;
    p.type = AttributeProto::kFloat;
    p.f = value;
    attributes.push_back(std::move(p));
  }
  return {*x.c, x.c->convert(op, {x.id}, std::move(attributes))[0]};
}

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr Activation kActivations[] = {
    {"affine", 1, 0, [](Expr x, float a, float b) { return x * a + double(b); }},
    {"elu", 1, kNone,
     [](Expr x, float a, float) {
       return by_operator(x, "Elu", {{"alpha", a}});
     }},
    {"hardsigmoid", 0.2f, 0.5f,
     [](Expr x, float a, float b) {
       return by_operator(x, "HardSigmoid", {{"alpha", a}, {"beta", b}});
     }},
    {"leakyrelu", 0.01f, kNone,
     [](Expr x, float a, float) {
       return by_operator(x, "LeakyRelu", {{"alpha", a}});
     }},
    {"relu", kNone, kNone, [](Expr x, float, float) { return x.op(ops::relu); }},
    {"scaledtanh", 1, 1, [](Expr x, float a, float b) { return (x * b).op(ops::tanh) * a; }},
    {"sigmoid", kNone, kNone, [](Expr x, float, float) { return x.op(ops::sigmoid); }},
    {"softplus", kNone, kNone, [](Expr x, float, float) { return by_operator(x, "Softplus", {}); }},
    {"softsign", kNone, kNone, [](Expr x, float, float) { return by_operator(x, "Softsign", {}); }},
    {"tanh", kNone, kNone, [](Expr x, float, float) { return x.op(ops::tanh); }},
    {"thresholdedrelu", 1, kNone,
     [](Expr x, float a, float) {
       return by_operator(x, "ThresholdedRelu", {{"alpha", a}});
     }},
};

using Function = std::function<Expr(Expr)>;

// The activation functions of all directions. Those with parameters take the next ones of the lists.
std::vector<Function> activations(Conversion& c, const std::vector<std::string>& otherwise,
                                  size_t directions) {
  std::vector<std::string> names = c.attr_strings("activations");
  if (names.empty())
    for (size_t d = 0; d < directions; ++d) names.insert(names.end(), otherwise.begin(), otherwise.end());
  if (names.size() != otherwise.size() * directions)
    c.refuse(cat("activations: required ", otherwise.size() * directions, ", got ", names.size()));
  const float clip = c.attr_float("clip", 0);
  if (!(clip >= 0)) c.refuse(cat("clip: required >= 0, got ", clip));
  const std::vector<float> alphas = c.attr_floats("activation_alpha"),
                           betas = c.attr_floats("activation_beta");
  size_t alpha = 0, beta = 0;
  std::vector<Function> r;
  for (const std::string& name : names) {
    std::string lower = name;
    for (char& ch : lower) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
    const auto* f = std::find_if(std::begin(kActivations), std::end(kActivations),
                                 [&](const Activation& a) { return a.name == lower; });
    if (f == std::end(kActivations)) c.refuse(cat("activation \"", name, "\" is not known"));
    const float a = f->alpha == f->alpha && alpha < alphas.size() ? alphas[alpha++] : f->alpha;
    const float b = f->beta == f->beta && beta < betas.size() ? betas[beta++] : f->beta;
    r.emplace_back([f, a, b, clip](Expr x) {
      if (clip > 0) x = x.number(clip).op(ops::min, x.number(-clip).op(ops::max, x));
      return f->apply(x, a, b);
    });
  }
  return r;
}

// What a step needs of one direction, as values of the function in which it stands.
struct Cell {
  std::vector<Expr> R;  // (D, n·H, H), all directions; a GRU that resets before has gates z, r and h apart
  std::optional<Expr> Rb;  // (H): the candidate's bias of a GRU that keeps h·Rᵀ + Rb apart
  std::optional<Expr> P;   // (3·H): peepholes i, o, f
  int64_t direction, H;
  const Function* f;  // the direction's activations
  bool input_forget = false;

  // h·Rᵀ: (B, n·H).
  Expr recur(Expr h, size_t part = 0) const {
    AccessBuilder access;
    const int b = access.output("b", h.dim(0)), o = access.output("o", R[part].dim(1)),
              k = access.reduce("k", H);
    access.operand({AccessBuilder::at(b), AccessBuilder::at(k)});
    access.operand({{{}, direction, 1}, AccessBuilder::at(o), AccessBuilder::at(k)});
    return h.op(ops::contract, R[part], {{"access", access.finish()}});
  }
  Expr gate(Expr gates, int64_t i) const { return gates.slice(1, i * H, (i + 1) * H); }
  Expr peephole(int64_t i) const { return P->slice(0, i * H, (i + 1) * H); }
};

// One step: x is x·Wᵀ + bias (B, G·H), the state is h or h, c (B, H); the new state.
using Step = std::vector<Expr> (*)(const Cell& cell, Expr x, const std::vector<Expr>& state);

std::vector<Expr> rnn_step(const Cell& cell, Expr x, const std::vector<Expr>& state) {
  return {cell.f[0](x + cell.recur(state[0]))};
}

// Gates z, r, h.
std::vector<Expr> gru_step(const Cell& cell, Expr x, const std::vector<Expr>& state) {
  const Expr h = state[0], hr = cell.recur(h), xh = cell.gate(x, 2);
  const bool apart = cell.R.size() == 1;
  const auto gate = [&](int64_t i) { return cell.f[0](cell.gate(x, i) + cell.gate(hr, i)); };
  const Expr z = gate(0), r = gate(1);
  Expr recurrent = apart ? cell.gate(hr, 2) : cell.recur(r * h, 1);
  if (cell.Rb) recurrent = recurrent + *cell.Rb;
  const Expr candidate = cell.f[1](xh + (apart ? r * recurrent : recurrent));
  return {(1 - z) * candidate + z * h};
}

// Gates i, o, f, c.
std::vector<Expr> lstm_step(const Cell& cell, Expr x, const std::vector<Expr>& state) {
  const Expr c = state[1], gates = x + cell.recur(state[0]);
  const auto gate = [&](int64_t i, Expr at) {
    const Expr g = cell.gate(gates, i);
    return cell.f[0](cell.P ? g + cell.peephole(i) * at : g);
  };
  const Expr i = gate(0, c);
  const Expr f = cell.input_forget ? 1 - i : gate(2, c);
  const Expr next = f * c + i * cell.f[1](cell.gate(gates, 3));
  return {gate(1, next) * cell.f[2](next), next};
}

struct Kind {
  int64_t gates;
  size_t states;
  std::vector<std::string> activations;
  Step step;
};

void convert_recurrent(Conversion& c, const Kind& kind) {
  const bool lstm = kind.states == 2, batch_first = c.attr_int("layout", 0) != 0;
  const std::string direction = c.attr_string("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    c.refuse(cat("direction: required forward, reverse or bidirectional, got \"", direction, "\""));
  const size_t D = direction == "bidirectional" ? 2 : 1;

  for (int i = 0; i < 3; ++i) c.require_rank(i, 3);
  Expr input(c, c.in(0)), W(c, c.in(1)), R(c, c.in(2));
  const auto require = [&](Expr& e, const char* name, const Dims& want) {
    e.id = c.refined(e.id, want);
    if (!e.type().is_tensor() || !e.type().ranked || e.dims().size() != want.size())
      c.refuse(cat(name, ": required ", Type::tensor(input.element(), want), ", got ", e.type()));
    for (size_t i = 0; i < want.size(); ++i)
      if (const Dim d = e.dim(i) - want[i]; d.is_literal() && d.literal() != 0)
        c.refuse(cat(name, ": required ", Type::tensor(e.element(), want), ", got ", e.type()));
  };
  const auto units = R.dim(2).as_literal();
  if (!units) c.refuse("R: its last dim must be known before run time");
  const int64_t H = *units, G = kind.gates;
  if (c.attr_int("hidden_size", H) != H)
    c.refuse(cat("hidden_size: required ", H, ", the last dim of R, got ", c.attr_int("hidden_size", H)));
  const Dim T = input.dim(batch_first ? 1 : 0), B = input.dim(batch_first ? 0 : 1), I = input.dim(2);
  const Dim d_dim = static_cast<int64_t>(D);
  require(W, "W", {d_dim, G * H, I});
  require(R, "R", {d_dim, G * H, H});
  const auto optional = [&](int i, const char* name, Dims want) -> std::optional<Expr> {
    if (!c.has(i)) return std::nullopt;
    Expr e(c, c.in(i));
    require(e, name, std::move(want));
    return e;
  };
  const Dims state_dims = batch_first ? Dims{B, d_dim, H} : Dims{d_dim, B, H};
  const auto bias = optional(3, "B", {d_dim, 2 * G * H}), lengths = optional(4, "sequence_lens", {B});
  std::vector<std::optional<Expr>> initial{optional(5, "initial_h", state_dims)};
  if (lstm) initial.push_back(optional(6, "initial_c", state_dims));
  const auto peepholes = lstm ? optional(7, "P", {d_dim, 3 * H}) : std::nullopt;
  const bool apart = !lstm && G == 3 && c.attr_int("linear_before_reset", 0) != 0;
  const bool input_forget = lstm && c.attr_int("input_forget", 0) != 0;
  const auto functions = activations(c, kind.activations, D);

  // Which steps lie inside a row's sequence: (T, B, 1).
  std::optional<Expr> inside;
  if (lengths) {
    const auto scalar = [&](Dim d) { return Expr(c, c.b.dims({std::move(d)})).reshape({}).id; };
    const Expr steps(c, c.add(ops::range, {scalar(0), scalar(T), scalar(1)}));
    inside = steps.reshape({T, 1, 1}).op(ops::less, lengths->cast(i64).reshape({B, 1}));
  }

  std::vector<Expr> all;                             // Y per direction (T, B, H)
  std::vector<std::vector<Expr>> last(kind.states);  // Y_h, Y_c per direction (B, H)
  for (size_t d = 0; d < D; ++d) {
    const int64_t at = static_cast<int64_t>(d);
    const bool backwards = d == 1 || direction == "reverse";

    // x·Wᵀ + (Wb + Rb) of all steps: (T, B, G·H).
    AccessBuilder access;
    const int t = access.output("t", T), b = access.output("b", B), o = access.output("o", G * H);
    const int k = access.reduce("k", I);
    access.operand({AccessBuilder::at(batch_first ? b : t), AccessBuilder::at(batch_first ? t : b),
                    AccessBuilder::at(k)});
    access.operand({{{}, at, 1}, AccessBuilder::at(o), AccessBuilder::at(k)});
    Expr x = input.op(ops::contract, W, {{"access", access.finish()}});
    std::optional<Expr> candidate_bias;
    if (bias) {
      const Expr own = bias->at(0, at), Wb = own.slice(0, 0, G * H), Rb = own.slice(0, G * H, 2 * G * H);
      if (apart) {
        candidate_bias = Rb.slice(0, 2 * H, 3 * H);
        x = x + concat({Wb.slice(0, 0, 2 * H) + Rb.slice(0, 0, 2 * H), Wb.slice(0, 2 * H, 3 * H)}, 0);
      } else {
        x = x + (Wb + Rb);
      }
    }
    std::vector<Expr> state;
    for (const auto& s : initial)
      state.push_back(s ? s->at(batch_first ? 1 : 0, at) : input.number(0).expand({B, H}));
    std::optional<Expr> P;
    if (peepholes) P = peepholes->at(0, at);

    std::vector<Expr> recurrent{R};
    if (G == 3 && !apart) recurrent = {R.slice(1, 0, 2 * H), R.slice(1, 2 * H, 3 * H)};

    // A step's values: in this graph they are the ones above, in a body its parameters for them.
    struct Place {
      std::vector<Expr> state;
      Expr x;
      std::optional<Expr> inside;
      Cell cell;
    };
    Place here{state,
               x,
               inside,
               {recurrent, candidate_bias, P, at, H, &functions[d * kind.activations.size()], input_forget}};
    // The new state, then y.
    const auto step = [&](const Place& p) {
      std::vector<Expr> next = kind.step(p.cell, p.x, p.state);
      Expr y = next[0];
      if (p.inside) {
        y = where(*p.inside, y, y.number(0));
        for (size_t i = 0; i < next.size(); ++i) next[i] = where(*p.inside, next[i], p.state[i]);
      }
      next.push_back(y);
      return next;
    };

    if (T == Dim(1)) {
      here.x = x.reshape({B, G * H});
      if (inside) here.inside = inside->reshape({B, 1});
      const std::vector<Expr> r = step(here);
      all.push_back(r.back().reshape({1, B, H}));
      for (size_t i = 0; i < kind.states; ++i) last[i].push_back(r[i]);
      continue;
    }
    Builder body(c.b.module(), c.new_function_name());
    body.set_sources(c.b.current_sources());
    Conversion within = c.inside(body);
    std::vector<Id> outer;
    Place there = here;
    const auto pass = [&](const char* name, Expr& e, bool element = false) {
      Type type = e.type();
      if (element) type.dims.erase(type.dims.begin());
      outer.push_back(e.id);
      e = Expr(within, body.parameter(name, std::move(type)));
    };
    for (size_t i = 0; i < kind.states; ++i) pass(i ? "c" : "h", there.state[i]);
    pass("x", there.x, true);
    if (there.inside) pass("inside", *there.inside, true);
    for (Expr& r : there.cell.R) pass("R", r);
    if (there.cell.Rb) pass("Rb", *there.cell.Rb);
    if (there.cell.P) pass("P", *there.cell.P);
    std::vector<Id> results;
    for (const Expr& e : step(there)) results.push_back(e.id);
    std::vector<std::string> names{"h", "c"};
    names.resize(kind.states);
    names.emplace_back("y");
    const std::string name = body.name();
    body.finish(results, names);
    const size_t sequences = inside ? 2 : 1;
    const Id scan = c.add(ops::scan, outer,
                          {{"body", FunctionName{name}},
                           {"states", static_cast<int64_t>(kind.states)},
                           {"axes", Ints(sequences, 0)},
                           {"reversed", Ints(sequences, backwards)},
                           {"out_axes", Ints{0}},
                           {"out_reversed", Ints{backwards}}});
    for (size_t i = 0; i < kind.states; ++i) last[i].emplace_back(c, c.b.item(scan, static_cast<int64_t>(i)));
    all.emplace_back(c, c.b.item(scan, static_cast<int64_t>(kind.states)));
  }

  if (c.wants(0)) {
    std::vector<Expr> parts;
    for (const Expr& y : all)
      parts.push_back(batch_first ? y.transpose({1, 0, 2}).reshape({B, T, 1, H}) : y.reshape({T, 1, B, H}));
    c.out(0, concat(parts, batch_first ? 2 : 1).id);
  }
  for (size_t i = 0; i < kind.states; ++i) {
    if (!c.wants(static_cast<int>(i) + 1)) continue;
    std::vector<Expr> parts;
    for (const Expr& s : last[i]) parts.push_back(batch_first ? s.reshape({B, 1, H}) : s.reshape({1, B, H}));
    c.out(static_cast<int>(i) + 1, concat(parts, batch_first ? 1 : 0).id);
  }
}

}  // namespace

void RNN(Conversion& c) { convert_recurrent(c, {1, 1, {"Tanh"}, rnn_step}); }
void GRU(Conversion& c) { convert_recurrent(c, {3, 1, {"Sigmoid", "Tanh"}, gru_step}); }
void LSTM(Conversion& c) { convert_recurrent(c, {4, 2, {"Sigmoid", "Tanh", "Tanh"}, lstm_step}); }

}  // namespace tauto::onnx::convert
