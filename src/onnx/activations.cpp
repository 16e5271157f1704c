// Activation functions, each written as the ONNX specification's function body writes it; constants are of
// x's type. Softplus alone differs: max(x, 0) + log1p(e^-|x|) is the same function without overflow.
#include <cmath>

#include "onnx/broadcast.h"

namespace tauto::onnx::convert {
namespace {

// One input x, and arithmetic on it.
struct Formula {
  Conversion& c;
  Id x;
  ElementType e;

  explicit Formula(Conversion& c) : c(c), x(c.in(0)), e(c.element(0)) {}
  Id number(double v) { return c.number(v, e); }
  Id attr(const char* name, float otherwise) { return number(c.attr_float(name, otherwise)); }
  Id add(Id a, Id b) { return c.add(ops::add, {a, b}); }
  Id sub(Id a, Id b) { return c.add(ops::sub, {a, b}); }
  Id mul(Id a, Id b) { return c.add(ops::mul, {a, b}); }
  Id div(Id a, Id b) { return c.add(ops::div, {a, b}); }
  Id max(Id a, Id b) { return c.add(ops::max, {a, b}); }
  Id min(Id a, Id b) { return c.add(ops::min, {a, b}); }
  Id of(const Op& f, Id a) { return c.add(f, {a}); }
  Id less(Id a, Id b) { return c.add(ops::less, {a, b}); }
  Id where(Id condition, Id a, Id b) { return c.add(ops::where, {condition, a, b}); }

  Id where_negative(Id a, Id b) { return where(less(x, number(0)), a, b); }
  Id hard_sigmoid(Id alpha, Id beta) { return max(min(add(mul(x, alpha), beta), number(1)), number(0)); }
  Id softplus() {
    return add(max(x, number(0)), of(ops::log1p, of(ops::exp, of(ops::neg, of(ops::abs, x)))));
  }
};

}  // namespace

void LeakyRelu(Conversion& c) {
  Formula f(c);
  c.out(f.where_negative(f.mul(f.attr("alpha", 0.01f), f.x), f.x));
}

// The slope broadcasts to x; before operator set 7 it is one number or one per channel (axis 1).
void PRelu(Conversion& c) {
  Formula f(c);
  Id slope = c.in(1);
  if (c.version < 7 && c.rank(1) == 1 && c.rank(0) > 2 && c.dims(1)[0] != Dim(1))
    slope = with_ones_behind(c, slope, c.rank(0) - 2);
  c.out(f.where_negative(f.mul(slope, f.x), f.x));
}

void ThresholdedRelu(Conversion& c) {
  Formula f(c);
  c.out(f.where(f.less(f.attr("alpha", 1), f.x), f.x, f.number(0)));
}

void Elu(Conversion& c) {
  Formula f(c);
  c.out(f.where_negative(f.mul(f.attr("alpha", 1), f.sub(f.of(ops::exp, f.x), f.number(1))), f.x));
}

void Selu(Conversion& c) {
  Formula f(c);
  const bool old = c.version < 6;
  const Id alpha = f.attr("alpha", old ? 1.6732f : 1.67326319217681884765625f);
  const Id gamma = f.attr("gamma", old ? 1.0507f : 1.05070102214813232421875f);
  const Id negative = f.mul(gamma, f.sub(f.mul(alpha, f.of(ops::exp, f.x)), alpha));
  c.out(f.where_negative(negative, f.mul(gamma, f.x)));
}

// alpha · elu(x / alpha)
void Celu(Conversion& c) {
  Formula f(c);
  const Id alpha = f.attr("alpha", 1);
  f.x = f.div(f.x, alpha);
  c.out(f.mul(alpha, f.where_negative(f.sub(f.of(ops::exp, f.x), f.number(1)), f.x)));
}

void Gelu(Conversion& c) {
  Formula f(c);
  const std::string how = c.attr_string("approximate", "none");
  Id inner;
  if (how == "none") {
    inner = f.of(ops::erf, f.div(f.x, f.number(std::sqrt(2.0))));
  } else if (how == "tanh") {
    const Id cube = f.c.add(ops::pow, {f.x, f.number(3)});
    inner = f.of(ops::tanh, f.mul(f.number(std::sqrt(2 / 3.14159265358979323846)),
                                  f.add(f.x, f.mul(f.number(0.044715), cube))));
  } else {
    c.refuse(cat("approximate: required none or tanh, got \"", how, "\""));
  }
  c.out(f.mul(f.mul(f.number(0.5), f.x), f.add(f.number(1), inner)));
}

void HardSigmoid(Conversion& c) {
  Formula f(c);
  c.out(f.hard_sigmoid(f.attr("alpha", 0.2f), f.attr("beta", 0.5f)));
}
void HardSwish(Conversion& c) {
  Formula f(c);
  c.out(f.mul(f.x, f.hard_sigmoid(f.number(1.0f / 6), f.number(0.5))));
}
void Swish(Conversion& c) {
  Formula f(c);
  c.out(f.mul(f.x, f.of(ops::sigmoid, f.mul(f.attr("alpha", 1), f.x))));
}
void Softplus(Conversion& c) { c.out(Formula(c).softplus()); }
void Mish(Conversion& c) {
  Formula f(c);
  c.out(f.mul(f.x, f.of(ops::tanh, f.softplus())));
}
void Softsign(Conversion& c) {
  Formula f(c);
  c.out(f.div(f.x, f.add(f.number(1), f.of(ops::abs, f.x))));
}

// x + bias below -lambd, x - bias above lambd, else 0.
void Shrink(Conversion& c) {
  Formula f(c);
  const float bound = c.attr_float("lambd", 0.5f);
  const Id lambd = f.number(bound), low = f.number(-bound), bias = f.attr("bias", 0);
  const Id upper = f.where(f.less(lambd, f.x), f.sub(f.x, bias), f.number(0));
  c.out(f.where(f.less(f.x, low), f.add(f.x, bias), upper));
}

}  // namespace tauto::onnx::convert
