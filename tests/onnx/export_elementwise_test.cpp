// Export, then import: the same results for every elementwise operator and element type, or a refusal by
// name.
#include <gtest/gtest.h>

#include <set>

#include "graph/builder.h"
#include "interpret/interpret.h"
#include "onnx/export.h"
#include "onnx/import.h"
#include "ops/evaluate.h"
#include "ops/ops.h"

namespace tauto::onnx {
namespace {

constexpr uint64_t kSeed = 4242;

TEST(ExportElementwise, KeepsEveryBit) {
  std::mt19937_64 random(kSeed);
  std::set<std::string> refused;
  for (const Op* op : all_ops()) {
    if (!op->is(kElementwise) || op == &ops::cast || op == &ops::bit_cast) continue;
    for (ElementType e : testing::arithmetic_types()) {
      std::vector<Type> types(static_cast<size_t>(op->arity), Type::tensor(e, {32}));
      if (op == &ops::where) types[0].element = boolean;
      try {
        testing::result_type(*op, types);
      } catch (const Error&) {
        continue;
      }
      Module m;
      Builder b(m, "main");
      std::vector<Id> in;
      std::vector<Value> values;
      for (const Type& t : types) {
        in.push_back(b.parameter(cat("x", in.size()), t));
        values.emplace_back(testing::random_tensor(t.element, {32}, random));
      }
      b.finish({b.add(*op, in)}, {"y"});
      std::string bytes;
      try {
        bytes = export_model(m);
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(op->name), std::string::npos) << error.what();
        refused.insert(cat(op->name, e.is_float() ? "<float>" : e.is_signed() ? "<signed>" : "<unsigned>"));
        continue;
      }
      const Module again = import_model(read_model(own(bytes), "exported", ""));
      EXPECT_TRUE(interpret(m, values)[0] == interpret(again, values)[0])
          << op->name << " " << text_of(e) << ", seed " << kSeed;
    }
  }
  EXPECT_EQ(refused, (std::set<std::string>{"count_bits<signed>", "count_bits<unsigned>", "expm1<float>",
                                            "fma<float>", "fma<signed>", "fma<unsigned>", "log1p<float>",
                                            "mod<float>", "shift_left<signed>", "shift_right<signed>"}));
}

TEST(ExportElementwise, CastKeepsSaturation) {
  for (int64_t saturate : {0, 1}) {
    Module m;
    Builder b(m, "main");
    const Id x = b.parameter("x", Type::tensor(f32, {2}));
    const Id y = b.add(ops::cast, {x}, {{"to", ElementType{Kind::F8E4M3FN, 8}}, {"saturate", saturate}});
    b.finish({b.add(ops::cast, {y}, {{"to", f32}})}, {"y"});
    const Module again = import_model(read_model(own(export_model(m)), "exported", ""));
    const std::vector<Value> in{Tensor::of<float>({2}, std::vector<float>{1e6f, 1})};
    EXPECT_TRUE(interpret(m, in)[0] == interpret(again, in)[0]);
  }
}

}  // namespace
}  // namespace tauto::onnx
