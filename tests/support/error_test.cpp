// Errors carry what they were told, and a broken invariant names its condition.
#include "support/error.h"

#include <gtest/gtest.h>

TEST(Error, CatJoins) { EXPECT_EQ(tauto::cat("a", 1, ' ', 0.1f), "a1 0.1"); }

TEST(Error, CheckNamesTheConditionAndThrows) {
  try {
    CHECK(1 == 2, "one is ", 1);
    FAIL();
  } catch (const tauto::InternalError& e) {
    EXPECT_NE(std::string(e.what()).find("CHECK(1 == 2) failed: one is 1"), std::string::npos);
  }
}
