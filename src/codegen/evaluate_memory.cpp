// Loads and stores of the evaluator: every element type in memory, masked lanes never touched.
#include <cstring>
#include <limits>
#include <type_traits>

#include "codegen/evaluate.h"
#include "support/error.h"
#include "support/half.h"

namespace tauto::vec {
namespace {

template <class M>
constexpr bool is_half = std::is_same_v<M, Half> || std::is_same_v<M, BFloat>;

template <class M>
auto load_element(const char* p) {
  M m;
  std::memcpy(&m, p, sizeof m);
  if constexpr (is_half<M>) {
    const auto x = static_cast<float>(m);
    return x == x ? x : std::numeric_limits<float>::quiet_NaN();
  } else if constexpr (std::is_integral_v<M> && sizeof(M) < 4) {
    return static_cast<int32_t>(m);
  } else if constexpr (std::is_integral_v<M>) {
    return static_cast<std::make_signed_t<M>>(m);
  } else {
    return m;
  }
}
template <class M>
using LaneOf = decltype(load_element<M>(nullptr));

template <class M>
void store_element(char* p, LaneOf<M> x) {
  const auto m = static_cast<M>(x);
  std::memcpy(p, &m, sizeof m);
}

bool is_set(const Step& s, int lane) { return !s.mask || (*s.mask >> lane & 1) != 0; }

template <class M>
void load(const Step& s) {
  auto* r = static_cast<LaneOf<M>*>(s.result);
  const char* p = s.address();
  for (int l = 0; l < s.lanes; ++l) {
    r[l] = LaneOf<M>{0};
    if (is_set(s, l)) r[l] = load_element<M>(p + l * static_cast<int64_t>(sizeof(M)));
  }
}

template <class M>
void broadcast(const Step& s) {
  auto* r = static_cast<LaneOf<M>*>(s.result);
  const LaneOf<M> x = load_element<M>(s.address());
  for (int l = 0; l < s.lanes; ++l) r[l] = x;
}

template <class M, class Index>
void gather(const Step& s) {
  auto* r = static_cast<LaneOf<M>*>(s.result);
  const auto* index = static_cast<const Index*>(s.operand[0]);
  const char* p = s.address();
  for (int l = 0; l < s.lanes; ++l) {
    const auto offset = static_cast<int64_t>(index[l]) * static_cast<int64_t>(sizeof(M));
    r[l] = LaneOf<M>{0};
    if (is_set(s, l)) r[l] = load_element<M>(p + offset);
  }
}

template <class M>
void store(const Step& s) {
  const auto* v = static_cast<const LaneOf<M>*>(s.operand[0]);
  char* p = s.address();
  for (int l = 0; l < s.lanes; ++l)
    if (is_set(s, l)) store_element<M>(p + l * static_cast<int64_t>(sizeof(M)), v[l]);
}

template <class M>
void store_one(const Step& s) {
  store_element<M>(s.address(), static_cast<const LaneOf<M>*>(s.operand[0])[0]);
}

template <class M>
Run function_of(VecOp op, bool wide_index) {
  switch (op) {
    case VecOp::Load:
      return &load<M>;
    case VecOp::Broadcast:
      return &broadcast<M>;
    case VecOp::Lookup:
      return &gather<M, int32_t>;
    case VecOp::Gather:
      return wide_index ? &gather<M, int64_t> : &gather<M, int32_t>;
    case VecOp::Store:
      return &store<M>;
    case VecOp::StoreOne:
      return &store_one<M>;
    default:
      return nullptr;  // LoadS
  }
}

}  // namespace

Run memory_function(const Program& p, const Instr& i) {
  const bool wide = i.op == VecOp::Gather && p.vectors[static_cast<size_t>(i.operand[0].id)] == Lane::I64;
  const ElementType m = i.memory;
  if (m == f16) return function_of<Half>(i.op, wide);
  if (m == bf16) return function_of<BFloat>(i.op, wide);
  if (m == f32) return function_of<float>(i.op, wide);
  if (m == f64) return function_of<double>(i.op, wide);
  switch (m.bytes()) {
    case 1:
      return m.is_signed() ? function_of<int8_t>(i.op, wide) : function_of<uint8_t>(i.op, wide);
    case 2:
      return m.is_signed() ? function_of<int16_t>(i.op, wide) : function_of<uint16_t>(i.op, wide);
    case 4:
      return function_of<int32_t>(i.op, wide);
    default:
      return function_of<int64_t>(i.op, wide);
  }
}

}  // namespace tauto::vec
