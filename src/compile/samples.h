// The inputs on which two systems are compared, one sample each.
//
// An array holds samples along its first axis: in place of the model's own batch axis (declared f32[N, 3] or
// f32[1, 3]: given f32[500, 3]) or before all declared axes (declared f32[3]: given f32[500, 3]). All arrays
// of a set hold equally many.
#pragma once

#include <string>
#include <vector>

#include "compile/loaded_model.h"

namespace tauto::equivalence {

class Samples {
 public:
  // `data`: an array for each of `inputs`; "labels" may hold the right decisions, integers, one row each.
  // Batched only if each output has the same first axis as the inputs. Error: "WHERE: …".
  static Samples of(NamedValues data, const NamedTypes& inputs, const NamedTypes& outputs, std::string origin,
                    std::string_view where = "same: --data");
  // Drawn by SplitMix64 from the seed, uniformly between the bounds: of each number of the inputs in order
  // (`box`), or one for all. 1 for symbols.
  static Samples uniform(int64_t count, uint64_t seed, const NamedTypes& inputs, const NamedTypes& outputs,
                         const std::vector<std::pair<double, double>>& bounds, bool box, std::string origin);

  // The words of the command line: "uniform:N" between 0 and 1, or in the box of a VNN-LIB file;
  // "uniform:N:LO:HI".
  static Samples drawn(const std::string& sample, const std::string& box, uint64_t seed,
                       const NamedTypes& inputs, const NamedTypes& outputs);

  int64_t count() const { return count_; }
  bool batched() const { return batched_; }
  // The number of samples that one run takes: the model's own, 1 if unbatched, or as many as one likes (0).
  int64_t fixed() const { return fixed_; }
  std::vector<Value> inputs(int64_t first, int64_t count) const;
  const std::vector<int64_t>& labels() const { return labels_; }  // empty, or count() rows
  const std::string& sha256() const { return sha256_; }
  const std::string& origin() const { return origin_; }
  // Sample `i` alone, with its batch axis if there is one.
  Tensor one(size_t input, int64_t i) const;

 private:
  void finish(const NamedTypes& inputs, const NamedTypes& outputs);
  std::vector<Tensor> arrays_;  // first axis: samples
  std::vector<int64_t> labels_;
  int64_t count_ = 0, fixed_ = 1;
  bool batched_ = false;
  std::string sha256_, origin_;
};

// The bounds of X_0, X_1, … in the box of a VNN-LIB file (support/vnnlib.h). Error: it is a union of several.
std::vector<std::pair<double, double>> read_box(const std::string& path);

// Rows [first, first + count) of an array.
Tensor rows_of(const Tensor& t, int64_t first, int64_t count);

}  // namespace tauto::equivalence
