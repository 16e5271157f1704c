// The C++ API over LoadedModel.
#include "tauto/model.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "compile/loaded_model.h"
#include "graph/text.h"
#include "runtime/arena.h"

namespace tauto {
namespace {

std::vector<Slot> slots(const NamedTypes& list) {
  std::vector<Slot> r;
  for (const auto& [name, type] : list) r.push_back({name, text_of(type)});
  return r;
}

constexpr size_t kMostInputs = 16;  // and results, of the short way

bool is_aligned(const void* data, ElementType t) {
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(std::min<int64_t>(t.bytes(), 8)) == 0;
}

Tensor tensor_of(Array a, const std::string& where) {
  const auto element = element_type_named(a.element);
  if (!element || element->is_string())
    fail(where, ": required an element type like f32, got \"", a.element, "\"");
  const int64_t count = element_count(a.shape);
  if (count > 0 && !a.data) fail(where, ": required elements, got a null pointer");
  if (!is_aligned(a.data, *element))
    fail(where, ": required elements aligned to their size, got an odd address");
  if (count == 0) return Tensor(*element, std::move(a.shape));
  return Tensor(*element, std::move(a.shape), std::move(a.owner), a.data);
}

// The results if all is ready for such inputs; else nothing, and the long way works or says what is wrong.
std::vector<Array> run_ready(const LoadedModel& m, const std::vector<Array>& inputs,
                             const ExecuteOptions& options) {
  TensorView views[kMostInputs];
  const void* given[kMostInputs];
  if (inputs.size() > kMostInputs) return {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto element = element_type_named(inputs[i].element);
    if (!element || element->is_string() || !inputs[i].data || !is_aligned(inputs[i].data, *element))
      return {};
    views[i] = {*element, inputs[i].shape, inputs[i].data};
    given[i] = inputs[i].data;
  }
  std::optional<ReadyRun> ready = m.ready({views, inputs.size()});
  if (!ready) return {};
  std::vector<Array> results;
  void* places[kMostInputs];
  const std::vector<TensorType>& types = ready->function().results();
  if (types.size() > kMostInputs) return {};
  results.reserve(types.size());
  for (const TensorType& t : types) {
    const auto bytes = static_cast<size_t>(t.bytes() + 63) / 64 * 64;
    std::shared_ptr<void> memory(std::aligned_alloc(64, bytes), std::free);
    if (!memory) throw std::bad_alloc();
    places[results.size()] = memory.get();
    results.push_back({text_of(t.type), t.shape, memory, memory.get()});
  }
  if (!ready->run(given, places, options)) return {};
  return results;
}

// ---- the caller's memory ----

bool is_row_major(std::span<const int64_t> shape, std::span<const int64_t> strides, int64_t bytes) {
  for (size_t d = strides.size(); d-- > 0; bytes *= shape[d])
    if (shape[d] != 1 && strides[d] != bytes) return false;
  return true;
}

// Copies element by element between rows of memory and what is strided.
template <class Copy>
void each_element(std::span<const int64_t> shape, std::span<const int64_t> strides, uint8_t* strided,
                  uint8_t*& rows, int64_t bytes, const Copy& copy) {
  if (shape.empty()) {
    copy(strided, rows);
    rows += bytes;
    return;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    each_element(shape.subspan(1), strides.subspan(1), strided + i * strides[0], rows, bytes, copy);
}

struct Range {  // of addresses
  const uint8_t *first = nullptr, *end = nullptr;
  bool overlaps(const Range& o) const { return first < o.end && o.first < end; }
};

Range range_of(const void* data, std::span<const int64_t> shape, std::span<const int64_t> strides,
               int64_t bytes) {
  const auto* at = static_cast<const uint8_t*>(data);
  if (element_count(shape) == 0) return {at, at};
  if (strides.empty()) return {at, at + element_count(shape) * bytes};
  Range r{at, at + bytes};
  for (size_t d = 0; d < shape.size(); ++d) (strides[d] < 0 ? r.first : r.end) += (shape[d] - 1) * strides[d];
  return r;
}

// An Input or Output, looked at.
struct Placed {
  TensorView view;  // its data: where the run reads or writes, row-major
  uint8_t* given = nullptr;
  std::span<const int64_t> strides;
  Range range;
  int64_t bytes = 0;    // of all elements
  bool copied = false;  // `view` is not what was given
};

template <class T>
Placed placed(const T& a, std::string_view side, size_t i, const NamedTypes& names) {
  const auto where = [&] {
    return i < names.size() ? cat("run: ", side, " \"", names[i].first, "\"") : std::string("run");
  };
  const auto element = element_type_named(a.element);
  if (!element || element->is_string())
    fail(where(), ": required an element type like f32, got \"", a.element, "\"");
  if (!a.strides.empty() && a.strides.size() != a.shape.size())
    fail(where(), ": required ", a.shape.size(), " strides, got ", a.strides.size());
  Placed p;
  p.given = const_cast<uint8_t*>(static_cast<const uint8_t*>(a.data));
  p.bytes = element_count(a.shape) * element->bytes();
  if (p.bytes > 0 && !a.data) fail(where(), ": required elements, got a null pointer");
  p.view = {*element, a.shape, a.data};
  p.strides = is_row_major(a.shape, a.strides, element->bytes()) ? std::span<const int64_t>() : a.strides;
  p.range = range_of(a.data, a.shape, p.strides, element->bytes());
  p.copied = !p.strides.empty() || !is_aligned(a.data, *element);
  return p;
}

void copy_in(const Placed& p, uint8_t* to) {
  const int64_t size = p.view.type.bytes();
  if (p.strides.empty()) {
    std::memcpy(to, p.given, static_cast<size_t>(p.bytes));
    return;
  }
  each_element(p.view.shape, p.strides, p.given, to, size, [&](const uint8_t* strided, uint8_t* row) {
    std::memcpy(row, strided, static_cast<size_t>(size));
  });
}

void copy_out(const Placed& p, const void* from) {
  const int64_t size = p.view.type.bytes();
  auto* rows = static_cast<uint8_t*>(const_cast<void*>(from));
  if (p.strides.empty()) {
    std::memcpy(p.given, rows, static_cast<size_t>(p.bytes));
    return;
  }
  each_element(p.view.shape, p.strides, p.given, rows, size, [&](uint8_t* strided, const uint8_t* row) {
    std::memcpy(strided, row, static_cast<size_t>(size));
  });
}

void require_type(const Placed& p, ElementType type, std::span<const int64_t> shape,
                  const std::string& name) {
  if (p.view.type == type && std::equal(shape.begin(), shape.end(), p.view.shape.begin(), p.view.shape.end()))
    return;
  fail("run: output \"", name, "\": required ", type, shape, ", got ", p.view.type, p.view.shape);
}

// The short way: false if not all is ready for such inputs. `room`: of the calling thread, stops growing.
bool run_ready_into(const LoadedModel& m, std::span<Placed> in, std::span<Placed> out,
                    const ExecuteOptions& options, Arena& room) {
  if (in.size() > kMostInputs || out.size() > kMostInputs) return false;
  TensorView views[kMostInputs];
  for (size_t i = 0; i < in.size(); ++i) views[i] = in[i].view;
  std::optional<ReadyRun> ready = m.ready({views, in.size()});
  if (!ready) return false;
  const std::vector<TensorType>& types = ready->function().results();
  size_t needed = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    Placed& p = out[i];
    require_type(p, types[i].type, types[i].shape, m.outputs()[i].first);
    for (const Placed& q : in) p.copied = p.copied || p.range.overlaps(q.range);
    for (size_t j = 0; j < i; ++j) p.copied = p.copied || p.range.overlaps(out[j].range);
    needed += p.copied ? static_cast<size_t>(p.bytes + 63) / 64 * 64 : 0;
  }
  for (const Placed& p : in) needed += p.copied ? static_cast<size_t>(p.bytes + 63) / 64 * 64 : 0;
  uint8_t* free = room.require(needed);
  const auto take = [&](const Placed& p) {
    uint8_t* at = free;
    free += static_cast<size_t>(p.bytes + 63) / 64 * 64;
    return at;
  };
  const void* inputs[kMostInputs];
  void* results[kMostInputs];
  for (size_t i = 0; i < in.size(); ++i) {
    inputs[i] = in[i].given;
    if (!in[i].copied) continue;
    uint8_t* at = take(in[i]);
    copy_in(in[i], at);
    inputs[i] = at;
  }
  for (size_t i = 0; i < out.size(); ++i) results[i] = out[i].copied ? take(out[i]) : out[i].given;
  if (!ready->run(inputs, results, options)) return false;
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i].copied) copy_out(out[i], results[i]);
  return true;
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

Model Model::load(const std::string& path, bool trust, const std::vector<std::string>& allow) {
  LoadOptions options;
  options.trust = trust;
  options.allowed = Allowed::of(allow, "load: allow");
  return Model(std::make_shared<const LoadedModel>(LoadedModel::load(path, options)));
}

void Model::save(const std::string& path) const { m_->save(path); }

Model Model::from_bytes(std::span<const uint8_t> bytes) {
  return Model(std::make_shared<const LoadedModel>(
      LoadedModel::from_bytes(own(std::vector<uint8_t>(bytes.begin(), bytes.end())), "model")));
}

std::vector<Slot> Model::inputs() const { return slots(m_->inputs()); }
std::vector<Slot> Model::outputs() const { return slots(m_->outputs()); }

std::vector<Array> Model::run(const std::vector<Array>& inputs, const std::function<bool()>& cancelled,
                              int threads) const {
  ExecuteOptions options;
  options.threads = threads;
  if (cancelled) options.cancelled = &cancelled;
  if (std::vector<Array> results = run_ready(*m_, inputs, options); !results.empty()) return results;
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool known = i < m_->inputs().size();
    values.push_back(tensor_of(inputs[i], known ? cat("run: input \"", m_->inputs()[i].first, "\"") : "run"));
  }
  std::vector<Array> results;
  size_t i = 0;
  for (Value& v : m_->execute(m_->order(std::move(values)), options)) {
    const std::string& name = m_->outputs()[i++].first;
    if (!v.is_tensor() || v.tensor.type().is_string())
      fail("run: output \"", name, "\": required a tensor of numbers, got ", type_of(v));
    const auto owner = std::make_shared<const Tensor>(std::move(v.tensor));
    results.push_back({text_of(owner->type()), owner->shape(), owner, owner->raw()});
  }
  return results;
}

void Model::run_into(std::span<const Input> inputs, std::span<const Output> outputs,
                     const std::function<bool()>* cancelled, int threads) const {
  const NamedTypes &in_names = m_->inputs(), &out_names = m_->outputs();
  if (outputs.size() != out_names.size())
    fail("run: required ", out_names.size(), out_names.size() == 1 ? " output" : " outputs", ", got ",
         outputs.size());
  ExecuteOptions options;
  options.threads = threads;
  options.cancelled = cancelled;
  thread_local std::vector<Placed> in, out;
  thread_local Arena room;
  in.clear(), out.clear();
  for (size_t i = 0; i < inputs.size(); ++i) in.push_back(placed(inputs[i], "input", i, in_names));
  for (size_t i = 0; i < outputs.size(); ++i) out.push_back(placed(outputs[i], "output", i, out_names));
  if (run_ready_into(*m_, in, out, options, room)) return;
  std::vector<Value> values;
  for (const Placed& p : in) {
    Tensor t(p.view.type, Shape(p.view.shape.begin(), p.view.shape.end()));
    if (p.bytes > 0) copy_in(p, static_cast<uint8_t*>(t.raw()));
    values.emplace_back(std::move(t));
  }
  const std::vector<Value> results = m_->execute(m_->order(std::move(values)), options);
  for (size_t i = 0; i < results.size(); ++i) {
    const Value& v = results[i];
    if (!v.is_tensor() || v.tensor.type().is_string())
      fail("run: output \"", out_names[i].first, "\": required a tensor of numbers, got ", type_of(v));
    require_type(out[i], v.tensor.type(), v.tensor.shape(), out_names[i].first);
  }
  for (size_t i = 0; i < results.size(); ++i)
    if (out[i].bytes > 0) copy_out(out[i], results[i].tensor.raw());
}

std::string Model::text() const { return print(*m_->module()).text; }

}  // namespace tauto
