// What the operators that call functions share: call, if, loop, scan.
//
// A body is a closed function; what it uses from outside are its last arguments ("captured"). Its symbols are
// the module's: one that also occurs in the types of the operator's inputs means the same inside and outside.
// Any other symbol of a result is known only inside the call, where it may have another value each time;
// outside it becomes a fresh one.
#pragma once

#include "graph/op.h"

namespace tauto {

// The parameters and the results of the function that attribute `name` names.
struct Signature {
  std::vector<Type> parameters, results;
};
Signature signature(const TypeContext& c, const char* name);

// False when no value of type `given` can be an argument for `declared`. (What depends on symbols is left to
// the call, which binds them.)
bool may_be(const Type& declared, const Type& given);
void require_arguments(const TypeContext& c, std::span<const Type> parameters,
                       std::span<const Type> arguments, const char* function);

Type seen_outside(const TypeContext& c, const Type& t);
// generalise(), where a sequence or optional without elements takes the other's element type.
Type join(const TypeContext& c, const Type& a, const Type& b);
// A condition or a count: one element, rank 0 or all dims 1.
void require_one(const TypeContext& c, const Type& t, ElementType e, const char* what);

Dim not_negative(const Dim& d);  // a count of trips below 0 is none

// The value of a condition; Unknown where this Rep leaves it open.
bool decided(const EvalContext& c, const Value& v);
// A scalar i64 or bool in this Rep.
Tensor literal_scalar(const EvalContext& c, ElementType e, int64_t v);

// Collects equal tensors along a new axis. The first one fixes the shape; with none the shape comes from the
// type, with 0 for dims that only an iteration could tell.
class Stack {
 public:
  Stack(const Type& stacked, int64_t axis, bool reversed, Rep rep)
      : stacked_(stacked), axis_(axis), reversed_(reversed), rep_(rep) {}
  void push(const EvalContext& c, const Value& v);
  Tensor finish();

 private:
  const Type& stacked_;
  int64_t axis_;
  bool reversed_;
  Rep rep_;
  int64_t bytes_ = 0;
  std::vector<Tensor> parts_;
};

// Element i of t along an axis.
Tensor element_at(const Tensor& t, int64_t axis, int64_t i);

}  // namespace tauto
