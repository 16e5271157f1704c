// ONNX tensors and element types → ours. Aligned raw data are used where they lie in the file.
#include <cmath>
#include <cstring>
#include <limits>

#include "graph/unaligned.h"
#include "onnx/decode_tensor.h"
#include "onnx/import.h"
#include "support/pages.h"

namespace tauto::onnx {
namespace {

struct Pair {
  int32_t onnx;
  ElementType ours;
};
constexpr Pair kTypes[] = {
    {kFloat, f32},
    {kUint8, u8},
    {kInt8, i8},
    {kUint16, u16},
    {kInt16, i16},
    {kInt32, i32},
    {kInt64, i64},
    {kString, text},
    {kBool, boolean},
    {kFloat16, f16},
    {kDouble, f64},
    {kUint32, u32},
    {kUint64, u64},
    {kBfloat16, bf16},
    {kUint4, u4},
    {kInt4, i4},
    {kUint2, u2},
    {kInt2, i2},
    {kComplex64, {Kind::Complex, 64}},
    {kComplex128, {Kind::Complex, 128}},
    {kFloat8e4m3fn, {Kind::F8E4M3FN, 8}},
    {kFloat8e4m3fnuz, {Kind::F8E4M3FNUZ, 8}},
    {kFloat8e5m2, {Kind::F8E5M2, 8}},
    {kFloat8e5m2fnuz, {Kind::F8E5M2FNUZ, 8}},
    {kFloat4e2m1, {Kind::F4E2M1, 4}},
    {kFloat8e8m0, {Kind::F8E8M0, 8}},
};

constexpr int64_t kMaxDense = int64_t{1} << 28;  // elements of a sparse tensor: zeros are made, not read

}  // namespace

ElementType element_type_of(int32_t data_type) {
  for (const Pair& p : kTypes)
    if (p.onnx == data_type) return p.ours;
  fail("element type ", data_type_name(data_type), " is not supported");
}

int32_t data_type_of(ElementType t) {
  for (const Pair& p : kTypes)
    if (p.ours == t) return p.onnx;
  fail("element type ", t, " does not exist in ONNX");
}

// Its errors do not say where: the importer says which initializer or node it is.
static DecodedTensor decoded(const TensorProto& proto, const std::shared_ptr<Storage>& storage) {
  try {
    return decode_tensor(proto, storage);
  } catch (const Error& e) {
    const std::string_view what = e.what();
    const std::string place = cat(storage->name, ": tensor \"", proto.name, "\": ");
    throw Error(std::string(what.substr(what.starts_with(place) ? place.size() : 0)));
  }
}

Tensor tensor_of(const TensorProto& proto, const std::shared_ptr<Storage>& storage) {
  DecodedTensor d = decoded(proto, storage);
  const ElementType e = element_type_of(d.data_type);
  if (e.is_string()) {
    Tensor t(e, d.dims);
    for (size_t i = 0; i < d.strings.size(); ++i) t.data<std::string>()[i] = std::move(d.strings[i]);
    return t;
  }
  if (d.bytes.empty()) return Tensor(e, d.dims);
  Tensor t = canonical_nan(tensor_in(d.bytes, e, d.dims));
  release_pages(d.bytes.span);
  return t;
}

Tensor dense_tensor_of(const SparseTensorProto& t, const std::shared_ptr<Storage>& storage) {
  if (!t.values || !t.indices) fail("a sparse tensor needs values and indices");
  const Tensor values = tensor_of(*t.values, storage), indices = tensor_of(*t.indices, storage);
  if (element_count(t.dims) > kMaxDense)
    fail("sparse tensor: required at most ", kMaxDense, " elements with the zeros, got ", t.dims);
  Tensor out(values.type(), t.dims);
  const std::vector<int64_t> at = indices.as_ints();
  const int64_t rank = out.rank(), n = values.count();
  if (values.type().is_string() || values.rank() != 1 ||
      !(indices.rank() == 1 ? indices.count() == n
                            : indices.rank() == 2 && indices.dim(0) == n && indices.dim(1) == rank))
    fail("sparse tensor: ", type_of(values), " values and ", type_of(indices), " indices do not fit");
  for (int64_t i = 0; i < n; ++i) {
    int64_t linear = 0;
    if (indices.rank() == 1) {
      linear = at[static_cast<size_t>(i)];
    } else {
      for (int64_t d = 0; d < rank; ++d) {
        const int64_t x = at[static_cast<size_t>(i * rank + d)];
        if (x < 0 || x >= out.dim(d)) fail("sparse tensor: index ", x, " is outside dim ", out.dim(d));
        linear = linear * out.dim(d) + x;
      }
    }
    if (linear < 0 || linear >= out.count())
      fail("sparse tensor: index ", linear, " is outside ", out.count(), " elements");
    std::memcpy(static_cast<char*>(out.raw()) + linear * out.element_bytes(),
                static_cast<const char*>(values.raw()) + i * out.element_bytes(),
                static_cast<size_t>(out.element_bytes()));
  }
  return canonical_nan(std::move(out));
}

}  // namespace tauto::onnx
