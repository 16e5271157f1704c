// The knobs of the environment: what they mean, and what is refused.
#include "support/flags.h"

#include <gtest/gtest.h>

#include "support/error.h"

namespace tauto {
namespace {

std::string refusal(const char* debug, const char* off, const char* perf) {
  try {
    flags_of(debug, nullptr, off, perf);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Flags, NothingSetIsNothingDone) {
  const Flags f = flags_of(nullptr, nullptr, nullptr, nullptr);
  EXPECT_EQ(f.debug, 0);
  EXPECT_EQ(f.dump, "");
  EXPECT_TRUE(f.off.empty());
  EXPECT_EQ(flags_of("", "", "", "").debug, 0);
}

TEST(Flags, ValuesAreRead) {
  const Flags f = flags_of("3", "somewhere", "fuse,schedule", "1");
  EXPECT_EQ(f.debug, 3);
  EXPECT_EQ(f.dump, "somewhere");
  EXPECT_TRUE(f.is_off("fuse"));
  EXPECT_TRUE(f.is_off("schedule"));
  EXPECT_FALSE(f.is_off("fuse,schedule"));
}

TEST(Flags, UnknownValuesAreRefused) {
  EXPECT_EQ(refusal("6", "", ""), "TAUTO_DEBUG: required 0 to 5, got \"6\"");
  EXPECT_EQ(refusal("yes", "", ""), "TAUTO_DEBUG: required 0 to 5, got \"yes\"");
  EXPECT_EQ(refusal("", "", "2"), "TAUTO_PERF: required 0 or 1, got \"2\"");
}

}  // namespace
}  // namespace tauto
