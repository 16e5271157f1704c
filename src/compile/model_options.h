// A model with compile options in one string, as `tauto same` and its like take it:
//
//   model.onnx
//   model.onnx --allow winograd,online-softmax
//   "my model.onnx" --trust
//   model.onnx --isa avx2 --threads 2 --off fuse,layouts      how it is compiled and run
//   model.onnx --interpret                                    by the interpreter
//   model.onnx --precision int8 --calibrate data.npz          in another number system
//   model.onnx --precision model.plan
//   model.onnx --fault "lost K tail:7"                        with a mistake (compile/faults.h) and its seed: for
//                                                             trying out what finds mistakes
#pragma once

#include <optional>

#include <string>
#include <string_view>

#include "compile/loaded_model.h"

namespace tauto {

struct ModelOptions {
  std::string path;
  LoadOptions load;
  std::optional<Isa> isa;  // nothing: the best of this CPU
  int threads = 1;
  bool interpret = false;
  std::vector<std::string> off;  // stages to leave out, as TAUTO_OFF
  // A precision (passes/precision.h) or the file of a plan; what activations are measured on. Turned into
  // load.precision by quantize/load.h.
  std::string precision, calibration;
  std::string fault;  // its kind; "": none
  uint64_t fault_seed = 0;
};

// The words of a text; double quotes hold blanks together.
std::vector<std::string> split_words(std::string_view text, std::string_view where);

// Words are separated by spaces; one that has spaces stands in double quotes. Error, beginning with `where`:
// no path, two paths, an unknown option or rewrite.
ModelOptions parse_model_options(std::string_view text, std::string_view where);

}  // namespace tauto
