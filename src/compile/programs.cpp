// Which program runs, and when another one is compiled.
#include "compile/programs.h"

#include <algorithm>

#include "compile/pipeline.h"
#include "compile/program_cache.h"
#include "graph/scanner.h"
#include "support/error.h"

namespace tauto {
namespace {

bool has_shapes(const std::vector<std::vector<int64_t>>& shapes, const std::vector<Value>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].tensor.shape() != shapes[i]) return false;
  return true;
}

}  // namespace

Programs::Programs(std::shared_ptr<const Module> m)
    : Programs(ProgramOrigin{m->main().parameter_types(), [m] { return m; }, nullptr}) {}

Programs::Programs(ProgramOrigin origin) : origin_(std::move(origin)), symbolic_(false) {
  for (const Type& t : origin_.parameters) {
    if (!t.is_tensor() || !t.ranked) {
      symbolic_ = false;
      return;
    }
    symbolic_ = symbolic_ || !t.is_static();
  }
  symbolic_ = symbolic_ && !compile_flags().is_off("specialise");
}

std::shared_ptr<const Executable> Programs::make(const Env& sizes, bool with_stages) {
  const std::optional<ProgramCache> cache = origin_.identity ? ProgramCache::of_environment() : std::nullopt;
  std::string identity;
  if (cache) {
    identity = origin_.identity();
    for (const auto& [name, size] : sizes.values()) identity += cat(" ", quote(name), "=", size);
    if (!with_stages)
      if (std::optional<Artifact> found = cache->find(identity)) return std::move(found->executable);
  }
  CompileOptions options;
  options.sizes = &sizes;
  options.packed = &packed_;
  std::shared_ptr<const Executable> program = compile(origin_.module(), options);
  if (cache) cache->store(identity, *program);
  return program;
}

std::shared_ptr<const Executable> Programs::for_all(bool with_stages) {
  if (!for_all_ || (with_stages && !for_all_->has_stages())) for_all_ = make({}, with_stages);
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

std::shared_ptr<const Executable> Programs::get(const std::vector<Value>& inputs, bool with_stages) {
  if (!symbolic_) return for_all(with_stages);
  for (const Specialised& s : specialised_)
    if (has_shapes(s.shapes, inputs) && (s.program->has_stages() || !with_stages)) return s.program;
  Shapes shapes;
  for (const Value& v : inputs) shapes.push_back(v.tensor.shape());
  const size_t before = specialised_.size();
  std::erase_if(specialised_, [&](const Specialised& s) { return s.shapes == shapes; });
  if (specialised_.size() == before && !wants_its_own(shapes)) return for_all(with_stages);
  Env sizes;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!unify(origin_.parameters[i], type_of(inputs[i]), sizes).empty())
      return for_all(with_stages);  // it says so itself
  std::shared_ptr<const Executable> program;
  try {
    program = make(sizes, with_stages);
  } catch (const InternalError&) {
    throw;
  } catch (const Cancelled&) {
    throw;
  } catch (const Error&) {
    program = for_all(with_stages);  // what has no meaning for these sizes is refused where it is run
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
