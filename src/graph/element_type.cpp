// Names and sizes of element types.
#include "graph/element_type.h"

#include "support/error.h"

namespace tauto {
namespace {

struct Named {
  std::string_view name;
  ElementType type;
};

constexpr Named kNames[] = {
    {"f16", f16},
    {"f32", f32},
    {"f64", f64},
    {"bf16", bf16},
    {"i2", i2},
    {"i4", i4},
    {"i8", i8},
    {"i16", i16},
    {"i32", i32},
    {"i64", i64},
    {"u2", u2},
    {"u4", u4},
    {"u8", u8},
    {"u16", u16},
    {"u32", u32},
    {"u64", u64},
    {"bool", boolean},
    {"string", text},
    {"bipolar", {Kind::Bipolar, 1}},
    {"c64", {Kind::Complex, 64}},
    {"c128", {Kind::Complex, 128}},
    {"f8e4m3fn", {Kind::F8E4M3FN, 8}},
    {"f8e4m3fnuz", {Kind::F8E4M3FNUZ, 8}},
    {"f8e5m2", {Kind::F8E5M2, 8}},
    {"f8e5m2fnuz", {Kind::F8E5M2FNUZ, 8}},
    {"f8e8m0", {Kind::F8E8M0, 8}},
    {"f4e2m1", {Kind::F4E2M1, 4}},
};

}  // namespace

int64_t ElementType::bytes() const {
  if (is_string()) return sizeof(std::string);
  return bits <= 8 ? 1 : bits / 8;
}

int64_t ElementType::min_value() const {
  if (!is_signed()) return 0;
  return bits == 64 ? INT64_MIN : -(int64_t{1} << (bits - 1));
}

uint64_t ElementType::max_value() const {
  if (is_bool()) return 1;
  if (is_signed()) return (uint64_t{1} << (bits - 1)) - 1;
  return bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
}

std::string text_of(ElementType t) {
  for (const Named& n : kNames)
    if (n.type == t) return std::string(n.name);
  CHECK(false, "element type of kind ", static_cast<int>(t.kind), " and ", int{t.bits}, " bits has no name");
}

std::optional<ElementType> element_type_named(std::string_view name) {
  for (const Named& n : kNames)
    if (n.name == name) return n.type;
  return std::nullopt;
}

}  // namespace tauto
