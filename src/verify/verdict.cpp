// Names of verdicts.
#include "verify/verdict.h"

#include "support/error.h"

namespace tauto::equivalence {

const char* text_of(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::Proved:
      return "PROVED";
    case Verdict::Kind::ProvedOnShapes:
      return "PROVED-ON-SHAPES";
    case Verdict::Kind::ProvedOnSet:
      return "PROVED-ON-SET";
    case Verdict::Kind::Supported:
      return "SUPPORTED";
    case Verdict::Kind::Undecided:
      return "UNDECIDED";
    case Verdict::Kind::Refuted:
      return "REFUTED";
  }
  return "";
}

Verdict undecided(std::string reason) {
  Verdict v;
  v.reason = std::move(reason);
  return v;
}

Verdict refuted(std::string reason, std::string witness) {
  Verdict v;
  v.kind = Verdict::Kind::Refuted;
  v.reason = std::move(reason);
  v.witness = std::move(witness);
  return v;
}

std::string text_of(const Verdict& v) {
  const char* name = text_of(v.kind);
  switch (v.kind) {
    case Verdict::Kind::Supported:
      return cat(name, "(", v.rate, ", ", v.alpha, ", ", v.n, ")");
    case Verdict::Kind::ProvedOnSet:
      return cat(name, "(", v.n, ")");
    case Verdict::Kind::Undecided:
      return cat(name, "(", v.reason, ")");
    case Verdict::Kind::Refuted:
      return cat(name, "(", v.witness.empty() ? v.reason : v.witness, ")");
    default:
      return name;
  }
}

}  // namespace tauto::equivalence
