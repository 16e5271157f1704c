// Lowers one node by itself: its inputs are buffers.
#pragma once

#include <map>

#include "ops/lowering.h"

namespace tauto::testing {

class NodeLowering final : public Lowering {
 public:
  struct Range {
    int input, component;
    Dim least, end;
  };
  std::vector<loops::BufferPtr> buffers;  // of the inputs
  std::vector<std::pair<loops::BufferPtr, Tensor>> tables;
  std::vector<Range> ranges;
  std::vector<const Tensor*> constants;  // of inputs that are one

  // Types of the inputs, and what is known of their values.
  NodeLowering(const Node& n, std::vector<Type> types, std::vector<std::optional<Dims>> values);

  using Lowering::type;
  loops::Expr at(int input, const std::vector<loops::Expr>& index) override;
  const Type& type(int input) const override { return types_[static_cast<size_t>(input)]; }
  std::optional<Dims> value(int input) const override { return values_[static_cast<size_t>(input)]; }
  const Tensor* constant(int input) const override { return constants[static_cast<size_t>(input)]; }
  std::string fresh(const std::string& stem) override { return stem + "_" + std::to_string(names_++); }
  void require_range(int input, int component, const Dim& least, const Dim& end) override;
  loops::BufferPtr table(const Tensor& t) override;

  // out[i…] = the lowered element, for all i; arguments: inputs, tables, the result. Throws NotLowered.
  loops::Kernel kernel();

 private:
  std::vector<Type> types_;
  std::vector<std::optional<Dims>> values_;
  int names_ = 0;
};

NodeLowering lowering_of(const Function& f, const Node& n);

}  // namespace tauto::testing
