// See words.h.
#include "schedule/words.h"

#include <algorithm>

#include "loops/simplify.h"
#include "schedule/dots.h"

namespace tauto {

using loops::Affine;
using loops::Axis;
using loops::Expr;
using loops::Function;

bool is_whole_words(const Dim& bytes) { return mod(bytes, Dim(kWordBytes)) == Dim(0); }

std::optional<Affine> word_of(const Affine& byte, const std::string& axis) {
  Affine word;
  for (const auto& [v, c] : byte.terms) {
    if (v == axis) continue;
    if (!is_whole_words(c)) return std::nullopt;
    word.terms[v] = exact_div(c, Dim(kWordBytes));
  }
  if (!is_whole_words(byte.constant)) return std::nullopt;
  word.constant = exact_div(byte.constant, Dim(kWordBytes));
  return word;
}

std::optional<Nest> with_word_stores(const Nest& n) {
  const loops::BufferPtr& out = n.store.buffer;
  if (!(out->type == u8 || out->type == i8) || !is_whole_words(out->layout.elements)) return std::nullopt;
  loops::Ranges ranges;
  for (const Axis& a : n.axes) ranges[a.variable] = loops::below(a.extent);
  const auto at = affine_of(n.store.index[0], ranges);
  if (!at) return std::nullopt;
  const auto four = std::find_if(n.axes.begin(), n.axes.end(), [&](const Axis& a) {
    return a.extent == Dim(kWordBytes) && at->coefficient(a.variable) == Dim(1);
  });
  const auto word = four == n.axes.end() ? std::nullopt : word_of(*at, four->variable);
  if (!word || word->is_constant()) return std::nullopt;
  const bool refused = any_node(n.store.value, [&](const Expr& e) {
    if (e.as<loops::Reduce>() || e.as<loops::Probe>()) return true;
    const auto* l = e.as<loops::Load>();
    const auto from = l ? affine_of(l->index[0], ranges) : std::nullopt;
    return l && (!from || from->coefficient(four->variable) == Dim(1));
  });
  if (refused) return std::nullopt;

  Nest w = n;
  std::erase_if(w.axes, [&](const Axis& a) { return a.variable == four->variable; });
  const auto number = std::find(n.kernel.buffers.begin(), n.kernel.buffers.end(), out);
  const loops::BufferPtr words = accessed_as(i32, out, exact_div(out->layout.elements, Dim(kWordBytes)));
  w.kernel.buffers[static_cast<size_t>(number - n.kernel.buffers.begin())] = words;
  Expr all;
  for (int64_t i = 0; i < kWordBytes; ++i) {
    Expr byte = loops::convert(loops::substitute(n.store.value, four->variable, Expr(i)), i32);
    if (out->type == i8) byte = loops::apply(Function::BitAnd, {byte, loops::literal(i32, 255)});
    if (i > 0)
      byte = loops::apply(Function::ShiftLeft, {byte, loops::literal(i32, 8 * static_cast<uint64_t>(i))});
    all = i == 0 ? byte : loops::apply(Function::BitOr, {all, byte});
  }
  w.store = {words, {expr_of(*word)}, simplify(all, ranges)};
  return w;
}

}  // namespace tauto
