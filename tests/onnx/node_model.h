// Models of one node, written by hand.
#pragma once

#include "interpret/interpret.h"
#include "onnx/import.h"

namespace tauto::onnx {

AttributeProto attribute(std::string_view name, int64_t v);
AttributeProto attribute(std::string_view name, Ints v);
AttributeProto attribute(std::string_view name, float v);
AttributeProto attribute(std::string_view name, const char* v);

struct NodeModel {
  std::string op;
  int64_t version = 17;
  std::vector<Tensor> inputs;  // an undefined tensor: the input is absent
  std::vector<AttributeProto> attributes = {};
  int outputs = 1;
  // How inputs enter: all as graph inputs with literal dims, with symbolic dims, or (integers of rank <= 1)
  // as constants.
  enum class Known { Dims, Ranks, Values } known = Known::Dims;
  std::vector<size_t> unranked = {};  // inputs of which not even the rank is known

  Module import() const;
  std::vector<Tensor> run() const;
  std::string error() const;  // of import or run, "no error" if there is none
};

}  // namespace tauto::onnx
