// Scratch stops growing and stays where it is; guarded buffers notice one byte too many on either side.
#include "runtime/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <utility>

#include "support/error.h"

namespace tauto {
namespace {

TEST(Arena, GrowsToWhatIsAskedAndNoFurther) {
  Arena arena;
  EXPECT_EQ(arena.capacity(), 0u);
  size_t largest = 0;
  for (size_t bytes : {1, 100, 0, 5000, 64, 3'000'000, 17, 2'999'999, 4'000'000, 1}) {
    const uint8_t* before = arena.capacity() ? arena.require(0) : nullptr;
    const size_t capacity = arena.capacity();
    uint8_t* p = arena.require(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % Arena::kAlignment, 0u);
    EXPECT_TRUE(bytes > capacity || p == before);
    EXPECT_GE(arena.capacity(), bytes);
    std::memset(p, 1, bytes);
    largest = std::max(largest, bytes);
  }
  EXPECT_LE(arena.capacity(), largest + (2 << 20));
}

TEST(Arena, MovesAndReleases) {
  Arena a;
  uint8_t* p = a.require(1000);
  Arena b = std::move(a);
  EXPECT_EQ(b.require(1000), p);
  a = std::move(b);
  EXPECT_EQ(a.require(10), p);
  a.release();
  EXPECT_EQ(a.capacity(), 0u);
  a.require(1)[0] = 1;
}

TEST(Arena, SaysWhatItCouldNotGet) {
  Arena arena;
  EXPECT_THROW(arena.require(size_t{1} << 60), Error);
  arena.require(100)[99] = 1;  // and works afterwards
}

TEST(GuardedBuffers, EndAtThePageBorder) {
  const size_t sizes[] = {0, 1, 4, 64, 4095, 4096, 4097, 100'000};
  GuardedBuffers buffers(sizes);
  for (size_t i = 0; i < std::size(sizes); ++i) {
    EXPECT_EQ((reinterpret_cast<uintptr_t>(buffers[i]) + sizes[i]) % 4096, 0u);
    for (size_t k = 0; k < sizes[i]; ++k) ASSERT_EQ(buffers[i][k], 0xff);
    std::memset(buffers[i], 0, sizes[i]);
    EXPECT_TRUE(buffers.intact(i));
  }
}

TEST(GuardedBuffers, AlignedOnesWatchWhatNoPageGuards) {
  const size_t sizes[] = {100, 4096 + 32};
  GuardedBuffers buffers(sizes, 64);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffers[i]) % 64, 0u);
    buffers[i][sizes[i] - 1] = 1;
    EXPECT_TRUE(buffers.intact(i));
    buffers[i][sizes[i]] = 1;
    EXPECT_FALSE(buffers.intact(i));
  }
  const size_t one[] = {100};
  GuardedBuffers before(one);
  before[0][-1] = 1;
  EXPECT_FALSE(before.intact(0));
}

volatile uint8_t sink;

TEST(GuardedBuffersDeathTest, OneByteTooManyFaults) {
  const size_t sizes[] = {96, 96};
  GuardedBuffers buffers(sizes);
  sink = buffers[0][95];
  EXPECT_DEATH(sink = buffers[0][96], "");
  EXPECT_DEATH(buffers[1][96] = 1, "");
  buffers.retire(0);
  EXPECT_DEATH(sink = buffers[0][0], "");
  sink = buffers[1][0];
}

}  // namespace
}  // namespace tauto
