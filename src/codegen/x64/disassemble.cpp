// Machine code as text: one pass to decode and collect the targets of jumps, one to print.
#include "codegen/x64/disassemble.h"

#include <Zydis/Zydis.h>

#include <map>
#include <vector>

#include "support/error.h"

namespace tauto::vec {
namespace {

struct Line {
  size_t at;
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

// Where a jump goes or a rip-relative operand lies; SIZE_MAX: nowhere.
size_t target_of(const Line& l) {
  for (int k = 0; k < l.instruction.operand_count; k++) {
    ZyanU64 to = 0;
    const ZydisDecodedOperand& o = l.operands[k];
    const bool jump = o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o.imm.is_relative;
    const bool rip = o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.mem.base == ZYDIS_REGISTER_RIP;
    if ((jump || rip) && ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&l.instruction, &o, l.at, &to)))
      return static_cast<size_t>(to);
  }
  return SIZE_MAX;
}

std::string hex_word(uint32_t w) {
  std::string s = "0x00000000";
  for (int k = 9; k >= 2; k--, w >>= 4) s[static_cast<size_t>(k)] = "0123456789abcdef"[w & 15];
  return s;
}

}  // namespace

std::string disassemble(std::span<const uint8_t> code) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisFormatter formatter;
  ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
  ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_FORCE_RELATIVE_RIPREL, ZYAN_TRUE);

  std::vector<Line> lines;
  std::map<size_t, std::string> labels;
  size_t at = 0;
  for (bool last = false; !last && at < code.size();) {
    Line l;
    l.at = at;
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeFull(&decoder, code.data() + at, code.size() - at, &l.instruction, l.operands)))
      fail("disassemble: byte ", at, ": no instruction");
    if (const size_t to = target_of(l); to < code.size()) labels[to];
    last = l.instruction.mnemonic == ZYDIS_MNEMONIC_RET;
    at += l.instruction.length;
    lines.push_back(l);
  }
  size_t count = 0, constants = 0;
  for (auto& [to, name] : labels) name = to < at ? cat("L", ++count) : cat("C", ++constants);

  std::string text;
  for (const Line& l : lines) {
    if (const auto found = labels.find(l.at); found != labels.end()) text += found->second + ":\n";
    char buffer[256];
    ZydisFormatterFormatInstruction(&formatter, &l.instruction, l.operands,
                                    l.instruction.operand_count_visible, buffer, sizeof buffer, l.at,
                                    ZYAN_NULL);
    std::string line = buffer;
    if (const size_t to = target_of(l); to < code.size()) {
      const std::string& name = labels[to];
      const size_t rip = line.find("[rip");
      if (rip != std::string::npos)
        line.replace(rip, line.find(']', rip) - rip, "[" + name);
      else
        line = line.substr(0, line.find(' ')) + " " + name;
    }
    text += "  " + line + "\n";
  }
  if (at < code.size()) text += cat("; ", code.size() - at, " bytes of constants\n");
  for (auto found = labels.lower_bound(at); found != labels.end(); ++found) {
    const size_t end = std::next(found) == labels.end() ? code.size() : std::next(found)->first;
    text += found->second + ":";
    for (size_t k = found->first; k + 4 <= end; k += 4) {
      uint32_t word = 0;
      for (size_t b = 4; b-- > 0;) word = word << 8 | code[k + b];
      text += " " + hex_word(word);
    }
    text += "\n";
  }
  return text;
}

}  // namespace tauto::vec
