// The default schedule: a tensor expression → loops over register tiles and lanes.
//
// A schedule is a Plan, plain data: which output axis lies over the lanes, how many vectors and rows a
// register tile has, what is parallel. `default_plan` chooses it in closed form from the shapes and the
// machine; `schedule` carries a plan out or says why it cannot. The order of terms is given by the semantics
// and is the same for every plan.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/tensor.h"
#include "loops/loops.h"

namespace tauto {

struct Target {
  int lanes = 16;                       // of the widest vector for this kernel
  int registers = 32;                   // vector registers
  int64_t l1 = 32 << 10, l2 = 1 << 20;  // bytes of the caches of one core
  bool byte_dots = false;               // one instruction for four products of bytes (VNNI)
  bool pair_dots = false;               // one for two products of bf16
};

struct Plan {
  std::string lanes;  // output axis over the lanes; "" = none
  int vectors = 1;    // of lanes, side by side
  std::string rows;   // output axis of a contraction whose tile shares the loads of the lanes; of any other
                      // kernel one of which so many elements are computed abreast; "" = none
  int row_count = 1;
  std::string columns;  // another one, on which what the lanes read depends, and what the rows read does not
  int column_count = 1;
  int block = 1;         // tiles of the lanes between which the rows are walked again, to keep what they read
  std::string parallel;  // output axis cut into pieces for threads; "" = none
  std::vector<std::string> whole;  // output axes walked whole after the reductions that they share: whole.h
  int band = 0;  // rows of a band of the chain that the kernel belongs to (compile/bands.h); 0: to none
  int keep = 0;  // elements of as many operations are kept for all steps; 0: there are no steps
  friend bool operator==(const Plan&, const Plan&) = default;
};

std::string text_of(const Plan& p);  // one line each: "lanes x 2\nrows o 6\nblock 4\nparallel n\n"
Plan parse_plan(std::string_view text);

// Several terms of a constant as one i32, or two of bf16 as one f32: the first `count` terms `stride` elements
// apart, the lowest bits first. 1: elements are what they are.
struct Parts {
  int64_t count = 1, stride = 0;
  friend bool operator==(const Parts&, const Parts&) = default;
};

// A constant operand of a contraction in the order in which tiles read it: element (k, i) of the packed
// buffer, k row-major over `extents`, lies at (i / tile) · tile · K + k · tile + i mod tile; zeros fill the
// last tile. With parts, element (k, i) is made of those from there on.
struct Packing {
  size_t buffer = 0;                                  // of the kernel's
  std::vector<int64_t> outer_extents, outer_strides;  // of output axes before all else, in the original
  std::vector<int64_t> extents, strides;              // of the reduction axes, in the original
  int64_t count = 0, stride = 0;                      // of the axis that is cut into tiles, in the original
  int64_t offset = 0;
  int64_t tile = 1;
  Parts parts;
};

// A kernel as lowering gives it (loops over output axes around one store) with loads and stores by one flat
// index each, axes of extent 1 gone and adjacent axes joined where no index tells them apart.
struct Nest {
  loops::Kernel kernel;  // its body is not used
  std::vector<loops::Axis> axes;
  loops::Store store;
  std::vector<bool> constant;  // per buffer of the kernel: its elements are known, and may be packed
  // Of contractions that are dot products (dots.h, pairs.h): buffers whose memory is read as i32, four bytes at
  // once, or as f32, two bf16 at once; constants that are so once they are packed, by number.
  std::vector<size_t> words;
  std::map<size_t, Parts> parts;
  std::vector<Packing> packings;  // of constants that are read in packed order already
};
Nest flatten(const loops::Kernel& k);

Plan default_plan(const Nest& n, const Target& t);

// The output axes on which no reduction depends. NotScheduled where a reduction depends on some of the
// others only: it would be computed again and again.
std::vector<std::string> whole_axes(const Nest& n);

// The reduction of a kernel that sums up columns: the one there is, along another axis than that of the
// lanes, whose terms lie side by side along the lanes; null if it is no such kernel. columns.cpp
const loops::Expr* column_reduction(const Nest& n, const std::string& lanes);

// Thrown by `schedule` for a plan that cannot be carried out.
struct NotScheduled {
  std::string reason;
};

Tensor packed(const Tensor& original, const Packing& p);

struct Scheduled {
  loops::Kernel kernel;
  std::vector<Packing> packings;
  std::vector<size_t> words;  // as in Nest
};
Scheduled schedule(const Nest& n, const Plan& p, const Target& t);

}  // namespace tauto
