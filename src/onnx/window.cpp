// Extents and paddings, symbolic where the sizes are.
#include "onnx/window.h"

namespace tauto::onnx {
namespace {

Window read(Conversion& c, std::vector<Dim> kernel) {
  Window w;
  w.kernel = std::move(kernel);
  const size_t n = w.rank();
  w.strides = c.attr_ints("strides", Ints(n, 1));
  w.dilations = c.attr_ints("dilations", Ints(n, 1));
  const auto check = [&](const Ints& v, const char* name) {
    if (v.size() != n) c.refuse(cat("attribute \"", name, "\": required ", n, " values, got ", v));
    for (int64_t x : v)
      if (x < 1) c.refuse(cat("attribute \"", name, "\": required values >= 1, got ", v));
  };
  check(w.strides, "strides");
  check(w.dilations, "dilations");
  const Ints pads = c.attr_ints("pads", Ints(2 * n, 0));
  if (pads.size() != 2 * n) c.refuse(cat("attribute \"pads\": required ", 2 * n, " values, got ", pads));
  for (size_t i = 0; i < n; ++i) {
    w.pads_begin.push_back(pads[i]);
    w.pads_end.push_back(pads[n + i]);
  }
  return w;
}

Dim reach(const Window& w, size_t i) { return (w.kernel[i] - Dim(1)) * Dim(w.dilations[i]) + Dim(1); }

// SAME_UPPER puts the odd one behind, SAME_LOWER before.
void split(const Dim& total, bool upper, Dim& begin, Dim& end) {
  const Dim small = floor_div(total, Dim(2));
  begin = upper ? small : total - small;
  end = total - begin;
}

}  // namespace

Window window_of(Conversion& c, std::span<const Dim> spatial, std::vector<Dim> kernel, bool ceil_mode) {
  Window w = read(c, std::move(kernel));
  const std::string mode = c.attr_string("auto_pad", "NOTSET");
  for (size_t i = 0; i < w.rank(); ++i) {
    const Dim stride(w.strides[i]), window = reach(w, i);
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      w.output.push_back(ceil_div(spatial[i], stride));
      const Dim total = max((w.output[i] - Dim(1)) * stride + window - spatial[i], Dim(0));
      split(total, mode == "SAME_UPPER", w.pads_begin[i], w.pads_end[i]);
      continue;
    }
    if (mode == "VALID")
      w.pads_begin[i] = w.pads_end[i] = 0;
    else if (mode != "NOTSET" && !mode.empty())
      c.refuse(cat("attribute \"auto_pad\": required NOTSET, VALID, SAME_UPPER or SAME_LOWER, got ", mode));
    const Dim room = spatial[i] + w.pads_begin[i] + w.pads_end[i] - window;
    if (room.is_literal() && room.literal() < 0)
      c.refuse(cat("a window of ", window, " does not fit into ", spatial[i], " with padding ",
                   w.pads_begin[i], " and ", w.pads_end[i]));
    Dim n = (ceil_mode ? ceil_div(room, stride) : floor_div(room, stride)) + Dim(1);
    if (ceil_mode) {
      // Dropped: a last window that starts at or behind input + begin padding.
      const Dim last = ceil_div(spatial[i] + w.pads_begin[i], stride);
      n = min(n, last);
    }
    w.output.push_back(std::move(n));
  }
  return w;
}

Window transposed_window_of(Conversion& c, std::span<const Dim> spatial, std::vector<Dim> kernel) {
  Window w = read(c, std::move(kernel));
  const size_t n = w.rank();
  const Ints extra = c.attr_ints("output_padding", Ints(n, 0));
  const Ints shape = c.attr_ints("output_shape");
  const std::string mode = c.attr_string("auto_pad", "NOTSET");
  if (extra.size() != n) c.refuse(cat("attribute \"output_padding\": required ", n, " values, got ", extra));
  if (!shape.empty() && shape.size() != n)
    c.refuse(cat("attribute \"output_shape\": required ", n, " values, got ", shape));
  for (size_t i = 0; i < n; ++i) {
    const Dim stride(w.strides[i]);
    const Dim whole = stride * (spatial[i] - Dim(1)) + Dim(extra[i]) + reach(w, i);
    if (shape.empty() && mode != "SAME_UPPER" && mode != "SAME_LOWER") {
      if (mode == "VALID") w.pads_begin[i] = w.pads_end[i] = 0;
      w.output.push_back(whole - w.pads_begin[i] - w.pads_end[i]);
      continue;
    }
    w.output.push_back(shape.empty() ? spatial[i] * stride : Dim(shape[i]));
    const Dim total = max(whole - w.output[i], Dim(0));
    split(total, mode != "SAME_UPPER", w.pads_end[i], w.pads_begin[i]);
    if (mode == "SAME_UPPER") split(total, true, w.pads_begin[i], w.pads_end[i]);
  }
  return w;
}

}  // namespace tauto::onnx
