// The C++ API over LoadedModel.
#include "tauto/model.h"

#include <algorithm>
#include <cstring>

#include "compile/loaded_model.h"
#include "graph/text.h"

namespace tauto {
namespace {

std::vector<Slot> slots(const NamedTypes& list) {
  std::vector<Slot> r;
  for (const auto& [name, type] : list) r.push_back({name, text_of(type)});
  return r;
}

Tensor tensor_of(Array a, const std::string& where) {
  const auto element = element_type_named(a.element);
  if (!element || element->is_string())
    fail(where, ": required an element type like f32, got \"", a.element, "\"");
  const int64_t count = element_count(a.shape);
  if (count > 0 && !a.data) fail(where, ": required elements, got a null pointer");
  if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(std::min<int64_t>(element->bytes(), 8)) !=
      0)
    fail(where, ": required elements aligned to their size, got an odd address");
  if (count == 0) return Tensor(*element, std::move(a.shape));
  return Tensor(*element, std::move(a.shape), std::move(a.owner), a.data);
}

}  // namespace

int semantics_version() { return kSemanticsVersion; }

int64_t Array::count() const { return element_count(shape); }

Array Array::copy(const char* element, std::vector<int64_t> shape, const void* data, size_t count,
                  size_t bytes) {
  const int64_t required = element_count(shape);
  if (required != static_cast<int64_t>(count))
    fail("array ", element, std::span<const int64_t>(shape), ": required ", required, " values, got ", count);
  const auto memory = std::make_shared<std::vector<uint64_t>>((count * bytes + 7) / 8);
  if (count > 0) std::memcpy(memory->data(), data, count * bytes);
  const void* at = memory->data();
  return {element, std::move(shape), memory, at};
}

void Array::require(const char* wanted) const {
  if (element != wanted) fail("array: required elements of ", wanted, ", got ", element);
}

Model Model::load(const std::string& path) {
  return Model(std::make_shared<const LoadedModel>(LoadedModel::load(path)));
}

Model Model::from_bytes(std::span<const uint8_t> bytes) {
  return Model(std::make_shared<const LoadedModel>(
      LoadedModel::from_bytes(own(std::vector<uint8_t>(bytes.begin(), bytes.end())), "model")));
}

std::vector<Slot> Model::inputs() const { return slots(m_->inputs()); }
std::vector<Slot> Model::outputs() const { return slots(m_->outputs()); }

std::vector<Array> Model::run(std::vector<Array> inputs, const std::function<bool()>& cancelled) const {
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool known = i < m_->inputs().size();
    values.push_back(
        tensor_of(std::move(inputs[i]), known ? cat("run: input \"", m_->inputs()[i].first, "\"") : "run"));
  }
  InterpretOptions options;
  if (cancelled) options.cancelled = &cancelled;
  std::vector<Array> results;
  size_t i = 0;
  for (Value& v : m_->run(m_->order(std::move(values)), options)) {
    const std::string& name = m_->outputs()[i++].first;
    if (!v.is_tensor() || v.tensor.type().is_string())
      fail("run: output \"", name, "\": required a tensor of numbers, got ", type_of(v));
    const auto owner = std::make_shared<const Tensor>(std::move(v.tensor));
    results.push_back({text_of(owner->type()), owner->shape(), owner, owner->raw()});
  }
  return results;
}

std::string Model::text() const { return print(*m_->module()).text; }

}  // namespace tauto
