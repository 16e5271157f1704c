// For every f32 input of a union of boxes: are two relu networks within epsilon, do they decide alike? By
// bounds of their difference (verify/difference_bounds.h), splitting boxes until each is decided.
//
// A box that the bounds do not decide is split in halves along the input that its bound is most due to. Boxes
// wait on one stack for each thread, the last one first; a thread that has none takes the oldest, that is the
// largest one of another. The tree of splits is the same for every number of threads. A counterexample is
// looked for first at random, then in every box that is split, at its centre and at the corner to which the
// difference slopes; it counts only if the machine code of both says so.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "verify/difference_bounds.h"

namespace tauto::region {

struct Goal {
  // Of every output |B - A| <= epsilon; or else the greatest (the least) output is the same one in both, and no
  // other equals it.
  enum class Kind : uint8_t { Epsilon, Top1, ArgMin } kind = Kind::Epsilon;
  double epsilon = 0;
};

// Outputs of both networks, by machine code, for one input in order.
struct Outputs {
  std::vector<float> a, b;
};
using Evaluate = std::function<Outputs(std::span<const float> input)>;

struct SearchOptions {
  int threads = 0;         // 0: as many as there are
  double seconds = 0;      // of processor time, all threads and runs; 0: no limit
  int64_t most_boxes = 0;  // 0: no limit
  int64_t samples = 2000;  // random inputs tried first, at most
  std::string state;       // a file to go on from, written at least every 10 s; "": none
  std::string identity;    // what the state belongs to: a hash of both networks and the boxes
  std::function<void(double closed)> progress;  // share of the boxes' volume that is proved; from any thread
  const std::function<bool()>* cancelled = nullptr;  // then the search ends early, its state is written
};

struct Found {
  enum class Kind : uint8_t { Proved, Refuted, Open } kind = Kind::Open;
  std::string reason;                       // Open: why the search ended
  int64_t boxes = 0, leaves = 0, left = 0;  // bounded; of them decided; not looked at, or too small to split
  int deepest = 0;
  double closed = 0;           // share of the volume that is proved
  double bound = 0;            // of |B - A| in what is proved (Epsilon)
  double first_bound = 0;      // of |B - A| without splits; of all outputs, the largest
  double seen = 0;             // largest |B - A| of any input that was tried, in f64
  double cpu_seconds = 0;      // of all threads, earlier runs of the state among them
  std::vector<float> witness;  // Refuted
  Outputs outputs;             // of the witness
  size_t output = 0;           // Epsilon: where they differ most
};

// Error: the state file is of another pair, goal or box.
Found search(const PairOfChains& pair, const std::vector<Box>& boxes, const Goal& goal,
             const Evaluate& evaluate, const SearchOptions& options);

}  // namespace tauto::region
