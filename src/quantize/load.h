// A model under options that may name a precision: what the command, `tauto same` and Python load models by.
#pragma once

#include "compile/model_options.h"
#include "quantize/make_plan.h"

namespace tauto {

// The plan that `precision` means for this model: read from a file, or made of it and the data. Nothing is
// measured for precisions that need no data. Error, beginning with `where`.
PrecisionPlan plan_of(const LoadedModel& source, const std::string& precision, const std::string& calibration,
                      const PlanOptions& options, const std::string& where);

// options.path under options.load, and in options.precision if there is one.
LoadedModel load_model(const ModelOptions& options, const std::string& where);

NamedValues without_labels(NamedValues data);

// Calibration data in a file, .npz: an array for each input.
equivalence::Samples read_calibration(const std::string& path, const LoadedModel& model,
                                      const std::string& where);

}  // namespace tauto
