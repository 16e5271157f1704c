// Losses of classes: x is [N, C, d…], the target [N, d…] holds a class for each place.
#include "onnx/expression.h"

namespace tauto::onnx::convert {
namespace {

Ints all_axes(const Expr& x) {
  Ints axes;
  for (int64_t d = 0; d < x.rank(); ++d) axes.push_back(d);
  return axes;
}

// -weight[target] · logs[…, target, …], 0 where the target is to be ignored; the mean is over the weights.
Expr negative_log_likelihood(Conversion& c, Expr logs) {
  const Expr target(c, c.in(1));
  const std::string reduction = c.attr_string("reduction", "mean");
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    c.refuse(cat("reduction: required none, sum or mean, got \"", reduction, "\""));
  const Dims places = c.dims(1);
  if (c.rank(1) != c.rank(0) - 1)
    c.refuse(cat("required scores of one dim more than targets, got ", c.type(0), " and ", c.type(1)));
  Expr index = target, weight = logs.number(1);
  const bool ignores = c.has_attribute("ignore_index"), weighs = c.has(2);
  Expr ignored = target;
  if (ignores) {
    ignored = equal(target, target.number(static_cast<double>(c.attr_int("ignore_index"))));
    index = where(ignored, target.number(0), target);
  }
  if (weighs) weight = Expr(c, c.in(2)).cast(logs.element()).gather(index, 0);
  if (ignores) weight = where(ignored, logs.number(0), weight);
  Dims one_class = places;
  one_class.insert(one_class.begin() + 1, Dim(1));
  const Expr picked =
      logs.op(ops::gather_elements, index.reshape(one_class), {{"axis", int64_t{1}}}).reshape(places);
  Expr loss = picked.op(ops::neg);
  if (ignores) loss = where(ignored, loss.number(0), loss);
  if (weighs) loss = loss * weight;
  if (reduction == "none") return loss;
  const Expr sum = loss.sum(all_axes(loss), false);
  if (reduction == "sum") return sum;
  return sum / weight.expand(places).sum(all_axes(loss), false);
}

}  // namespace

void NegativeLogLikelihoodLoss(Conversion& c) {
  c.out(negative_log_likelihood(c, Expr(c, c.in(0)).wide()).cast(c.element(0)).id);
}

void SoftmaxCrossEntropyLoss(Conversion& c) {
  const Expr x = Expr(c, c.in(0)).wide(), d = x - x.reduce(ops::reduce_max, {1});
  const Expr logs = d - d.op(ops::exp).sum({1}).op(ops::log);
  c.out(0, negative_log_likelihood(c, logs).cast(c.element(0)).id);
  if (c.wants(1)) c.out(1, logs.cast(c.element(0)).id);
}

}  // namespace tauto::onnx::convert
