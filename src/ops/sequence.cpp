// Helpers of the sequence operators.
#include "ops/sequence.h"

namespace tauto {

static Type renewed(Type t, FreshSymbols& symbols) {
  for (Dim& d : t.dims) {
    std::vector<std::string> names;
    symbols_of(d, names);
    for (const std::string& n : names)
      if (n[0] == '?') {
        d = symbols.fresh();
        break;
      }
  }
  for (Type& p : t.parts) p = renewed(std::move(p), symbols);
  return t;
}

Type sequence_element(const TypeContext& c, int i) {
  if (c.type(i).tag != Type::Tag::Sequence)
    c.refuse(cat("input ", i, ": required a sequence, got ", c.type(i)));
  return renewed(c.type(i).parts[0], c.symbols());
}

void require_element_of(const TypeContext& c, const Type& element, int i) {
  const Type& t = c.type(i);
  if (t.tag != element.tag || (t.is_tensor() && t.element != element.element))
    c.refuse(cat("input ", i, ": required an element ", element, ", got ", t));
}

int64_t sequence_position(const EvalContext& c, int64_t position, int64_t room) {
  if (position < -room || position >= room)
    c.refuse(cat("position: required ", -room, " <= position < ", room, ", got ", position));
  return position < 0 ? position + room : position;
}

}  // namespace tauto
