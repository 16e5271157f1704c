// Which program runs, and when another one is compiled.
#include "compile/programs.h"

#include <algorithm>

#include "compile/pipeline.h"
#include "support/error.h"

namespace tauto {
namespace {

bool has_shapes(const std::vector<std::vector<int64_t>>& shapes, const std::vector<Value>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].tensor.shape() != shapes[i]) return false;
  return true;
}

}  // namespace

Programs::Programs(std::shared_ptr<const Module> m) : module_(std::move(m)), symbolic_(false) {
  for (const Type& t : module_->main().parameter_types()) {
    if (!t.is_tensor() || !t.ranked) {
      symbolic_ = false;
      return;
    }
    symbolic_ = symbolic_ || !t.is_static();
  }
  symbolic_ = symbolic_ && !compile_flags().is_off("specialise");
}

std::shared_ptr<const Executable> Programs::for_all() {
  CompileOptions options;
  options.packed = &packed_;
  if (!for_all_) for_all_ = compile(module_, options);
  return for_all_;
}

bool Programs::wants_its_own(const Shapes& shapes) {
  if (specialised_.size() >= kMostSpecialised) return false;
  if (specialised_.empty() && !for_all_) return true;
  const auto at = std::find(seen_.begin(), seen_.end(), shapes);
  if (at != seen_.end()) {
    seen_.erase(at);
    return true;
  }
  seen_.push_front(shapes);
  if (seen_.size() > kRemembered) seen_.pop_back();
  return false;
}

std::shared_ptr<const Executable> Programs::get(const std::vector<Value>& inputs) {
  if (!symbolic_) return for_all();
  for (const Specialised& s : specialised_)
    if (has_shapes(s.shapes, inputs)) return s.program;
  Shapes shapes;
  for (const Value& v : inputs) shapes.push_back(v.tensor.shape());
  if (!wants_its_own(shapes)) return for_all();
  const std::vector<Type> types = module_->main().parameter_types();
  Env sizes;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!unify(types[i], type_of(inputs[i]), sizes).empty()) return for_all();  // it says so itself
  std::shared_ptr<const Executable> program;
  try {
    CompileOptions options;
    options.sizes = &sizes;
    options.packed = &packed_;
    program = compile(module_, options);
  } catch (const InternalError&) {
    throw;
  } catch (const Error&) {
    program = for_all();  // what has no meaning for these sizes is refused where it is run
  }
  specialised_.push_back({std::move(shapes), std::move(program)});
  return specialised_.back().program;
}

bool Programs::has(const Executable& e) const {
  return &e == for_all_.get() || std::any_of(specialised_.begin(), specialised_.end(),
                                             [&](const Specialised& s) { return s.program.get() == &e; });
}

bool Programs::settled(const Executable& e) const {
  return !symbolic_ || &e != for_all_.get() || specialised_.size() >= kMostSpecialised;
}

}  // namespace tauto
