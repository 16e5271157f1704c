// Ledgers as text: printed and read back they are the same.
#include "graph/ledger.h"

#include <gtest/gtest.h>

#include "support/error.h"

namespace tauto {
namespace {

TEST(Ledger, PrintThenParseIsTheSame) {
  LedgerEntry plain, odd;
  plain.pass = "fold_constants";
  plain.function = "main";
  plain.sources = {"Cast_3"};
  plain.before = "cast(i8[64]) : f32[64]";
  plain.after = "constant : f32[64]";
  odd.pass = "winograd";
  odd.function = "body:1 of @x";
  odd.sources = {"a: \"b\"", "c => d  e"};
  odd.before = "contract(f32[N, 3, H, W], f32[8, 3, 3, 3]) : f32[N, 8, H, W]";
  odd.after = "reshape(f32[2], i64[1]) : f32[2]";
  odd.contract = {ContractKind::Rounding, "F(4x4, 3x3): (g1 + g2) sum |x|", nullptr};
  for (const LedgerEntry& e : {plain, odd}) {
    const Ledger again = parse_ledger(text_of(Ledger{e, e}));
    ASSERT_EQ(again.size(), 2u);
    EXPECT_EQ(again[0].pass, e.pass);
    EXPECT_EQ(again[0].function, e.function);
    EXPECT_EQ(again[0].sources, e.sources);
    EXPECT_EQ(again[0].before, e.before);
    EXPECT_EQ(again[0].after, e.after);
    EXPECT_EQ(again[0].contract.kind, e.contract.kind);
    EXPECT_EQ(again[0].contract.statement, e.contract.statement);
    EXPECT_EQ(text_of(again[1]), text_of(e));
  }
}

TEST(Ledger, WhatIsNoLedgerIsRefused) {
  for (const char* text :
       {"nonsense", "fold @main: a => b", "fold @main: a  exact", "fold @main: a => b  maybe"})
    EXPECT_THROW(parse_ledger(text), Error) << text;
}

}  // namespace
}  // namespace tauto
