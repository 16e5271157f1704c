// What a comparison ends with. Only the first two are said of all inputs; a verdict that rests on samples
// says so, and one that could not be reached is never a pass.
#pragma once

#include <cstdint>
#include <string>

namespace tauto::equivalence {

struct Verdict {
  enum class Kind : uint8_t {
    Proved,          // for all inputs, at the sizes of the program
    ProvedOnShapes,  // the same, with an induction over sizes or addresses missing
    ProvedOnSet,     // for the inputs that were run, in every configuration that was run
    Supported,  // a rate of at most `rate`, with confidence 1 - alpha, from n inputs drawn like those to come
    Undecided,  // for `reason`
    Refuted,    // there is a witness
  } kind = Kind::Undecided;
  std::string reason;          // Undecided: what is missing. Others: what it rests on, may be empty.
  double rate = 0, alpha = 0;  // Supported
  int64_t n = 0;               // Supported, ProvedOnSet: inputs
  std::string witness;         // Refuted: the file that replays it; empty if none was written

  // May whoever asked go on? Undecided is no.
  bool holds() const { return kind != Kind::Undecided && kind != Kind::Refuted; }
};

const char* text_of(
    Verdict::Kind kind);  // PROVED, PROVED-ON-SHAPES, PROVED-ON-SET, SUPPORTED, UNDECIDED, REFUTED
std::string text_of(const Verdict& v);  // SUPPORTED(0.0036, 0.05, 5000), UNDECIDED(reason), …

Verdict undecided(std::string reason);
Verdict refuted(std::string reason, std::string witness = "");

}  // namespace tauto::equivalence
