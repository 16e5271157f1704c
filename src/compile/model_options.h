// A model with compile options in one string, as `tauto same` and its like take it:
//
//   model.onnx
//   model.onnx --allow winograd,online-softmax
//   "my model.onnx" --trust
#pragma once

#include <string>
#include <string_view>

#include "compile/loaded_model.h"

namespace tauto {

struct ModelOptions {
  std::string path;
  LoadOptions load;
};

// Words are separated by spaces; one that has spaces stands in double quotes. Error, beginning with `where`:
// no path, two paths, an unknown option or rewrite.
ModelOptions parse_model_options(std::string_view text, std::string_view where);

}  // namespace tauto
