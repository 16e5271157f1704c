// Types of the graph IR.
//
//   type     = tensor | "sequence<" type ">" | "optional<" type ">" | "(" types ")" | "(" types ") -> " type
//   tensor   = element "[" dims "]" | element "[...]"          f32[N, 3, 2*H + 1], i64[] (a scalar), f32[...]
//   dims     = expressions in symbols (graph/dim.h)            [...] = rank not known before run time
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/dim.h"
#include "graph/tensor.h"

namespace tauto {

// A list of dims, whose length a model's author decides: reading one that is not there is an Error.
class Dims : public std::vector<Dim> {
 public:
  using std::vector<Dim>::vector;
  Dims(std::vector<Dim> v) : vector(std::move(v)) {}  // NOLINT: the same thing
  const Dim& operator[](size_t i) const { return data()[checked(i)]; }
  Dim& operator[](size_t i) { return data()[checked(i)]; }
  const Dim& at(size_t i) const { return (*this)[i]; }
  Dim& at(size_t i) { return (*this)[i]; }
  const Dim& front() const { return (*this)[0]; }
  const Dim& back() const { return (*this)[size() - 1]; }
  Dim& back() { return (*this)[size() - 1]; }

 private:
  size_t checked(size_t i) const {
    if (i >= size()) no_such_dim(i);
    return i;
  }
  [[noreturn]] void no_such_dim(size_t i) const;
};

struct Type {
  enum class Tag : uint8_t { Tensor, Sequence, Optional, Tuple, Function };
  Tag tag = Tag::Tensor;
  ElementType element = f32;  // Tensor
  bool ranked = true;         // Tensor: false = any rank, dims empty
  Dims dims;                  // Tensor
  std::vector<Type>
      parts;  // element of a sequence/optional; tuple parts; function: parameters, then the result

  static Type tensor(ElementType e, Dims dims) { return {Tag::Tensor, e, true, std::move(dims), {}}; }
  static Type unranked(ElementType e) { return {Tag::Tensor, e, false, {}, {}}; }
  static Type sequence(Type of) { return {Tag::Sequence, f32, true, {}, {std::move(of)}}; }
  static Type optional(Type of) { return {Tag::Optional, f32, true, {}, {std::move(of)}}; }
  static Type tuple(std::vector<Type> parts) { return {Tag::Tuple, f32, true, {}, std::move(parts)}; }
  static Type function(std::vector<Type> parameters, Type result) {
    parameters.push_back(std::move(result));
    return {Tag::Function, f32, true, {}, std::move(parameters)};
  }

  bool is_tensor() const { return tag == Tag::Tensor; }
  bool is_static() const;  // every dim a literal, in every part
  int64_t rank() const { return static_cast<int64_t>(dims.size()); }
  friend bool operator==(const Type&, const Type&) = default;
};

std::string text_of(const Type& t);
Type parse_type(std::string_view text);  // throws Error naming what was expected and what stands there

Shape static_shape(const Type& t);  // CHECKs is_static and tensor
Type type_of(const Tensor& t);      // all literal dims
Type type_of(const Value& v);       // an empty sequence or optional has element type f32[...]
Type substitute(const Type& t, const Env& env);

// Binds the symbols of `declared` so that it equals `given` (all literal); returns what contradicts, or "".
std::string unify(const Type& declared, const Type& given, Env& env);

// The most special type which both are instances of: equal dims stay, others become fresh() symbols,
// different ranks make it unranked. Throws Error when element types or tags differ.
class FreshSymbols {
 public:
  virtual Dim fresh() = 0;

 protected:
  ~FreshSymbols() = default;
};
Type generalise(const Type& a, const Type& b, FreshSymbols& symbols);

}  // namespace tauto
