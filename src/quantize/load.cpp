// Loading in other number systems, see load.h.
#include "quantize/load.h"

#include "graph/npy_tensor.h"
#include "support/npz.h"

namespace tauto {

NamedValues without_labels(NamedValues data) {
  std::erase_if(data, [](const auto& d) { return d.first == "labels"; });
  return data;
}

equivalence::Samples read_calibration(const std::string& path, const LoadedModel& model,
                                      const std::string& where) {
  NamedValues data;
  for (const auto& [name, array] : read_npz(map_file(path), path)) {
    const Type* declared = nullptr;
    for (const auto& [input, type] : model.inputs())
      if (input == name) declared = &type;
    const Type as_it_is = Type::unranked(element_of(array));
    // Shapes are looked at by Samples: here only the elements have to fit.
    const Type wanted = declared && declared->is_tensor() ? Type::unranked(declared->element) : as_it_is;
    data.emplace_back(name, tensor_of(array, wanted, cat(where, ": array \"", name, "\"")));
  }
  return equivalence::Samples::of(without_labels(std::move(data)), model.inputs(), model.outputs(), path,
                                  where);
}

PrecisionPlan plan_of(const LoadedModel& source, const std::string& precision, const std::string& calibration,
                      const PlanOptions& options, const std::string& where) {
  if (precision.ends_with(".plan")) {
    if (!calibration.empty())
      fail(where, ": ", precision, ": required no calibration data with a plan, got ", calibration);
    return parse_precision_plan(map_file(precision).text(), cat(where, ": ", precision));
  }
  const Precision how = parse_precision(precision, where);
  std::optional<equivalence::Samples> data;
  if (!calibration.empty()) data = read_calibration(calibration, source, where);
  return make_plan(source, how, data ? &*data : nullptr, options, where);
}

LoadedModel load_model(const ModelOptions& options, const std::string& where) {
  if (options.precision.empty()) {
    if (!options.calibration.empty()) fail(where, ": --calibrate: required --precision with it");
    return LoadedModel::load(options.path, options.load);
  }
  LoadOptions load = options.load;
  load.allowed = {};
  PlanOptions how;
  how.cancelled = options.load.cancelled;
  const LoadedModel source = LoadedModel::load(options.path, load);
  load = options.load;
  load.precision = plan_of(source, options.precision, options.calibration, how, where + ": --precision");
  return LoadedModel::load(options.path, load);
}

}  // namespace tauto
