// What a tensor's elements are: a (kind, bits) pair, not an enumeration of somebody else's types.
//
//   f16 f32 f64  bf16  i2 i4 i8 i16 i32 i64  u2 u4 u8 u16 u32 u64  bipolar  bool  string  c64 c128
//   f8e4m3fn f8e4m3fnuz f8e5m2 f8e5m2fnuz f8e8m0 f4e2m1
//
// In memory every element takes a whole number of bytes (an i4 one byte, sign-extended); a string is a
// std::string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "support/half.h"

namespace tauto {

enum class Kind : uint8_t {
  Float,
  BFloat,
  Signed,
  Unsigned,
  Bipolar,
  Bool,
  String,
  Complex,
  F8E4M3FN,
  F8E4M3FNUZ,
  F8E5M2,
  F8E5M2FNUZ,
  F8E8M0,
  F4E2M1,
};

struct ElementType {
  Kind kind = Kind::Float;
  uint8_t bits = 32;

  friend bool operator==(ElementType, ElementType) = default;

  // f16, bf16, f32, f64: the types with arithmetic (8- and 4-bit floats only convert).
  bool is_float() const { return kind == Kind::Float || kind == Kind::BFloat; }
  bool is_small_float() const { return kind >= Kind::F8E4M3FN; }
  bool is_signed() const { return kind == Kind::Signed; }
  bool is_integer() const { return kind == Kind::Signed || kind == Kind::Unsigned; }
  bool is_bool() const { return kind == Kind::Bool; }
  bool is_string() const { return kind == Kind::String; }
  int64_t bytes() const;      // of one element in memory
  int64_t min_value() const;  // integers and bool
  uint64_t max_value() const;
};

inline constexpr ElementType f16{Kind::Float, 16}, f32{Kind::Float, 32}, f64{Kind::Float, 64};
inline constexpr ElementType bf16{Kind::BFloat, 16};
inline constexpr ElementType i2{Kind::Signed, 2}, i4{Kind::Signed, 4}, i8{Kind::Signed, 8},
    i16{Kind::Signed, 16}, i32{Kind::Signed, 32}, i64{Kind::Signed, 64};
inline constexpr ElementType u2{Kind::Unsigned, 2}, u4{Kind::Unsigned, 4}, u8{Kind::Unsigned, 8},
    u16{Kind::Unsigned, 16}, u32{Kind::Unsigned, 32}, u64{Kind::Unsigned, 64};
inline constexpr ElementType boolean{Kind::Bool, 8}, text{Kind::String, 0};

std::string text_of(ElementType t);
std::optional<ElementType> element_type_named(std::string_view name);

template <class T>
inline constexpr ElementType kElementOf{};
template <>
inline constexpr ElementType kElementOf<float> = f32;
template <>
inline constexpr ElementType kElementOf<double> = f64;
template <>
inline constexpr ElementType kElementOf<Half> = f16;
template <>
inline constexpr ElementType kElementOf<BFloat> = bf16;
template <>
inline constexpr ElementType kElementOf<int8_t> = i8;
template <>
inline constexpr ElementType kElementOf<int16_t> = i16;
template <>
inline constexpr ElementType kElementOf<int32_t> = i32;
template <>
inline constexpr ElementType kElementOf<int64_t> = i64;
template <>
inline constexpr ElementType kElementOf<uint8_t> = u8;
template <>
inline constexpr ElementType kElementOf<uint16_t> = u16;
template <>
inline constexpr ElementType kElementOf<uint32_t> = u32;
template <>
inline constexpr ElementType kElementOf<uint64_t> = u64;
template <>
inline constexpr ElementType kElementOf<bool> = boolean;
template <>
inline constexpr ElementType kElementOf<std::string> = text;

}  // namespace tauto
