// Values in files: .npy and .npz (NumPy), .pb (ONNX's TensorProto, SequenceProto, OptionalProto).
//
// NumPy's files lack some element types: bf16 and 8-bit floats are stored as unsigned integers with the same
// bits, i4 and i2 as i8, u4, u2 and f4e2m1 as u8.
#pragma once

#include "compile/loaded_model.h"

namespace tauto::cli {

// One value of the declared type from a file, or from a literal as graphs have them (f32[2] {1, 2}); `where`
// begins the errors.
Value read_value(const std::string& path, const Type& declared, const std::string& where);

// All values for a model: from PATH.npz an array for each name; from a folder NAME.npy, NAME.pb or
// input_0.pb, input_1.pb … (the form of ONNX's test data).
NamedValues read_values(const std::string& path, const LoadedModel& model);

// Into PATH.npz, or a folder (made if need be) of NAME.npy files; with `as_pb`, of output_0.pb … files.
// Sequences and optionals are always .pb files, intervals are two arrays, NAME.lo and NAME.hi. Slashes in
// names become underscores. Returns the paths written.
std::vector<std::string> write_values(const std::string& path, const NamedValues& values, bool as_pb);

}  // namespace tauto::cli
