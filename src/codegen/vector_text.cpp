// The text form of vector programs: printer and parser, both driven by the operand letters of
// TAUTO_VECTOR_OPS. Float constants carry their value as a comment.
#include <algorithm>
#include <bit>

#include "codegen/rules.h"
#include "graph/scanner.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

std::string text_of_address(const Address& a) {
  std::string s = cat("[", text_of(a.base));
  if (a.scale != 0 || a.index) s += cat(" + ", a.scale, "*", text_of(a.index));
  if (a.offset != 0) s += cat(" + ", a.offset);
  return s + "]";
}

std::string text_of_immediate(VecOp op, int64_t v) {
  const Words words = words_of(op);
  return v >= 0 && v < words.count ? words.text[v] : cat(v);
}

bool is_plain_name(const std::string& s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.?:/-").find(c) != std::string_view::npos;
  });
}

class Parser {
 public:
  explicit Parser(std::string_view text) : s_(text) {}

  Program parse() {
    comments();
    s_.expect("program");
    p_.name = s_.name("the program's name");
    s_.expect("lanes");
    p_.lanes = static_cast<int>(std::clamp<int64_t>(s_.integer("the number of lanes"), -1, 1 << 16));
    if (s_.accept("scratch")) p_.scratch = s_.integer("the bytes of scratch memory");
    s_.expect("{");
    comments();
    while (!s_.accept("}")) {
      p_.code.push_back(line());
      comments();
    }
    comments();
    s_.expect_end();
    return std::move(p_);
  }

 private:
  void comments() {
    while (s_.peek("#")) s_.line_comment();
  }

  Reg reg() {
    const std::string w = s_.word("a register");
    const size_t cls = std::string_view(" svm").find(w[0]);
    const bool digits = w.size() > 1 && w.size() < 8 &&
                        std::all_of(w.begin() + 1, w.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (cls == std::string_view::npos || !digits) s_.error("a register", w);
    const Reg r{static_cast<Class>(cls), std::stoi(w.substr(1))};
    const auto make = [&](int32_t& count) { count = std::max(count, r.id + 1); };
    if (r.cls == Class::Scalar) make(p_.scalars);
    if (r.cls == Class::Mask) make(p_.masks);
    if (r.cls == Class::Vector && static_cast<size_t>(r.id) >= p_.vectors.size()) {
      p_.vectors.resize(static_cast<size_t>(r.id) + 1, Lane::F32);
      defined_.resize(p_.vectors.size());
    }
    return r;
  }

  Address address() {
    Address a;
    s_.expect("[");
    a.base = reg();
    while (s_.accept("+")) {
      const int64_t v = s_.integer("a scale or an offset");
      if (!s_.accept("*")) {
        a.offset = v;
        break;
      }
      if (a.index) s_.error("an offset", "a second index");
      a.scale = static_cast<int>(std::clamp<int64_t>(v, -1, 1 << 16));
      a.index = reg();
    }
    s_.expect("]");
    return a;
  }

  int64_t immediate(VecOp op) {
    const Words words = words_of(op);
    if (!words.text || !s_.peek_word()) return s_.integer("an integer");
    const std::string w = s_.word("a word");
    for (int i = 0; i < words.count; ++i)
      if (w == words.text[i]) return i;
    std::string all;
    for (int i = 0; i < words.count; ++i) all += cat(i == 0 ? "" : ", ", words.text[i]);
    s_.error("one of " + all, w);
  }

  void set_op(Instr& i, const std::string& word) {
    const size_t dot = word.find('.');
    const std::string name = word.substr(0, dot);
    constexpr VecOp kOps[] = {
#define TAUTO_X(name, text, result, operands) VecOp::name,
        TAUTO_VECTOR_OPS(TAUTO_X)
#undef TAUTO_X
    };
    const auto op =
        std::find_if(std::begin(kOps), std::end(kOps), [&](VecOp o) { return name == text_of(o); });
    if (op == std::end(kOps)) s_.error("an instruction", name);
    i.op = *op;
    if (has_lane(i.op) != (dot != std::string::npos))
      s_.error(has_lane(i.op) ? name + ".type" : name + " without a type", word);
    if (has_lane(i.op)) {
      const std::string type = word.substr(dot + 1);
      bool found = false;
      for (const Lane l : {Lane::I32, Lane::I64, Lane::F32, Lane::F64})
        if (type == text_of(l)) i.lane = l, found = true;
      if (!found) s_.error("i32, i64, f32 or f64", type);
    }
    if (has_memory(i.op)) {
      s_.expect(":");
      const std::string memory = s_.word("an element type");
      const std::optional<ElementType> type = element_type_named(memory);
      if (!type) s_.error("an element type", memory);
      i.memory = *type;
    }
  }

  Instr line() {
    Instr i;
    const size_t start = s_.mark();
    std::string word = s_.word("an instruction or \"}\"");
    if (s_.peek("=")) {
      s_.reset(start);
      i.result = reg();
      s_.expect("=");
      word = s_.word("an instruction");
    }
    set_op(i, word);
    if ((result_of(i.op) != '-') != static_cast<bool>(i.result))
      s_.error(i.result ? cat(text_of(i.op), " without a result") : cat("a result of ", text_of(i.op)), word);
    if (i.result.cls == Class::Vector && !defined_[static_cast<size_t>(i.result.id)]) {
      defined_[static_cast<size_t>(i.result.id)] = true;
      p_.vectors[static_cast<size_t>(i.result.id)] = i.lane;
    }
    int at = 0;
    const char* operands = operands_of(i.op);
    for (const char* c = operands; *c; ++c) {
      if (*c == '?') {
        if (s_.accept("?")) i.mask = reg();
        continue;
      }
      if (c != operands) s_.expect(",");
      if (*c == 'i')
        i.immediate = immediate(i.op);
      else if (*c == 'a')
        i.address = address();
      else
        i.operand[at++] = reg();
    }
    return i;
  }

  Scanner s_;
  Program p_;
  std::vector<bool> defined_;  // vectors whose lane type is known
};

}  // namespace

std::string text_of(const Instr& i) {
  std::string s = i.result ? text_of(i.result) + " = " : "";
  s += text_of(i.op);
  if (has_lane(i.op)) s += cat(".", text_of(i.lane));
  if (has_memory(i.op)) s += cat(":", text_of(i.memory));
  int at = 0;
  const char* operands = operands_of(i.op);
  for (const char* c = operands; *c; ++c) {
    if (*c == '?') {
      if (i.mask) s += " ? " + text_of(i.mask);
      continue;
    }
    s += c == operands ? " " : ", ";
    if (*c == 'i')
      s += text_of_immediate(i.op, i.immediate);
    else if (*c == 'a')
      s += text_of_address(i.address);
    else
      s += text_of(i.operand[at++]);
  }
  if (i.op == VecOp::Const && i.lane == Lane::F32)
    s += cat("  # ", std::bit_cast<float>(static_cast<uint32_t>(i.immediate)));
  if (i.op == VecOp::Const && i.lane == Lane::F64) s += cat("  # ", std::bit_cast<double>(i.immediate));
  return s;
}

std::string text_of(const Program& p) {
  std::string s = cat("program ", is_plain_name(p.name) ? p.name : quote(p.name), " lanes ", p.lanes);
  if (p.scratch != 0) s += cat(" scratch ", p.scratch);
  s += " {\n";
  size_t depth = 1;
  for (const Instr& i : p.code) {
    if ((i.op == VecOp::End || i.op == VecOp::Else) && depth > 1) --depth;
    s.append(depth * 2, ' ').append(text_of(i)).append("\n");
    if (i.op == VecOp::Loop || i.op == VecOp::If || i.op == VecOp::Else) ++depth;
  }
  return s + "}\n";
}

Program parse_program(std::string_view text) { return Parser(text).parse(); }

}  // namespace tauto::vec
