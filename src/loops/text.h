// Words of the text form that its printer and its parser share.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "loops/loops.h"

namespace tauto::loops {

const char* text_of(Order o);
const char* text_of(LoopKind k);
std::string text_of(const Buffer& b);  // as in a kernel's head

std::optional<Function> function_named(std::string_view name);
bool is_reserved(std::string_view word);         // a word of the grammar or a function's name
std::string name_text(const std::string& name);  // quoted unless it is a plain word that is not reserved
std::string literal_text(ElementType type, uint64_t bits);  // 1.0:f32  7:u8  -3  true  0x7fc00001:f32

}  // namespace tauto::loops
