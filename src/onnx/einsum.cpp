// Einsum: one contraction per pair of operands, folded from the left; reduction labels in order of first
// appearance. A repeated label in one operand is a diagonal: the same axis in two index maps.
#include <algorithm>
#include <map>

#include "onnx/conversion.h"

namespace tauto::onnx::convert {
namespace {

using Labels =
    std::vector<std::string>;  // one per dim; the dims under "..." are "...0", "...1" counted from the right

Labels parse_term(Conversion& c, std::string_view term, int64_t rank) {
  Labels labels;
  const int64_t plain =
      static_cast<int64_t>(std::count_if(term.begin(), term.end(), [](char ch) { return ch != '.'; }));
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == '.') {
      if (term.substr(i, 3) != "...") c.refuse(cat("equation: required \"...\" in term \"", term, "\""));
      for (int64_t d = rank < 0 ? 0 : rank - plain; d-- > 0;) labels.push_back(cat("...", d));
      i += 2;
    } else if ((term[i] >= 'a' && term[i] <= 'z') || (term[i] >= 'A' && term[i] <= 'Z')) {
      labels.emplace_back(1, term[i]);
    } else {
      c.refuse(cat("equation: required letters, got \"", term, "\""));
    }
  }
  if (rank >= 0 && static_cast<int64_t>(labels.size()) != rank)
    c.refuse(cat("equation: term \"", term, "\" does not fit rank ", rank));
  return labels;
}

struct Operand {
  Id id;
  Labels labels;
};

std::string axis_name(const std::string& label) { return label[0] == '.' ? "e" + label.substr(3) : label; }

Operand contract_pair(Conversion& c, const Operand& x, const Operand& y, const Labels& keep) {
  std::map<std::string, Dim> extent;
  Labels order;
  for (const Operand* o : {&x, &y})
    for (size_t i = 0; i < o->labels.size(); ++i) {
      const Dim& d = c.type_of(o->id).dims[i];
      const auto [at, added] = extent.try_emplace(o->labels[i], d);
      if (added) {
        order.push_back(o->labels[i]);
      } else if (at->second.is_literal() && d.is_literal() && !(at->second == d)) {
        if (!(d == Dim(1)) && !(at->second == Dim(1)))
          c.refuse(cat("label ", o->labels[i], ": sizes ", at->second, " and ", d, " differ"));
        if (at->second == Dim(1)) at->second = d;
      } else if (at->second == Dim(1)) {
        at->second = d;
      }
    }
  AccessBuilder access;
  std::map<std::string, int> axis;
  for (const std::string& l : keep) axis[l] = access.output(axis_name(l), extent.at(l));
  for (const std::string& l : order)
    if (!axis.count(l)) axis[l] = access.reduce(axis_name(l), extent.at(l));
  for (const Operand* o : {&x, &y}) {
    std::vector<AxisIndex> index;
    for (size_t i = 0; i < o->labels.size(); ++i) {
      const bool repeated = c.type_of(o->id).dims[i] == Dim(1) && !(extent.at(o->labels[i]) == Dim(1));
      index.push_back(repeated ? AxisIndex{} : AccessBuilder::at(axis.at(o->labels[i])));
    }
    access.operand(std::move(index));
  }
  return {c.add(ops::contract, {x.id, y.id}, {{"access", access.finish()}}), keep};
}

}  // namespace

void Einsum(Conversion& c) {
  std::string equation = c.attr_string("equation", "");
  equation.erase(std::remove(equation.begin(), equation.end(), ' '), equation.end());
  const size_t arrow = equation.find("->");
  const std::string left = equation.substr(0, arrow);
  std::vector<Operand> operands;
  size_t start = 0;
  for (int i = 0;; ++i) {
    const size_t comma = left.find(',', start);
    if (i >= c.count())
      c.refuse(cat("equation \"", equation, "\" has more terms than there are inputs (", c.count(), ")"));
    operands.push_back(
        {c.in(i), parse_term(c, std::string_view(left).substr(start, comma - start), c.rank(i))});
    if (comma == left.npos) break;
    start = comma + 1;
  }
  if (static_cast<int>(operands.size()) != c.count())
    c.refuse(cat("equation \"", equation, "\": required ", operands.size(), " inputs, got ", c.count()));
  // Output labels: as stated, or the ellipsis and then the labels that stand once, in alphabetical order.
  Labels ellipsis, result;
  for (const Operand& o : operands) {
    Labels dots;
    for (const std::string& l : o.labels)
      if (l[0] == '.') dots.push_back(l);
    if (dots.size() > ellipsis.size()) ellipsis = dots;
  }
  if (arrow != equation.npos) {
    const std::string right = equation.substr(arrow + 2);
    const size_t dots = right.find("...");
    for (const std::string& l : parse_term(c, right.substr(0, dots), -1)) result.push_back(l);
    if (dots != right.npos) {
      result.insert(result.end(), ellipsis.begin(), ellipsis.end());
      for (const std::string& l : parse_term(c, right.substr(dots + 3), -1)) result.push_back(l);
    }
  } else {
    std::map<std::string, int> seen;
    for (const Operand& o : operands)
      for (const std::string& l : o.labels) ++seen[l];
    result = ellipsis;
    for (const auto& [l, n] : seen)
      if (n == 1 && l[0] != '.') result.push_back(l);
  }
  for (const std::string& l : result)
    if (std::none_of(operands.begin(), operands.end(), [&](const Operand& o) {
          return std::find(o.labels.begin(), o.labels.end(), l) != o.labels.end();
        }))
      c.refuse(cat("equation \"", equation, "\": output label ", l, " is in no input"));
  // A single operand is contracted with the number 1.
  if (operands.size() == 1) operands.push_back({c.number(1, c.element(0)), {}});
  Operand sum = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) {
    Labels keep = result;
    if (i + 1 < operands.size()) {
      keep.clear();
      const auto wanted = [&](const std::string& l) {
        if (std::find(keep.begin(), keep.end(), l) != keep.end()) return false;
        if (std::find(result.begin(), result.end(), l) != result.end()) return true;
        for (size_t j = i + 1; j < operands.size(); ++j)
          if (std::find(operands[j].labels.begin(), operands[j].labels.end(), l) != operands[j].labels.end())
            return true;
        return false;
      };
      for (const Operand* o : {&sum, &operands[i]})
        for (const std::string& l : o->labels)
          if (wanted(l)) keep.push_back(l);
    }
    sum = contract_pair(c, sum, operands[i], keep);
  }
  c.out(sum.id);
}

}  // namespace tauto::onnx::convert
