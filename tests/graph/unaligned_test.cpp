// Tensors at any address: the same elements, and one copy at most.
#include "graph/unaligned.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace tauto {
namespace {

// n numbers that begin `shift` bytes behind an aligned address.
Bytes numbers(int64_t n, size_t shift) {
  const Bytes all = aligned(own(std::vector<uint8_t>(static_cast<size_t>(n) * 4 + shift)), 64);
  auto* p = const_cast<uint8_t*>(all.data()) + shift;
  for (int64_t i = 0; i < n; ++i) {
    const float x = static_cast<float>(i) / 8;
    std::memcpy(p + i * 4, &x, 4);
  }
  return all.slice(shift, static_cast<size_t>(n) * 4);
}

TEST(Unaligned, AlignedHasTheSameElements) {
  for (const int64_t n : {3, 40000})
    for (size_t shift = 0; shift < 4; ++shift) {
      const Tensor t = tensor_in(numbers(n, shift), f32, {n});
      const Tensor a = aligned(t);
      ASSERT_EQ(a.shape(), t.shape());
      EXPECT_EQ(reinterpret_cast<uintptr_t>(a.raw()) % 4, 0u);
      EXPECT_EQ(std::memcmp(a.raw(), t.raw(), static_cast<size_t>(t.bytes())), 0);
      EXPECT_EQ(a.data<float>()[n - 1], static_cast<float>(n - 1) / 8);
      EXPECT_EQ(aligned(t).raw(), a.raw()) << "one copy";
      EXPECT_EQ(aligned(t.reshaped({n, 1})).shape(), (Shape{n, 1}));
    }
}

TEST(Unaligned, BigOnesAreNotCopiedBeforeTheyAreAskedFor) {
  const Bytes bytes = numbers(40000, 1);
  EXPECT_EQ(tensor_in(bytes, f32, {40000}).raw(), bytes.data());
}

TEST(Unaligned, TheCopyLivesAsLongAsTheBytes) {
  Tensor a;
  {
    const Tensor t = tensor_in(numbers(40000, 2), f32, {200, 200});
    a = aligned(t);
  }
  EXPECT_EQ(a.data<float>()[8], 1.0f);
}

TEST(Unaligned, NansBecomeTheOne) {
  const Bytes bytes = numbers(40000, 3);
  const uint32_t odd = 0xffc12345;
  std::memcpy(const_cast<uint8_t*>(bytes.data()) + 4 * 39999, &odd, 4);
  const Tensor t = canonical_nan(tensor_in(bytes, f32, {40000}));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.raw()) % 4, 0u);
  EXPECT_EQ(t.data<uint32_t>()[39999], 0x7fc00000u);
  EXPECT_EQ(t.data<float>()[39998], 39998.0f / 8);
}

}  // namespace
}  // namespace tauto
